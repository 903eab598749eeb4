/* What communication libraries add to the wire: one row a product line. Values are what small-message sizes of published
 * sweeps suggest; docs/models/analytic.md says what they cover. */
#include "superpod/fabric.h"

#include <string.h>

#define FIXED(x, g, s) {(x), (x), (x), SP_GRADE_##g, (s)}
#define SPREAD(l, n, h, s) {(l), (n), (h), SP_GRADE_GUESS, (s)}

/* What posting one more message of a step costs an endpoint: o of LogGP (Alexandrov et al. 1995). Without it a direct
 * exchange among thousands would look as quick as one between two. */
#define MESSAGE SPREAD(5e-9, 20e-9, 100e-9, "guess: endpoints post 10 to 200 million messages a second; adapters list 200 M/s and more")

static const sp_stack stacks[] = {
    {"ideal", FIXED(0, DERIVED, "no software"), FIXED(0, DERIVED, "no software"), FIXED(0, DERIVED, "no software"),
     FIXED(1, DERIVED, "no software"), FIXED(1, DERIVED, "no software")},
    {"nccl", {12e-6, 28e-6, 45e-6, SP_GRADE_FITTED, "floor of small all-reduces in the open sweeps of validation/collectives.csv (A100 44 us, H200 30 us in a "
      "node): 127 rows; a stream of captured collectives pays less"},
     {1e-6, 3e-6, 6e-6, SP_GRADE_FITTED, "rise of the same sweeps between 1 and 64 MiB: 127 rows"}, MESSAGE,
     SPREAD(0.80, 0.88, 0.95, "guess: large-message bus bandwidth over payload rate in AWS, Azure, CoreWeave sweeps"),
     SPREAD(0.7, 0.85, 0.95, "guess: streaming fraction of HBM")},
    {"deepep", SPREAD(4e-6, 8e-6, 15e-6, "guess: one kernel that sends, waits and receives"),
     SPREAD(0.5e-6, 1e-6, 2e-6, "guess: a flag after the data"), MESSAGE,
     SPREAD(0.80, 0.88, 0.95, "guess: DeepEP reports 43 to 58 of 50 GB/s with copies that stay counted"),
     SPREAD(0.7, 0.85, 0.95, "guess: streaming fraction of HBM")},
    {"hccl", SPREAD(4e-6, 8e-6, 20e-6, "guess: as NCCL; no HCCL size sweep is public"),
     SPREAD(0.5e-6, 1e-6, 2e-6, "guess: CCU offload answers in under a microsecond"), MESSAGE,
     SPREAD(0.75, 0.86, 0.95, "guess: CloudMatrix384 reads reach 84-85 % of the UB rate (table 1)"),
     SPREAD(0.7, 0.85, 0.95, "guess: streaming fraction of HBM")},
    {"rccl", SPREAD(6e-6, 12e-6, 25e-6, "guess: as NCCL, slower launch"), SPREAD(0.7e-6, 1.5e-6, 3e-6, "guess: as NCCL"), MESSAGE,
     SPREAD(0.7, 0.80, 0.9, "guess: published MI300X bus bandwidth"), SPREAD(0.7, 0.85, 0.95, "guess: streaming fraction")},
    {"libtpu", SPREAD(1e-6, 3e-6, 6e-6, "guess: compiled in, no host launch"),
     SPREAD(0.3e-6, 0.6e-6, 1e-6, "guess: ICI neighbour step"), MESSAGE,
     SPREAD(0.8, 0.9, 0.97, "guess: compiled torus collectives"),
     SPREAD(0.7, 0.85, 0.95, "guess: streaming fraction")},
    {"neuron", SPREAD(4e-6, 10e-6, 20e-6, "guess: as NCCL"), SPREAD(0.7e-6, 1.5e-6, 3e-6, "guess: as NCCL"), MESSAGE,
     SPREAD(0.7, 0.8, 0.9, "guess: as RCCL"), SPREAD(0.7, 0.85, 0.95, "guess: streaming fraction")},
};
#define N_STACKS (sizeof stacks / sizeof stacks[0])

const sp_stack *sp_stack_find(const char *name)
{
    for (size_t i = 0; i < N_STACKS; i++)
        if (strcmp(stacks[i].name, name) == 0)
            return &stacks[i];
    return NULL;
}

const char *const *sp_stack_names(void)
{
    static const char *const names[] = {"ideal", "nccl", "deepep", "hccl", "rccl", "libtpu", "neuron", NULL};
    return names;
}

const sp_stack *sp_stack_default(const sp_chip *chip)
{
    static const struct { const char *vendor, *stack; } rows[] = {
        {"Huawei", "hccl"}, {"NVIDIA", "nccl"}, {"AMD", "rccl"}, {"Google", "libtpu"}, {"AWS", "neuron"}};
    for (size_t i = 0; chip && chip->vendor && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].vendor, chip->vendor) == 0)
            return sp_stack_find(rows[i].stack);
    return sp_stack_find("nccl");
}
