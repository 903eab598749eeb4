/* Llama 3 70B on 1,024 chips, tensor-parallel over a board, for tests of placements and recovery: include after cmocka.h, superpod/cluster.h and
 * superpod/topo.h, after MACHINE, a name or string of the catalog. */
#ifndef PLACED_FIXTURE_H
#define PLACED_FIXTURE_H

static sp_catalog *catalog;
static sp_arena *arena;
static const sp_machine *machine;
static const sp_model *model;
static sp_plan plan;

static int set_up(void **state)
{
    (void)state;
    arena = sp_arena_create();
    plan = sp_plan_default();
    plan.tp = 8;
    plan.dp = 128;
    plan.gbs = 512;
    plan.seq = 4096;
    plan.recompute = SP_RECOMPUTE_FULL;
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK && sp_catalog_machine(catalog, MACHINE, &machine, NULL) == SP_OK
                   && sp_model_load("catalog/models/llama3-70b.yaml", NULL, arena, &model, NULL) == SP_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}

#endif
