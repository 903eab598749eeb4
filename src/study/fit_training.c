/* Constants that training steps add to kernels: the energy of a FLOP per chip family and width of format, and factors on attention,
 * memory-bound work, collectives and routing per software product line. Mixtures of experts are among the rows: dense ones alone do
 * not tell attention and element-wise work apart. */
#include "fit_i.h"

#include <math.h>
#include <string.h>

#define ORIGIN "the open rows of validation/training.csv"
#define PART_WEIGHT 0.5     /* of rows that do not state their whole configuration */
#define ENERGY_START 0.6   /* of the peak at the chip's power: low enough that the energy of a FLOP bounds the rate of every row */
#define WIDTH 0.5    /* a value 1.65 times its middle, or a part of it, weighs as one row that is 6 % off */
#define ENERGY_WIDTH 0.25   /* narrower: where power hardly binds, rows do not tell, and an energy that binds nothing is a poor guess */
#define ENERGY_FREE 0.95    /* of the energy at which the chip's power sustains its peak: bounds nothing */

typedef struct training {
    const sp_study_row **row;
    const sp_study_run **run;
    sp_pricer **pricer;
    sp_layout *layout;
} training;

static bool is_narrow(const sp_study_run *run)
{
    sp_format used = run->plan.precision;
    sp_format format = sp_chip_has_format(run->machine->chip, run->plan.precision, &used) ? run->plan.precision : used;
    return sp_format_bytes(format) < 1.5;
}

#define NARROW "energy_narrow_pj_per_flop"
#define WIDE "energy_pj_per_flop"

#define ROUTE "route_factor"

static bool touches(const sp_i_fit *fit, const sp_i_fit_constant *c, uint32_t row)
{
    const sp_study_run *run = ((const training *)fit->own)->run[row];
    if (strcmp(c->key, NARROW) == 0 || strcmp(c->key, WIDE) == 0)
        return strcmp(run->machine->chip->family, c->of) == 0 && is_narrow(run) == (strcmp(c->key, NARROW) == 0);
    const sp_software *line = sp_machine_software(run->machine, run->plan.software);
    if (strcmp(c->key, ROUTE) == 0)
        return line && line->route_factor.grade != SP_GRADE_NONE && sp_model_has_experts(run->model);
    return line && strcmp(line->name, c->of) == 0;
}

/* ---- predictions ------------------------------------------------------------------------------------------------------- */

static double run(sp_i_fit *fit, uint32_t row)
{
    const training *t = fit->own;
    sp_arena *scratch = sp_arena_create();
    sp_train_report report;
    sp_error err;
    double step_s = NAN;
    memset(&report, 0, sizeof report);
    sp_pricer_renew(t->pricer[row]);
    if (scratch && sp_pricer_train(t->pricer[row], &t->run[row]->plan, false, scratch, &report, NULL, &err) == SP_OK)
        step_s = report.step_time_s;
    sp_arena_destroy(scratch);
    return step_s;
}

static double predict(sp_i_fit *fit, uint32_t row)
{
    const training *t = fit->own;
    sp_price price;
    sp_error err;
    sp_pricer_renew(t->pricer[row]);
    if (sp_pricer_price(t->pricer[row], &t->run[row]->plan, &t->layout[row], &price, &err) != SP_OK)
        return run(fit, row);
    return price.lower_bound_s * fit->row[row].ratio;
}

/* ---- constants --------------------------------------------------------------------------------------------------------- */

static sp_status add_energy(const sp_i_own *own, sp_i_fit *fit, const sp_chip *chip, bool narrow, sp_error *err)
{
    sp_format format = narrow && sp_chip_has_format(chip, SP_FMT_FP8, NULL) ? SP_FMT_FP8 : SP_FMT_BF16;
    size_t offset = narrow ? offsetof(sp_chip_fit, energy_narrow_pj_per_flop) : offsetof(sp_chip_fit, energy_pj_per_flop);
    sp_i_fit_constant c = {.of = chip->family, .key = narrow ? NARROW : WIDE, .unit = "", .scale = 1, .origin = ORIGIN,
                           .why = "power bounds no matrix rate", .width = ENERGY_WIDTH, .low = 0.05, .high = 10};
    c.otherwise = ENERGY_FREE * chip->tdp_w.nominal / chip->matrix_flop_per_s[format].nominal * 1e12;
    c.start = c.otherwise / ENERGY_FREE / ENERGY_START;
    for (uint32_t i = 0; i < own->n_chips; i++) {   /* where there is none: one that bounds nothing */
        sp_value *v = (sp_value *)(void *)((char *)&own->chip[i].mine->fit + offset);
        if (strcmp(chip->family, own->chip[i].mine->family) == 0 && v->grade == SP_GRADE_NONE)
            *v = sp_value_of(c.low, SP_GRADE_GUESS, "not fitted");
    }
    sp_i_family_spots(own, &c, chip->family, offset);
    return sp_i_fit_add(fit, &c, err);
}

static sp_status add_energies(const sp_i_own *own, sp_i_fit *fit, sp_error *err)
{
    sp_status status = SP_OK;
    for (uint32_t i = 0; i < own->n_chips && status == SP_OK; i++) {
        bool known = false;
        for (uint32_t k = 0; k < i; k++)
            known |= strcmp(own->chip[k].mine->family, own->chip[i].mine->family) == 0;
        for (int narrow = 0; narrow < 2 && !known && status == SP_OK; narrow++)
            status = add_energy(own, fit, own->chip[i].mine, narrow, err);
    }
    return status;
}

/* Bounds are what the factor can mean. Attention: kernels of the best of the generation, to those of two before. Element-wise work: fused
 * bytes, to every operator a pass of its own. Collectives beside compute: as fast as alone, to a third of it. Routing: its bytes once, to
 * small kernels and padding. */
