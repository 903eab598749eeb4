/* One descent for every part of the calibration, coordinate by coordinate. What is minimised: fit_i.h. */
#include "fit_i.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCALE 0.05       /* errors beyond it pull less and less; releases of one framework differ by 0.06 */
#define GAIN 1e-5        /* less is no gain: the path must not hang on the last bit of a logarithm */
#define NUDGE 1.1        /* of a constant, to see how an event run follows it                       */
#define CLIMBS 3         /* steps one way before the next constant has its turn                     */

/* A group moves its constants by some per cent; of a source or a class a constant may lose most rows, and goes further. */
static const struct { uint32_t rounds; double step; } left_out[SP_STUDY_LEAVES] = {
    [SP_STUDY_LEAVE_GROUP] = {3, 0.04}, [SP_STUDY_LEAVE_SOURCE] = {6, 0.16}, [SP_STUDY_LEAVE_CLASS] = {6, 0.16}};

/* As a file has it. */
static double on_grid(double value, int digits)
{
    char text[32];
    snprintf(text, sizeof text, "%.*g", digits, value);
    return strtod(text, NULL);
}

void sp_i_fit_set(sp_i_fit_constant *c, double value)
{
    c->value = on_grid(fmin(c->high, fmax(c->low, value)), 3);
    for (uint32_t i = 0; i < c->n_spots; i++)
        *c->spot[i].at = on_grid(c->value * c->spot[i].times, 4) * c->scale;
}

