/* The whole of a calibration: files in, parts fitted one after the other, constants out. */
#include "fit_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In the order of the fits: what is fitted first holds for those after it. */
static const sp_i_fit_part *const parts[] = {&sp_i_fit_kernels, &sp_i_fit_collectives, &sp_i_fit_training, &sp_i_fit_layouts};
#define N_PARTS (sizeof parts / sizeof parts[0])

const char *sp_study_fit_name(size_t index) { return index < N_PARTS ? parts[index]->name : NULL; }

const char *sp_study_leave_name(size_t index)
{
    static const char *const names[] = {"group", "source", "class"};
    return index < SP_STUDY_LEAVES ? names[index] : NULL;
}

/* Which part reads each file. */
static sp_status sort_files(const char *const *paths, uint32_t n_paths, size_t *part_of, sp_error *err)
{
    for (uint32_t f = 0; f < n_paths; f++) {
        sp_csv *csv;
        sp_status status = sp_csv_load(paths[f], &csv, err);
        if (status != SP_OK)
            return status;
        for (part_of[f] = 0; part_of[f] < N_PARTS && sp_csv_column(csv, parts[part_of[f]]->column) < 0; part_of[f]++)
            continue;
        if (sp_csv_column(csv, "benchmark") >= 0)   /* MLPerf's, told by that column before any other: kept to validate on */
            part_of[f] = N_PARTS;
        sp_csv_destroy(csv);
        if (part_of[f] == N_PARTS)
            return sp_error_set(err, SP_E_PARSE, paths[f], 1, 1, "no constants are fitted on a table of these columns: expected one of kernels "
                                "('kernel'), collectives ('ranks'), training steps ('model') or layouts ('%s')", sp_i_fit_layouts.column);
    }
    return SP_OK;
}

static uint32_t groups_of(const sp_i_fit *fit, const uint32_t *rows, uint32_t n)
{
    uint32_t groups = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool seen = false;
        for (uint32_t j = 0; j < i && !seen; j++)
            seen = strcmp(fit->row[rows ? rows[i] : i].by[fit->leave], fit->row[rows ? rows[j] : j].by[fit->leave]) == 0;
        groups += !seen;
    }
    return groups;
}

/* The sets that were left out, worst first. */
static int worse_first(const void *a, const void *b)
{
    const sp_study_left *x = a, *y = b;
    double by = (y->error_left_out - y->error_fitted) - (x->error_left_out - x->error_fitted);
    return by > 0 ? 1 : by < 0 ? -1 : strcmp(x->name, y->name);
}

static sp_status tell_left(const sp_i_fit_part *part, const sp_i_fit *fit, sp_arena *arena, sp_study_calibration *out, sp_error *err)
{
    sp_study_left *all = sp_arena_alloc(arena, out->n_left + fit->n_left + 1, sizeof *all);
    if (!all)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the sets left out");
    if (out->n_left)
        memcpy(all, out->left, out->n_left * sizeof *all);
    for (uint32_t i = 0; i < fit->n_left; i++) {
        all[out->n_left + i] = fit->left[i];
        all[out->n_left + i].part = part->name;
        if (!(all[out->n_left + i].name = sp_arena_strdup(arena, fit->left[i].name)))   /* rows' words may go with their table */
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the sets left out");
    }
    qsort(all + out->n_left, fit->n_left, sizeof *all, worse_first);
    out->left = all;
    out->n_left += fit->n_left;
    return SP_OK;
}