typedef struct factor { const char *key; size_t offset; double start, low, high; } factor;
static const factor factors[] = {{"attention_factor", offsetof(sp_software, attention_factor), 1.2, 0.9, 3},
                                 {"vector_factor", offsetof(sp_software, vector_factor), 1.6, 1, 4},
                                 {"comm_factor", offsetof(sp_software, comm_factor), 1.3, 1, 3}};
static const factor route = {ROUTE, offsetof(sp_software, route_factor), 2, 0.5, 6};

static sp_i_fit_constant constant_of(const char *of, const factor *f)
{
    return (sp_i_fit_constant){.of = of, .key = f->key, .unit = "", .scale = 1, .origin = ORIGIN, .start = f->start, .otherwise = f->start,
                               .why = "middle of the fitted lines", .low = f->low, .high = f->high, .width = WIDTH};
}

static void add_spot(const sp_i_own *own, sp_i_fit_constant *c, sp_software *line, size_t offset)
{
    sp_i_fit_place(c, sp_arena_printf(own->arena, "software/%s.yaml", line->name), NULL, 1);
    sp_i_fit_spot(c, &((sp_value *)(void *)((char *)line + offset))->nominal, 1);
}

/* Routing is one constant of all lines that have it: too few rows outside Megatron-Bridge. */
static sp_status add_factors(const sp_i_own *own, sp_i_fit *fit, sp_error *err)
{
    sp_status status = SP_OK;
    sp_i_fit_constant routing = constant_of("all", &route);
    for (uint32_t i = 0; i < own->n_software; i++) {
        sp_software *line = own->software[i];
        for (size_t k = 0; k < sizeof factors / sizeof factors[0] && status == SP_OK; k++) {
            sp_i_fit_constant c = constant_of(line->name, &factors[k]);
            add_spot(own, &c, line, factors[k].offset);
            status = sp_i_fit_add(fit, &c, err);
        }
        if (line->route_factor.grade != SP_GRADE_NONE && routing.n_places < SP_I_FIT_PLACES)
            add_spot(own, &routing, line, route.offset);
    }
    return status == SP_OK && routing.n_spots ? sp_i_fit_add(fit, &routing, err) : status;
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

/* An earlier row that is predicted from the same machine, model and plan. */
static uint32_t twin_of(const training *t, uint32_t row)
{
    for (uint32_t i = 0; i < row; i++) {
        const sp_model *a = t->run[i]->model, *b = t->run[row]->model;
        if (t->run[i]->machine == t->run[row]->machine && strcmp(a->name, b->name) == 0 && a->hidden == b->hidden &&
            a->n_layers == b->n_layers && a->mtp_layers == b->mtp_layers && strcmp(t->row[i]->plan, t->row[row]->plan) == 0)
            return i;
    }
    return row;
}

static sp_status take_row(sp_i_own *own, training *t, const sp_study_row *row, sp_i_fit *fit, sp_error *err)
{
    sp_study_run *mine = sp_arena_alloc(fit->arena, 1, sizeof *mine);
    if (!mine)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a row of the fit");
    *mine = *row->run;
    mine->machine = sp_i_own_machine(own, row->run->machine);
    if (!mine->machine)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a row of the fit");
    uint32_t i = fit->n_rows;
    t->run[i] = mine;
    t->row[i] = row;
    t->pricer[i] = NULL;
    uint32_t twin = twin_of(t, i);
    sp_status status = sp_plan_layout(&mine->plan, mine->machine, &t->layout[i], err);
    if (status == SP_OK && twin == i)
        status = sp_pricer_create(mine->machine, mine->model, &t->pricer[i], err);
    if (status == SP_OK)
        fit->row[fit->n_rows++] = (sp_i_fit_row){.by = {row->group[0] ? row->group : row->id, row->source, row->hw_class}, .ratio = 1, .twin = twin,
                                                 .weight = row->full ? 1 : PART_WEIGHT,
                                                 .measured = row->run->step_time_s / (1 + row->slow)};
    return status;
}

static sp_status make(sp_i_own *own, const char *const *paths, uint32_t n_paths, sp_i_fit *fit, sp_error *err)
{
    sp_study study;
    sp_status status = sp_study_validate(own->catalog, paths, n_paths, fit->arena, &study, err);
    if (status != SP_OK)
        return status;
    training *t = sp_arena_alloc(fit->arena, 1, sizeof *t);
    if (!t || !(t->row = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof *t->row)) ||
        !(t->run = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof *t->run)) ||
        !(t->pricer = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof *t->pricer)) ||
        !(t->layout = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof *t->layout)) ||
        !(fit->row = sp_arena_alloc(fit->arena, study.n_rows + 1, sizeof *fit->row)))
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u rows", study.n_rows);
    fit->own = t;
    for (uint32_t i = 0; i < study.n_rows && status == SP_OK; i++)
        if (study.rows[i].status == SP_STUDY_EXPRESSED && study.rows[i].run)
            status = take_row(own, t, &study.rows[i], fit, err);
    fit->predict = predict;
    fit->run = run;
    fit->touches = touches;
    fit->cycles = 5;
    fit->rounds = 6;
    fit->first_step = 0.16;
    if (status == SP_OK)
        status = add_energies(own, fit, err);
    return status == SP_OK ? add_factors(own, fit, err) : status;
}

static void done(sp_i_fit *fit, sp_study_calibration *out)
{
    (void)out;
    const training *t = fit->own;
    for (uint32_t i = 0; t && i < fit->n_rows; i++)
        sp_pricer_destroy(t->pricer[i]);
}

const sp_i_fit_part sp_i_fit_training = {"training", "model", "validation/training.csv", make, done};
