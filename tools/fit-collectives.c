/* fit-collectives: the committed calibration of communication libraries on the open rows of validation/collectives.csv.
 *
 *   fit-collectives [--rows] [--fit] [--leave-out] [--check] [--catalog DIR] [FILE.csv]
 *
 * Prints the error of every stack's rows with the constants of the catalog. With --fit it also fits the constants of the table
 * below by coordinate descent on the mean of |ln(predicted / measured)| (a row counts at most 0.5, so that one odd sweep cannot
 * pull a constant), and prints them beside the catalog's, with the rows that each one moves. --leave-out fits again without each
 * group of rows in turn and predicts the group left out. --rows lists every row. --check fits and exits 1 when a constant of the
 * catalog is further than 3 % from its fit or rests on too few rows. Deterministic; nothing is keyed on a row, a model or a date:
 * a constant belongs to a library, or to a library on a chip family. */
#include "superpod/study.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 1024u
#define WAYS_MAX 24u             /* algorithms of a library for one leg */
#define ERROR_CAP 0.2
#define ROWS_FOR_A_CONSTANT 15u
#define ROUNDS 60
#define CHECK_WITHIN 0.03

/* A constant scales one value of the stacks named, on one family's rows or on all that have no value of their own there. Values
 * that belong together (protocols of one mechanism) move together. */
typedef struct constant {
    const char *name, *stacks, *family;
    size_t offset[4]; uint32_t n_offsets;
    double step, high;
    bool latency;                /* not a stack's: one way through EFA, of catalog/machines/aws-p5.yaml       */
} constant;

#define AT(member) offsetof(sp_stack, member)
#define ONE(member) {AT(member)}, 1
static const constant constants[] = {
    {"engine", " nccl ", NULL, ONE(engine_bytes_per_s), 0.2, 1e14, false},
    {"launch", " nccl ", NULL, ONE(launch_s), 0.3, 1e-3, false},
    {"step of ll, ll128, simple", " nccl ", NULL, {AT(protocol[0].step_s), AT(protocol[1].step_s), AT(protocol[2].step_s)}, 3, 0.3, 1e-3, false},
    {"EFA one way", "", NULL, {0}, 0, 0.3, 1e-3, true},
    {"nic fraction", " deepep uccl-ep ", NULL, ONE(nic.fraction), 0.05, 1, false},
    {"scaleup copy", " deepep uccl-ep ", NULL, ONE(up.copy_s), 0.3, 1e-3, false},
    {"launch", " deepep uccl-ep ", NULL, ONE(launch_s), 0.3, 1e-3, false},
};
#define N_CONSTANTS (sizeof constants / sizeof *constants)

typedef struct row {
    const sp_study_row *row;
    const sp_study_coll *coll;
    sp_coll_measured way[2][WAYS_MAX];
    uint32_t n_ways[2];
    bool efa, left_out;
} row;

typedef struct fit {
    sp_catalog *catalog;
    sp_arena *arena, *measures;
    row *rows;
    uint32_t n_rows;
    const sp_stack *const *stack; uint32_t n_stacks;
    sp_tier *efa;                /* of aws-p5 */
} fit;

