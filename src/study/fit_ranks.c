/* Ranks of layouts: as predicted against as measured. */
#include "fit_ranks.h"

#include <math.h>
#include <stdlib.h>

#define GROUP_LEAST 8

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return n ? values[(n - 1) / 2] : NAN;
}

/* Mean rank of time i: ties share. */
static double rank_of(const double *times, uint32_t n, uint32_t i)
{
    double rank = 0;
    for (uint32_t j = 0; j < n; j++)
        rank += times[j] < times[i] ? 1 : times[j] == times[i] ? 0.5 : 0;
    return rank;
}

double sp_i_ranks_spearman(const double *predicted, const double *measured, uint32_t n)
{
    double mean = (double)n / 2, top = 0, a2 = 0, b2 = 0;
    for (uint32_t i = 0; i < n; i++) {
        double a = rank_of(measured, n, i) - mean, b = rank_of(predicted, n, i) - mean;
        top += a * b;
        a2 += a * a;
        b2 += b * b;
    }
    return a2 > 0 && b2 > 0 ? top / sqrt(a2 * b2) : 0;
}

/* How much slower than the measured best is the layout predicted best. */
static double distance(const double *predicted, const double *measured, uint32_t n)
{
    uint32_t chosen = 0, best = 0;
    for (uint32_t i = 1; i < n; i++) {
        chosen = predicted[i] < predicted[chosen] ? i : chosen;
        best = measured[i] < measured[best] ? i : best;
    }
    return measured[chosen] / measured[best] - 1;
}

sp_study_ranks sp_i_ranks(const sp_i_fit *fit, sp_i_ranks_alike alike, const void *context, bool closer, sp_arena *arena)
{
    sp_study_ranks out = {0, NAN, NAN};
    double *list[4];
    bool *done = sp_arena_alloc(arena, fit->n_rows + 1, sizeof *done);
    for (int i = 0; i < 4; i++)
        if (!done || !(list[i] = sp_arena_alloc(arena, fit->n_rows + 1, sizeof *list[i])))
            return out;
    for (uint32_t i = 0; i < fit->n_rows; i++) {
        uint32_t n = 0;
        for (uint32_t j = i; j < fit->n_rows && !done[i]; j++)
            if (j == i || (!done[j] && alike(context, i, j, closer))) {
                list[0][n] = fit->row[j].predicted;
                list[1][n++] = fit->row[j].measured;
            }
        for (uint32_t j = fit->n_rows; j-- > i && n;)
            done[j] = done[j] || j == i || alike(context, i, j, closer);
        if (n < GROUP_LEAST)
            continue;
        list[2][out.groups] = sp_i_ranks_spearman(list[0], list[1], n);
        list[3][out.groups++] = distance(list[0], list[1], n);
    }
    out.correlation = median(list[2], out.groups);
    out.distance = median(list[3], out.groups);
    return out;
}