void sp_i_fit_spot(sp_i_fit_constant *c, double *at, double times)
{
    assert(c->n_spots < SP_I_FIT_SPOTS);
    c->spot[c->n_spots].at = at;
    c->spot[c->n_spots++].times = times;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

void sp_i_fit_place(sp_i_fit_constant *c, const char *file, const char *under, double times)
{
    for (uint32_t i = 0; i < c->n_places; i++)
        if (same_text(c->place[i].file, file) && same_text(c->place[i].under, under))
            return;
    assert(c->n_places < SP_I_FIT_PLACES);
    c->place[c->n_places++] = (sp_study_place){file, under, times};
}

bool sp_i_in_list(const char *list, const char *name)
{
    size_t n = strlen(name);
    if (strcmp(list, "all") == 0)
        return true;
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

sp_status sp_i_fit_add(sp_i_fit *fit, const sp_i_fit_constant *constant, sp_error *err)
{
    sp_i_fit_constant c = *constant;
    c.row = sp_arena_alloc(fit->arena, fit->n_rows, sizeof *c.row);
    if (!c.row)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a fit");
    c.n_rows = 0;
    for (uint32_t i = 0; i < fit->n_rows; i++)
        if (fit->touches(fit, &c, i))
            c.row[c.n_rows++] = i;
    if (c.n_rows < SP_I_FIT_LEAST_ROWS)
        return SP_OK;
    if (fit->n_constants == fit->room) {
        uint32_t room = fit->room ? 2 * fit->room : 32;
        sp_i_fit_constant *more = sp_arena_alloc(fit->arena, room, sizeof *more);
        if (!more)
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a fit");
        if (fit->n_constants)
            memcpy(more, fit->constant, fit->n_constants * sizeof *more);
        fit->constant = more;
        fit->room = room;
    }
    c.catalog = c.n_spots ? *c.spot[0].at / c.scale : NAN;
    fit->constant[fit->n_constants++] = c;
    return SP_OK;
}

static double error_of(const sp_i_fit_row *r)
{
    return isfinite(r->predicted) && r->predicted > 0 ? fmin(SP_I_FIT_CAP, fabs(log(r->predicted / r->measured))) : SP_I_FIT_CAP;
}

/* The closed form, corrected for how the event run was seen to follow each constant. */
static double predict(sp_i_fit *fit, uint32_t i)
{
    const sp_i_fit_row *r = &fit->row[i];
    double value = fit->predict(fit, r->twin);
    for (uint32_t f = 0; f < r->n_follows; f++) {
        double now = fit->constant[r->follow[f].constant].value;
        if (now != r->follow[f].at && r->follow[f].extra != 0)
            value *= pow(now / r->follow[f].at, r->follow[f].extra);
    }
    return value;
}

/* What rests on a constant of the sum that is made least: its rows that are not left out, predicted anew, and its distance from the middle. */
static double loss(sp_i_fit *fit, const sp_i_fit_constant *c)
{
    double away = c->width > 0 ? log(c->value / c->start) / c->width : 0, sum = away * away;
    for (uint32_t i = 0; i < c->n_rows; i++) {
        sp_i_fit_row *r = &fit->row[c->row[i]];
        r->predicted = r->twin == c->row[i] ? predict(fit, r->twin) : fit->row[r->twin].predicted;
        double e = (isfinite(r->predicted) && r->predicted > 0 ? log(r->predicted / r->measured) : 10) / SCALE;
        sum += r->out ? 0 : r->weight * log1p(e * e);
    }
    return sum;
}

static void nudge(sp_i_fit_constant *c, double factor)
{
    for (uint32_t k = 0; k < c->n_spots; k++)
        *c->spot[k].at = factor * c->value * c->scale * c->spot[k].times;
}

/* How event run and closed form follow constant k at row i. */
static void find_slope(sp_i_fit *fit, uint32_t k, uint32_t i)
{
    sp_i_fit_constant *c = &fit->constant[k];
    sp_i_fit_row *r = &fit->row[i];
    if (r->n_follows == SP_I_FIT_FOLLOWS)
        return;
    double closed = r->predicted;
    nudge(c, NUDGE);
    double run = log(fit->run(fit, i) / closed), bound = log(fit->predict(fit, i) / closed);
    nudge(c, 1);
    if (isfinite(run) && isfinite(bound))
        r->follow[r->n_follows++] = (sp_i_fit_follow){k, c->value, (run - bound) / log(NUDGE), run / log(NUDGE)};
}

static void copy_twin(sp_i_fit_row *r, const sp_i_fit_row *twin)
{
    r->ratio = twin->ratio;
    r->predicted = twin->predicted;
    r->n_follows = twin->n_follows;
    memcpy(r->follow, twin->follow, sizeof r->follow);
}

/* The closed form follows constants at a hundredth of the cost of the event run: it is tied to the run here, in value and slope. */
static void find_ratios(sp_i_fit *fit)
{
    for (uint32_t i = 0; i < fit->n_rows; i++) {
        sp_i_fit_row *r = &fit->row[i];
        if (r->twin != i)
            continue;
        r->ratio = 1;
        r->n_follows = 0;
        double closed = fit->predict(fit, i);
        if (fit->run)
            r->ratio = closed > 0 ? fit->run(fit, i) / closed : 1;
        r->predicted = closed * r->ratio;
    }
    for (uint32_t k = 0; fit->run && k < fit->n_constants; k++)
        for (uint32_t i = 0; i < fit->constant[k].n_rows; i++)
            if (fit->row[fit->constant[k].row[i]].twin == fit->constant[k].row[i])
                find_slope(fit, k, fit->constant[k].row[i]);
    for (uint32_t i = 0; i < fit->n_rows; i++)
        if (fit->row[i].twin != i)
            copy_twin(&fit->row[i], &fit->row[fit->row[i].twin]);
}

static void climb(sp_i_fit *fit, sp_i_fit_constant *c, double step)
{
    double at = c->value, best = loss(fit, c);
    for (int side = -1; side <= 1; side += 2)
        for (int tries = 0; tries < CLIMBS; tries++) {
            sp_i_fit_set(c, at * (1 + side * step));
            double now = c->value == at ? INFINITY : loss(fit, c);
            if (!(now < best - GAIN))
                break;
            best = now;
            at = c->value;
        }
    sp_i_fit_set(c, at);
}

/* `some` NULL: all constants. */
static void descend(sp_i_fit *fit, uint32_t rounds, double step, const bool *some)
{
    for (uint32_t round = 0; round < rounds; round++, step /= 2)
        for (uint32_t k = 0; k < fit->n_constants; k++)
            if (!some || some[k])
                climb(fit, &fit->constant[k], step);
}

/* ---- who speaks --------------------------------------------------------------------------------------------------------- */

/* Rows whose prediction moves by more than 0.01 % when the constant moves by 1 %: those that can speak about it. */
static uint32_t speak(sp_i_fit *fit, uint32_t k)
{
    sp_i_fit_constant *c = &fit->constant[k];
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_rows; i++) {
        const sp_i_fit_row *r = &fit->row[c->row[i]];
        if (!fit->run) {
            double before = fit->predict(fit, c->row[i]);
            nudge(c, 0.99);
            n += fabs(fit->predict(fit, c->row[i]) / before - 1) > 1e-4;
            nudge(c, 1);
        }
        for (uint32_t f = 0; f < r->n_follows; f++)
            n += r->follow[f].constant == k && fabs(r->follow[f].slope) > 1e-2;
    }
    return n;
}

/* A constant that too few rows speak about is not fitted: it takes the value meant for that, and stands after the others. */
static bool drop_mute(sp_i_fit *fit)
{
    sp_i_fit_constant mute;
    uint32_t was = fit->n_constants, n = 0;
    for (uint32_t k = 0; k < was; k++)
        fit->constant[k].n_speak = speak(fit, k);
    while (n < fit->n_constants) {
        if (fit->constant[n].n_speak >= SP_I_FIT_LEAST_ROWS) {
            n++;
            continue;
        }
        mute = fit->constant[n];
        sp_i_fit_set(&mute, mute.otherwise);
        fit->n_constants--;
        memmove(&fit->constant[n], &fit->constant[n + 1], (fit->n_constants + fit->n_mute - n) * sizeof mute);
        fit->constant[fit->n_constants + fit->n_mute++] = mute;
    }
    return n < was;
}

/* ---- leaving out one set of rows: a group, a source, a class --------------------------------------------------------------- */

static const char *set_of(const sp_i_fit *fit, uint32_t i) { return fit->row[i].by[fit->leave]; }

/* What became of the rows left out, and which constant they had held. */
static void tell_left(sp_i_fit *fit, const char *set, const double *kept)
{
    sp_study_left *left = &fit->left[fit->n_left++];
    *left = (sp_study_left){.name = set, .moved_by = 1};
    for (uint32_t i = 0; i < fit->n_rows; i++)
        if (fit->row[i].out) {
            left->rows++;
            left->error_fitted += fit->row[i].error;
            left->error_left_out += fit->row[i].error_left_out;
        }
    left->error_fitted /= left->rows;
    left->error_left_out /= left->rows;
    for (uint32_t k = 0; k < fit->n_constants; k++)
        if (fabs(log(fit->constant[k].value / kept[k])) > fabs(log(left->moved_by))) {
            left->moved_by = fit->constant[k].value / kept[k];
            left->of = fit->constant[k].of;
            left->key = fit->constant[k].key;
        }
}

/* Constants that rows of a set touch, fitted again on the other rows from where they were; then the set is predicted. */
static void leave_out(sp_i_fit *fit, const char *set, bool *some, double *kept)
{
    for (uint32_t i = 0; i < fit->n_rows; i++)
        fit->row[i].out = strcmp(set_of(fit, i), set) == 0;
    for (uint32_t k = 0; k < fit->n_constants; k++) {
        sp_i_fit_constant *c = &fit->constant[k];
        kept[k] = c->value;
        some[k] = false;
        uint32_t left = 0;
        for (uint32_t i = 0; i < c->n_rows; i++) {
            some[k] |= fit->row[c->row[i]].out;
            left += !fit->row[c->row[i]].out;
        }
        if (some[k] && left == 0)
            sp_i_fit_set(c, c->start);
    }
    descend(fit, left_out[fit->leave].rounds, left_out[fit->leave].step, some);
    for (uint32_t i = 0; i < fit->n_rows; i++)
        if (fit->row[i].out) {
            fit->row[i].predicted = predict(fit, i);
            fit->row[i].error_left_out = error_of(&fit->row[i]);
        }
    tell_left(fit, set, kept);
    for (uint32_t k = 0; k < fit->n_constants; k++) {
        sp_i_fit_constant *c = &fit->constant[k];
        c->least = fmin(c->least, c->value);
        c->most = fmax(c->most, c->value);
        sp_i_fit_set(c, kept[k]);
    }
}

static void leave_out_each(sp_i_fit *fit)
{
    bool *some = sp_arena_alloc(fit->arena, fit->n_constants + 1, sizeof *some);
    double *kept = sp_arena_alloc(fit->arena, fit->n_constants + 1, sizeof *kept);
    double *fitted = sp_arena_alloc(fit->arena, fit->n_rows + 1, sizeof *fitted);
    fit->left = sp_arena_alloc(fit->arena, fit->n_rows + 1, sizeof *fit->left);
    for (uint32_t i = 0; i < fit->n_rows; i++) {
        fit->row[i].error_left_out = -1;
        if (fitted)
            fitted[i] = fit->row[i].predicted;
    }
    for (uint32_t i = 0; some && kept && fitted && fit->left && i < fit->n_rows; i++)
        if (fit->row[i].error_left_out < 0)
            leave_out(fit, set_of(fit, i), some, kept);
    for (uint32_t i = 0; i < fit->n_rows; i++) {
        fit->row[i].out = false;
        if (fitted)
            fit->row[i].predicted = fitted[i];
    }
}

static void score(sp_i_fit *fit)
{
    for (uint32_t k = 0; k < fit->n_constants + fit->n_mute; k++) {
        sp_i_fit_constant *c = &fit->constant[k];
        c->error = c->error_left_out = 0;
        for (uint32_t i = 0; i < c->n_rows; i++) {
            c->error += fit->row[c->row[i]].error / c->n_rows;
            c->error_left_out += fit->row[c->row[i]].error_left_out / c->n_rows;
        }
    }
}

void sp_i_fit_all(sp_i_fit *fit)
{
    for (uint32_t k = 0; k < fit->n_constants; k++)
        sp_i_fit_set(&fit->constant[k], fit->constant[k].start);
    uint32_t cycles = fit->cycles;
    do {
        for (uint32_t c = 0; c < cycles; c++) {
            find_ratios(fit);
            descend(fit, fit->rounds, fit->first_step, NULL);
        }
        find_ratios(fit);
        cycles = 1;
    } while (drop_mute(fit));
    for (uint32_t i = 0; i < fit->n_rows; i++)
        fit->row[i].error = error_of(&fit->row[i]);
    for (uint32_t k = 0; k < fit->n_constants + fit->n_mute; k++)
        fit->constant[k].least = fit->constant[k].most = fit->constant[k].value;
    leave_out_each(fit);
    score(fit);
}
