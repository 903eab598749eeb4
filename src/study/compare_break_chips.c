/* The fewest chips of a kind that reach so many tokens/s. With a fixed batch throughput over chips is a stair, so nothing is interpolated: the
 * answer is a number of chips whose search found a plan that reaches it, where whole searches of the numbers below found none. */
#include "compare_i.h"

#include <math.h>

#define CHIPS_LEAST 8u   /* a box */
#define KNOWN_MAX 64u

/* `has`: tokens/s of a plan that was found; `lacks`: a search for as much found none. */
typedef struct known { uint32_t step; double has, lacks; } known;

typedef struct stair {
    sp_i_compare *c;
    const sp_compare_entry *a;
    sp_i_hints hints;
    known known[KNOWN_MAX];
    uint32_t n, end;         /* steps there are, up to the largest machine of the kind */
    uint32_t most;           /* chips of that machine                                  */
} stair;

/* 8, 9 … 16, 18 … 32, 36 …: an eighth of an octave apart, since counts between divide among chips no better and cost a search each. */
static uint32_t chips_at(const stair *s, uint32_t step)
{
    uint64_t chips = (uint64_t)(CHIPS_LEAST + step % 8) << step / 8;
    return chips < s->most ? (uint32_t)chips : s->most;
}

/* The step at or above. */
static uint32_t step_of(const stair *s, double chips)
{
    uint32_t step = 0;
    while (step + 1 < s->end && chips_at(s, step) < chips)
        step++;
    return step;
}

static bool there_is(const stair *s, uint32_t chips)
{
    sp_i_offer offer;
    return sp_i_resize(s->c->problem->catalog, s->a->text, chips, &offer, NULL) == SP_OK;
}

static void find_end(stair *s)
{
    uint32_t least = s->a->chips, above = SP_I_KIND_MOST + 1;
    while (above - least > 1) {
        uint32_t middle = least + (above - least) / 2;
        if (there_is(s, middle))
            least = middle;
        else
            above = middle;
    }
    s->most = least;
    for (s->end = 1; chips_at(s, s->end - 1) < s->most; s->end++)
        ;
}

static known *at(stair *s, uint32_t step)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->known[i].step == step)
            return &s->known[i];
    if (s->n < KNOWN_MAX)
        s->n++;
    s->known[s->n - 1] = (known){step, 0, INFINITY};
    return &s->known[s->n - 1];
}

/* What fewer chips reach, more reach as well, by leaving some unused; what more do not, fewer do not. */
static int already(const stair *s, uint32_t step, double target)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->known[i].step <= step && s->known[i].has >= target)
            return 1;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->known[i].step >= step && s->known[i].lacks <= target)
            return -1;
    return 0;
}

static sp_status reaches(stair *s, uint32_t step, double target, bool wide, bool *yes)
{
    int before = already(s, step, target);
    sp_i_offer offer;
    sp_i_found found;
    *yes = before > 0;
    if (before > 0 || (before < 0 && !wide))
        return SP_OK;
    sp_status status = sp_i_resize(s->c->problem->catalog, s->a->text, chips_at(s, step), &offer, s->c->err);
    if (status == SP_OK)
        status = sp_i_faster(s->c, &offer, wide, &s->hints, target, &found);
    if (status == SP_OK) {
        at(s, step)->has = found.tokens_per_s;
        *yes = found.tokens_per_s >= target;
    }
    if (status == SP_E_UNFIT || (status == SP_OK && !*yes))
        at(s, step)->lacks = fmin(at(s, step)->lacks, target);
    return status == SP_E_UNFIT ? SP_OK : status;
}

/* Steps out from a guess by 1, 2, 4 …, then halves: the lowest step that reaches, of narrow searches; s->end: none. */
static sp_status lowest(stair *s, double target, uint32_t guess, uint32_t *out)
{
    uint32_t below = 0, above = s->end;   /* steps < below do not reach, step `above` does */
    sp_status status = SP_OK;
    for (uint32_t by = 1; below < above && status == SP_OK; by = above == s->end || below == 0 ? 2 * by : by) {
        bool yes;
        uint32_t step = below == 0 && above == s->end ? guess
                        : above == s->end             ? (below - 1 + by < s->end ? below - 1 + by : s->end - 1)
                        : below == 0                  ? (above > by ? above - by : 0)
                                                      : below + (above - below) / 2;
        status = reaches(s, step, target, false, &yes);
        if (yes)
            above = step;
        else
            below = step + 1;
    }
    *out = above;
    return status;
}

/* Narrow searches overlook plans, and more chips may divide the batch worse than fewer: the next number below is searched whole, and the next
 * round one (two or three times a power of two). What that finds is followed down. */
static sp_status certify(stair *s, double target, uint32_t *step)
{
    sp_status status = SP_OK;
    for (bool yes = true; status == SP_OK && yes && *step > 0;) {
        const uint32_t below[] = {*step - 1, (*step - 1) / 4 * 4};
        yes = false;
        for (int i = 0; i < 2 && status == SP_OK && !yes; i++) {
            status = reaches(s, below[i], target, true, &yes);
            if (status == SP_OK && yes)
                *step = below[i];
        }
    }
    return status;
}

static sp_status fewest(stair *s, double target, bool certified, double *chips)
{
    uint32_t step, guess = step_of(s, s->a->chips * target / s->a->tokens_per_s.nominal);
    sp_status status = lowest(s, target, guess, &step);
    if (status == SP_OK && certified)
        status = certify(s, target, &step);
    *chips = step < s->end ? chips_at(s, step) : NAN;
    if (target <= s->a->tokens_per_s.nominal && !(*chips < s->a->chips))   /* a's own number need not be one of the steps */
        *chips = s->a->chips;
    return status;
}

sp_status sp_i_break_chips(sp_i_compare *c, const sp_compare_entry *a, const sp_range *target, sp_range *out, uint32_t *chips_most)
{
    stair *s = sp_arena_alloc(c->arena, 1, sizeof *s);
    if (!s)
        return sp_error_set(c->err, SP_E_NOMEM, NULL, 0, 0, "no memory for a break-even");
    *s = (stair){.c = c, .a = a, .hints = c->hints[a - c->entries]};
    find_end(s);
    at(s, step_of(s, a->chips))->has = a->tokens_per_s.nominal;
    sp_range found = {NAN, NAN, NAN};
    sp_status status = fewest(s, target->nominal, true, &found.nominal);
    if (status == SP_OK)
        status = fewest(s, target->low, false, &found.low);
    if (status == SP_OK)
        status = fewest(s, target->high, false, &found.high);
    *out = found;
    *chips_most = s->most;
    return status;
}