static int complain(const sp_error *err)
{
    char text[1200];
    sp_error_format(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 2;
}

/* The catalog's objects are its own; this program is alone with it and writes through. */
static void *open_up(const void *object) { return (void *)(uintptr_t)object; }

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static sp_tier *outer_tier(const sp_machine *machine)
{
    const sp_plane *plane = &machine->planes[0];
    return open_up(&plane->tiers[plane->n_tiers - 1]);
}

static sp_status measure_leg(fit *f, row *r, uint32_t leg, sp_error *err)
{
    const sp_study_leg *l = &r->coll->leg[leg];
    sp_group group;
    sp_status status = sp_coll_group(r->coll->machine, &l->placement, &group, err);
    r->n_ways[leg] = 0;
    for (uint32_t a = 0; a < sp_coll_n_algos && status == SP_OK && r->n_ways[leg] + 2 <= WAYS_MAX; a++) {
        const char *why;
        uint32_t n;
        if (!sp_coll_algos[a].applicable(l->op, &group, &why))
            continue;
        if (sp_coll_measure(&sp_coll_algos[a], l->op, &group, r->coll->machine, &l->placement, r->coll->stack, false, l->replicated,
                            f->measures, &r->way[leg][r->n_ways[leg]], &n, err) == SP_OK)
            r->n_ways[leg] += n;
    }
    return status;
}

static sp_status measure_rows(fit *f, bool efa_only, sp_error *err)
{
    sp_status status = SP_OK;
    for (uint32_t i = 0; i < f->n_rows && status == SP_OK; i++)
        for (uint32_t leg = 0; leg < f->rows[i].coll->n_legs && status == SP_OK; leg++)
            if (!efa_only || f->rows[i].efa)
                status = measure_leg(f, &f->rows[i], leg, err);
    return status;
}

static double predicted_s(const row *r)
{
    double most = 0;
    for (uint32_t leg = 0; leg < r->coll->n_legs; leg++) {
        sp_stack stack = sp_stack_cut(r->coll->stack, r->coll->leg[leg].message_bytes);
        const sp_coll_algo *algo;
        most = fmax(most, sp_coll_least(r->way[leg], r->n_ways[leg], &stack, r->coll->leg[leg].size_bytes, &algo).time_s);
    }
    return most;
}

static sp_status read_rows(fit *f, const char *file, sp_error *err)
{
    static sp_study study;
    const sp_machine *efa;
    sp_status status = sp_study_validate(f->catalog, &file, 1, f->arena, &study, err);
    if (status == SP_OK)
        status = sp_catalog_stacks(f->catalog, &f->stack, &f->n_stacks, err);
    if (status == SP_OK)
        status = sp_catalog_machine(f->catalog, "aws-p5", &efa, err);
    if (status == SP_OK && !(f->rows = sp_arena_alloc(f->arena, ROWS_MAX, sizeof *f->rows)))
        status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for rows");
    if (status != SP_OK)
        return status;
    f->efa = outer_tier(efa);
    for (uint32_t i = 0; i < study.n_rows && f->n_rows < ROWS_MAX; i++)
        if (study.rows[i].coll && study.rows[i].status == SP_STUDY_EXPRESSED) {
            row *r = &f->rows[f->n_rows++];
            r->row = &study.rows[i];
            r->coll = study.rows[i].coll;
            r->efa = outer_tier(r->coll->machine)->nic && outer_tier(r->coll->machine)->latency_s.nominal == f->efa->latency_s.nominal;
        }
    return measure_rows(f, false, err);
}

/* ---- constants ------------------------------------------------------------------------------------------------------- */

static bool names(const char *list, const char *name)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(list, word) != NULL;
}

/* Is there another constant for this value of this stack's family? */
static bool has_own(const constant *c, const sp_stack *stack)
{
    for (size_t i = 0; i < N_CONSTANTS && stack->family; i++)
        if (constants[i].family && names(constants[i].stacks, stack->name) && strcmp(constants[i].family, stack->family) == 0 &&
            constants[i].offset[0] == c->offset[0])
            return true;
    return false;
}

static bool applies(const constant *c, const sp_stack *stack)
{
    if (c->latency || !names(c->stacks, stack->name))
        return false;
    return c->family ? stack->family && strcmp(c->family, stack->family) == 0 : !has_own(c, stack);
}

static sp_value *value_at(const sp_stack *stack, size_t offset)
{
    return (sp_value *)(void *)((char *)open_up(stack) + offset);
}

static double value_of(const fit *f, const constant *c)
{
    for (uint32_t i = 0; i < f->n_stacks && !c->latency; i++)
        if (applies(c, f->stack[i]) && value_at(f->stack[i], c->offset[0])->grade != SP_GRADE_NONE)
            return value_at(f->stack[i], c->offset[0])->nominal;
    return f->efa->latency_s.nominal;
}

static void scale(fit *f, const constant *c, double factor)
{
    for (uint32_t i = 0; i < f->n_stacks; i++)
        for (uint32_t k = 0; k < c->n_offsets && applies(c, f->stack[i]); k++)
            value_at(f->stack[i], c->offset[k])->nominal *= factor;
    if (!c->latency)
        return;
    f->efa->latency_s.nominal *= factor;
    for (uint32_t i = 0; i < f->n_rows; i++)
        if (f->rows[i].efa)
            outer_tier(f->rows[i].coll->machine)->latency_s.nominal = f->efa->latency_s.nominal;
    measure_rows(f, true, NULL);   /* the arena grows by some kB a try */
}