static sp_status tell(const sp_i_fit_part *part, const sp_i_fit *fit, sp_arena *arena, sp_study_calibration *out, sp_error *err)
{
    sp_study_constant *all = sp_arena_alloc(arena, out->n_constants + fit->n_constants + fit->n_mute + 1, sizeof *all);
    if (!all)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the constants");
    if (out->n_constants)
        memcpy(all, out->constants, out->n_constants * sizeof *all);
    out->constants = all;
    for (uint32_t k = 0; k < fit->n_constants + fit->n_mute; k++) {
        const sp_i_fit_constant *c = &fit->constant[k];
        sp_study_place *places = sp_arena_alloc(arena, c->n_places + 1, sizeof *places);
        if (!places)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the constants");
        memcpy(places, c->place, c->n_places * sizeof *places);
        all[out->n_constants++] = (sp_study_constant){
            .part = part->name, .of = c->of, .key = c->key, .unit = c->unit, .kept = k < fit->n_constants ? NULL : c->why, .origin = c->origin, .places = places, .n_places = c->n_places,
            .value = c->value, .low = fmax(c->low, fmin(c->least, 0.9 * c->value)), .high = fmin(c->high, fmax(c->most, 1.1 * c->value)),
            .catalog = c->catalog, .rows = c->n_speak, .groups = groups_of(fit, c->row, c->n_rows), .error_fitted = c->error,
            .error_left_out = c->error_left_out};
        out->n_fitted += k < fit->n_constants;
    }
    sp_study_fit *told = &out->fit[out->n_fits++];
    *told = (sp_study_fit){part->name, fit->n_rows, groups_of(fit, NULL, fit->n_rows), fit->n_constants, 0, 0};
    for (uint32_t i = 0; i < fit->n_rows; i++) {
        told->error_fitted += fit->row[i].error / fit->n_rows;
        told->error_left_out += fit->row[i].error_left_out / fit->n_rows;
    }
    return tell_left(part, fit, arena, out, err);
}

static sp_status fit_part(const sp_i_fit_part *part, sp_i_own *own, const char *const *paths, uint32_t n_paths, sp_study_leave leave,
                          sp_arena *arena, sp_study_calibration *out, sp_error *err)
{
    sp_i_fit fit = {.arena = arena, .leave = leave};
    sp_status status = part->make(own, paths, n_paths, &fit, err);
    if (status == SP_OK) {
        sp_i_fit_all(&fit);
        status = tell(part, &fit, arena, out, err);
    }
    part->done(&fit, status == SP_OK ? out : NULL);
    return status;
}

static sp_status check_only(const char *only, sp_error *err)
{
    for (size_t p = 0; p < N_PARTS; p++)
        if (!only || strcmp(only, parts[p]->name) == 0)
            return SP_OK;
    return sp_error_set(err, SP_E_NOTFOUND, NULL, 0, 0, "nothing called '%s' is fitted", only);
}

sp_status sp_study_calibrate(sp_catalog *catalog, const char *const *paths, uint32_t n_paths, const char *only, sp_study_leave leave,
                             sp_arena *arena, sp_study_calibration *out, sp_error *err)
{
    sp_study_calibration calibration;
    memset(&calibration, 0, sizeof calibration);
    sp_i_own own;
    size_t *part_of = sp_arena_alloc(arena, n_paths + 1, sizeof *part_of);
    const char **mine = sp_arena_alloc(arena, n_paths + 1, sizeof *mine);
    if (!part_of || !mine)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for %u tables", n_paths);
    sp_status status = check_only(only, err);
    if (status == SP_OK)
        status = sort_files(paths, n_paths, part_of, err);
    if (status == SP_OK)
        status = sp_i_own_create(catalog, arena, &own, err);
    for (size_t p = 0; p < N_PARTS && status == SP_OK; p++) {
        uint32_t n = 0;
        for (uint32_t f = 0; f < n_paths; f++)
            if (part_of[f] == p)
                mine[n++] = paths[f];
        if (n && (!only || strcmp(only, parts[p]->name) == 0))
            status = fit_part(parts[p], &own, mine, n, leave, arena, &calibration, err);
    }
    if (status == SP_OK && calibration.n_fits == 0)
        status = sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "none of the files is a table of %s", only ? only : "measurements to fit on");
    if (status == SP_OK)
        *out = calibration;
    return status;
}