static double loss_of(const row *r)
{
    return fmin(fabs(log(predicted_s(r) / r->coll->measured_s)), ERROR_CAP);
}

static double loss(const fit *f)
{
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_rows; i++)
        if (!f->rows[i].left_out) {
            sum += loss_of(&f->rows[i]);
            n++;
        }
    return n ? sum / n : 0;
}

static uint32_t touched(fit *f, const constant *c)
{
    static double before[ROWS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_rows; i++)
        before[i] = predicted_s(&f->rows[i]);
    scale(f, c, 1.01);
    for (uint32_t i = 0; i < f->n_rows; i++)
        n += fabs(predicted_s(&f->rows[i]) / before[i] - 1) > 1e-4;
    scale(f, c, 1 / 1.01);
    return n;
}

static void descend(fit *f)
{
    double step[N_CONSTANTS], best = loss(f);
    for (size_t c = 0; c < N_CONSTANTS; c++)
        step[c] = constants[c].step;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t c = 0; c < N_CONSTANTS; c++) {
            const double try[2] = {1 + step[c], 1 / (1 + step[c])};
            bool better = false;
            for (int t = 0; t < 2 && !better && step[c] > 1e-3; t++) {
                scale(f, &constants[c], try[t]);
                double here = value_of(f, &constants[c]) <= constants[c].high ? loss(f) : INFINITY;
                better = here < best - 1e-9;
                if (better)
                    best = here;
                else
                    scale(f, &constants[c], 1 / try[t]);
            }
            if (!better)
                step[c] *= 0.6;
        }
}

/* ---- what is printed ------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct error_list { double error[ROWS_MAX]; uint32_t n; } error_list;

static void add_error(error_list *list, const row *r)
{
    double p = predicted_s(r), m = r->coll->measured_s;
    bool is_time = strcmp(r->row->metric, "time_us") == 0;
    list->error[list->n++] = fabs(is_time ? p / m - 1 : m / p - 1);
}

static double median(error_list *list, double at)
{
    if (list->n == 0)
        return NAN;
    qsort(list->error, list->n, sizeof *list->error, by_size);
    return list->error[(uint32_t)(at * (list->n - 1) + 0.5)];
}

static void print_groups(const fit *f)
{
    static error_list list;
    printf("%-14s %-12s %4s  %8s  %8s\n", "stack", "class", "rows", "median", "90th");
    for (uint32_t i = 0; i < f->n_rows; i++) {
        const row *first = &f->rows[i];
        bool seen = false;
        list.n = 0;
        for (uint32_t j = 0; j < f->n_rows; j++) {
            bool same = strcmp(f->rows[j].coll->stack->name, first->coll->stack->name) == 0 &&
                        strcmp(f->rows[j].row->hw_class, first->row->hw_class) == 0;
            seen = seen || (same && j < i);
            if (same)
                add_error(&list, &f->rows[j]);
        }
        if (!seen)
            printf("%-14s %-12s %4u  %6.1f %%  %6.1f %%\n", first->coll->stack->name, first->row->hw_class, list.n,
                   100 * median(&list, 0.5), 100 * median(&list, 0.9));
    }
    list.n = 0;
    for (uint32_t i = 0; i < f->n_rows; i++)
        add_error(&list, &f->rows[i]);
    printf("%-14s %-12s %4u  %6.1f %%  %6.1f %%\n", "all", "", list.n, 100 * median(&list, 0.5), 100 * median(&list, 0.9));
}

static void print_rows(const fit *f)
{
    for (uint32_t i = 0; i < f->n_rows; i++)
        printf("%s %-22s %-14s %-12s measured %10.4g us  predicted %10.4g us  %+.1f %%\n", f->rows[i].row->id, f->rows[i].row->group,
               f->rows[i].row->label, f->rows[i].coll->stack->name, 1e6 * f->rows[i].coll->measured_s, 1e6 * predicted_s(&f->rows[i]),
               100 * (predicted_s(&f->rows[i]) / f->rows[i].coll->measured_s - 1));
}

static uint32_t print_constants(fit *f, const double *before)
{
    uint32_t wrong = 0;
    printf("%-26s %-18s %-8s %11s %11s %5s\n", "constant", "stacks", "family", "catalog", "fitted", "rows");
    for (size_t c = 0; c < N_CONSTANTS; c++) {
        uint32_t n = touched(f, &constants[c]);
        double now = value_of(f, &constants[c]);
        printf("%-26s %-18s %-8s %11.4g %11.4g %5u%s\n", constants[c].name, constants[c].stacks, constants[c].family ? constants[c].family : "",
               before[c], now, n, n < ROWS_FOR_A_CONSTANT ? "  too few" : "");
        wrong += n < ROWS_FOR_A_CONSTANT || fabs(before[c] / now - 1) > CHECK_WITHIN;
    }
    return wrong;
}

static void keep(const fit *f, double *value)
{
    for (size_t c = 0; c < N_CONSTANTS; c++)
        value[c] = value_of(f, &constants[c]);
}

static void put(fit *f, const double *value)
{
    for (size_t c = 0; c < N_CONSTANTS; c++)
        scale(f, &constants[c], value[c] / value_of(f, &constants[c]));
}

/* Every group predicted by what the others say. */
static void leave_out(fit *f)
{
    static error_list fitted, left;
    double all[N_CONSTANTS];
    keep(f, all);
    fitted.n = left.n = 0;
    printf("\n%-22s %4s  %10s  %10s\n", "group left out", "rows", "fitted", "left out");
    for (uint32_t i = 0; i < f->n_rows; i++) {
        static error_list here, there;
        const char *group = f->rows[i].row->group;
        bool seen = false;
        here.n = there.n = 0;
        for (uint32_t j = 0; j < f->n_rows; j++) {
            f->rows[j].left_out = strcmp(f->rows[j].row->group, group) == 0;
            seen = seen || (f->rows[j].left_out && j < i);
        }
        if (seen)
            continue;
        put(f, all);
        for (uint32_t j = 0; j < f->n_rows; j++)
            if (f->rows[j].left_out) {
                add_error(&here, &f->rows[j]);
                add_error(&fitted, &f->rows[j]);
            }
        descend(f);
        for (uint32_t j = 0; j < f->n_rows; j++)
            if (f->rows[j].left_out) {
                add_error(&there, &f->rows[j]);
                add_error(&left, &f->rows[j]);
            }
        printf("%-22s %4u  %8.1f %%  %8.1f %%\n", group, here.n, 100 * median(&here, 0.5), 100 * median(&there, 0.5));
    }
    for (uint32_t j = 0; j < f->n_rows; j++)
        f->rows[j].left_out = false;
    put(f, all);
    double a = median(&fitted, 0.5), b = median(&left, 0.5);
    printf("%-22s %4u  %8.1f %%  %8.1f %%  %.2f x\n", "all", fitted.n, 100 * a, 100 * b, b / a);
}

int main(int argc, char **argv)
{
    static fit f;
    const char *file = "validation/collectives.csv", *catalog = "catalog";
    bool rows = false, fitting = false, checking = false, leaving = false;
    uint32_t wrong = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rows") == 0)
            rows = true;
        else if (strcmp(argv[i], "--fit") == 0)
            fitting = true;
        else if (strcmp(argv[i], "--leave-out") == 0)
            fitting = leaving = true;
        else if (strcmp(argv[i], "--check") == 0)
            fitting = checking = true;
        else if (strcmp(argv[i], "--catalog") == 0 && i + 1 < argc)
            catalog = argv[++i];
        else if (argv[i][0] != '-')
            file = argv[i];
        else {
            fprintf(stderr, "usage: fit-collectives [--rows] [--fit] [--leave-out] [--check] [--catalog DIR] [FILE.csv]\n");
            return 2;
        }
    }
    sp_error err = {0};
    f.arena = sp_arena_create();
    f.measures = sp_arena_create();
    if (!f.arena || !f.measures || sp_catalog_open(catalog, &f.catalog, &err) != SP_OK || read_rows(&f, file, &err) != SP_OK)
        return complain(&err);
    print_groups(&f);
    if (fitting) {
        double before[N_CONSTANTS];
        keep(&f, before);
        descend(&f);
        printf("\nafter the fit, loss %.4f\n", loss(&f));
        print_groups(&f);
        wrong = print_constants(&f, before);
    }
    if (leaving)
        leave_out(&f);
    if (rows)
        print_rows(&f);
    sp_catalog_close(f.catalog);
    sp_arena_destroy(f.measures);
    sp_arena_destroy(f.arena);
    return checking && wrong ? 1 : 0;
}
