/* Streams of jobs with published shapes: sizes in powers of two, lognormal run times from median and mean, Poisson arrivals. */
#include "jobs_i.h"
#include "superpod/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct job_form {
    const char *name;
    double median_s, mean_s;      /* run time                                                       */
    double single;                /* share of jobs of one chip                                      */
    double tilt;                  /* other sizes 2^k, k = low_log2 …: weight 2^(-tilt k)             */
    uint32_t low_log2, high_log2;
    double over_estimate;         /* mean request / run time                                        */
} job_form;

/* Philly: 93 % single-GPU, median 874 s, mean 18,006 s (Acme's cluster summary; gavel traces). Acme Kalos: median 124 s, mean
 * 1,260 s, 26.8 GPUs a job. mix: log-uniform over 1 to 4,096 hosts of 8. pretrain: days on 1/64 to 1/2 of a SuperPoD. */
static const job_form shapes[] = {
    {"pretrain", 86400, 172800, 0, 0.5, 7, 12, 1.5},   /* guess: no trace of pre-training jobs at this size is public */
    {"philly", 874, 18006.055, 0.93, 0.5, 1, 7, 1.5},
    {"acme", 124, 1259.689, 0.5, 0.45, 1, 11, 1.5},
    {"mix", 3600, 14400, 0, 0, 3, 15, 1.5},            /* guess: the mix of the placement bench */
};

typedef struct spec { const job_form *shape; double load, jobs, run_s, chips, users, priorities, slack, replica; bool one; } spec;

/* ---- the words -------------------------------------------------------------------------------------------------------- */

static sp_status read_name(const char *text, size_t n, spec *out, sp_error *err)
{
    const char *names[sizeof shapes / sizeof *shapes + 2] = {"one"};
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(n < 60 ? n : 60), text);
    out->one = strcmp(word, "one") == 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        names[i + 1] = shapes[i].name;
        if (strcmp(word, shapes[i].name) == 0) out->shape = &shapes[i];
    }
    if (out->one || out->shape != NULL) return SP_OK;
    const char *near = sp_text_nearest(word, names);
    size_t comma = strcspn(word, ",");
    for (size_t i = 0; word[comma] == ',' && i < sizeof names / sizeof *names - 1; i++)
        if (strlen(names[i]) == comma && strncmp(word, names[i], comma) == 0)
            return sp_error_set(err, SP_E_PARSE, "--jobs", 1, (uint32_t)comma + 1, "found '%s'; expected '%s:%s': a colon stands before the first word", word, names[i], word + comma + 1);
    return sp_error_set(err, SP_E_NOTFOUND, "--jobs", 1, 1, "unknown jobs '%s'%s%s%s; expected a file (.swf, .csv) or one of: one, pretrain, philly, acme, mix",
                        word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static sp_status read_words(const char *text, spec *out, sp_error *err)
{
    size_t name = strcspn(text, ":");
    sp_status status = read_name(text, name, out, err);
    for (const char *at = text + name + (text[name] == ':'); *at != '\0' && status == SP_OK;) {
        size_t length = strcspn(at, ","), key = strcspn(at, "=");
        char value[64];
        sp_unit unit = SP_UNIT_COUNT;
        double *to = NULL;
        if (key == 4 && strncmp(at, "load", 4) == 0) to = &out->load, unit = SP_UNIT_NONE;
        if (key == 4 && strncmp(at, "jobs", 4) == 0) to = &out->jobs;
        if (key == 5 && strncmp(at, "chips", 5) == 0) to = &out->chips;
        if (key == 5 && strncmp(at, "users", 5) == 0) to = &out->users;
        if (key == 10 && strncmp(at, "priorities", 10) == 0) to = &out->priorities;
        if (key == 7 && strncmp(at, "replica", 7) == 0) to = &out->replica;
        if (key == 5 && strncmp(at, "slack", 5) == 0) to = &out->slack, unit = SP_UNIT_NONE;
        if (key == 3 && strncmp(at, "run", 3) == 0) to = &out->run_s, unit = SP_UNIT_SECONDS;
        if (to == NULL || length <= key + 1 || length - key - 1 >= sizeof value)
            return sp_error_set(err, SP_E_PARSE, "--jobs", 1, (uint32_t)(at - text) + 1, "found '%.*s'; expected load=0.9, jobs=1M, chips=N, run=TIME, users=N, priorities=N, slack=2 or replica=N", (int)length, at);
        memcpy(value, at + key + 1, length - key - 1);
        value[length - key - 1] = '\0';
        status = sp_unit_parse(value, unit, to, err);
        if (status != SP_OK && err != NULL) {   /* where in the option it stands */
            snprintf(err->file, sizeof err->file, "--jobs");
            err->line = 1;
            err->column = (uint32_t)(at - text + (ptrdiff_t)key) + 2;
        }
        if (status == SP_OK && *to <= 0 && (to == &out->jobs || to == &out->chips || to == &out->run_s))
            return sp_error_set(err, SP_E_RANGE, "--jobs", 1, (uint32_t)(at - text) + 1, "found '%.*s'; expected more than 0, or leave it out", (int)length, at);
        at += length + (at[length] == ',');
    }
    return status;
}

static sp_status check_words(const spec *s, uint32_t chips, sp_error *err)
{
    if (s->load <= 0 || s->load > 100) return sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "load=%g; expected above 0, 1 asks for the whole machine", s->load);
    if (s->jobs > 1e8) return sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "jobs=%g; at most 100 million are generated", s->jobs);
    if (s->users < 0 || s->users > 1e6 || s->priorities < 0 || s->priorities > 1e6 || s->slack < 0 || s->slack > 1e6)
        return sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "users=%g, priorities=%g, slack=%g; expected 0 to a million", s->users, s->priorities, s->slack);
    if (s->replica < 0 || s->replica > chips) return sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "replica=%g; expected the chips of one data-parallel replica", s->replica);
    if (s->chips > chips || s->chips < 0) return sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "chips=%g; the machine has %u", s->chips, chips);
    return SP_OK;
}

/* All chips of a machine that has failures are never whole at once, and a job that asks for them waits for ever. */
uint32_t sp_jobs_generate_most(uint32_t chips) { return chips - (chips / 64 + 7) / 8 * 8 * (chips > 8); }

/* ---- drawing ------------------------------------------------------------------------------------------------------------ */

typedef struct size_table { double cumulative[32]; uint32_t chips[32], n; double mean; } size_table;

static size_table sizes_of(const job_form *shape, uint32_t most)
{
    size_table s = {0};
    double sum = 0, weight[32];
    for (uint32_t k = shape->low_log2; k <= shape->high_log2 && s.n < 32; k++) {
        if (s.n > 0 && UINT64_C(1) << k > most) break;
        s.chips[s.n] = UINT64_C(1) << k > most ? most : 1u << k;
        weight[s.n] = pow(2, -shape->tilt * (k - shape->low_log2));
        sum += weight[s.n++];
    }
    double at = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        s.mean += weight[i] / sum * s.chips[i];
        s.cumulative[i] = at += weight[i] / sum;
    }
    s.mean = shape->single + (1 - shape->single) * s.mean;
    return s;
}

static double normal(sp_rng *rng)
{
    double u = 1 - sp_rng_unit(rng), v = sp_rng_unit(rng);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static sp_job draw(sp_rng *rng, const job_form *shape, const size_table *sizes, double median_s, double sigma, double at_s, uint32_t id)
{
    double u = sp_rng_unit(rng), run = median_s * exp(sigma * normal(rng));
    uint32_t chips = 1, i = 0;
    if (u >= shape->single) {
        u = (u - shape->single) / (1 - shape->single);
        while (i + 1 < sizes->n && u >= sizes->cumulative[i]) i++;
        chips = sizes->chips[i];
    }
    if (run < 1) run = 1;
    if (run > SP_I_SECONDS_MOST) run = SP_I_SECONDS_MOST;
    double ask = run * (1 + 2 * (shape->over_estimate - 1) * sp_rng_unit(rng));
    sp_job job = {.submit_us = (int64_t)(at_s * 1e6), .work_us = (int64_t)(run * 1e6), .estimate_us = (int64_t)(ask * 1e6), .chips = chips, .id = id};
    if (job.estimate_us < job.work_us) job.estimate_us = job.work_us;
    return job;
}

/* Who asks, how urgently, by when; a stream of its own, so that sizes and times do not change with it. guess: user k of n asks in
 * proportion to 1/sqrt(k), priorities are even, deadlines lie a random 0 to 2 x slack estimates after the earliest end. */
static void add_claims(sp_rng *rng, const spec *s, sp_job *job)
{
    if (s->replica > 0 && job->chips >= 2 * s->replica && job->chips % (uint32_t)s->replica == 0) job->replica_chips = (uint32_t)s->replica;
    if (s->users > 0) {
        double u = sp_rng_unit(rng);
        job->user = 1 + (uint32_t)(s->users * u * u);
    }
    if (s->priorities > 0) job->priority = (int32_t)sp_rng_below(rng, (uint64_t)s->priorities);
    if (s->slack > 0) {
        double at = (double)job->submit_us + (double)job->estimate_us * (1 + 2 * s->slack * sp_rng_unit(rng));
        job->deadline_us = at < 1e18 ? (int64_t)at + 1 : 0;
    }
}

/* Number and mean run time from load x chips x span = jobs x size x time: of jobs and run, what is not given follows. */
static sp_status stream(const spec *s, uint32_t chips, double span_s, uint64_t seed, sp_i_job_list *list, sp_error *err)
{
    sp_rng rng = sp_rng_make(seed, 1), claims = sp_rng_make(seed, 2);
    uint32_t most = s->chips > 0 ? (uint32_t)s->chips : sp_jobs_generate_most(chips);
    size_table sizes = sizes_of(s->shape, most);
    double room = s->load * chips * span_s / sizes.mean, mean_s = s->run_s > 0 ? s->run_s : s->shape->mean_s, n = room / mean_s;
    if (s->jobs > 0) {
        n = s->jobs;
        if (s->run_s <= 0) mean_s = room / n;
    }
    if (n > 1e8) return sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "%.3g jobs would be needed for that load; at most 100 million: give jobs=N or run=TIME", n);
    double sigma = sqrt(2 * log(s->shape->mean_s / s->shape->median_s)), median_s = mean_s * s->shape->median_s / s->shape->mean_s, at = 0;
    for (uint32_t id = 1; s->jobs > 0 ? id <= (uint32_t)n : true; id++) {
        at += -log1p(-sp_rng_unit(&rng)) * span_s / n;
        if (s->jobs <= 0 && at >= span_s) break;
        sp_job job = draw(&rng, s->shape, &sizes, median_s, sigma, at, id);
        add_claims(&claims, s, &job);
        if (!sp_i_job_add(list, job))
            return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the jobs");
    }
    return SP_OK;
}

sp_status sp_jobs_generate(const char *text, uint32_t chips, double span_s, uint64_t seed, sp_jobs *out, sp_error *err)
{
    spec s = {.load = 0.9};
    sp_i_job_list list = {0};
    sp_status status = read_words(text, &s, err);
    if (status == SP_OK) status = check_words(&s, chips, err);
    if (status != SP_OK) return status;
    if (s.one) {   /* one job that outlives the span */
        int64_t us = (int64_t)(fmin(2 * span_s, SP_I_SECONDS_MOST) * 1e6);
        if (s.run_s > 0) us = (int64_t)(fmin(s.run_s, SP_I_SECONDS_MOST) * 1e6);
        if (us < 1) us = 1;
        sp_job job = {.work_us = us, .estimate_us = us, .chips = s.chips > 0 ? (uint32_t)s.chips : sp_jobs_generate_most(chips), .id = 1};
        sp_rng claims = sp_rng_make(seed, 2);
        add_claims(&claims, &s, &job);
        if (!sp_i_job_add(&list, job)) status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    } else {
        status = stream(&s, chips, span_s, seed, &list, err);
    }
    if (status == SP_OK && list.jobs.n == 0)
        status = sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "no job comes in %.3g s at that load; simulate longer (--years), or give jobs=N", span_s);
    if (status == SP_OK) status = sp_i_jobs_finish(&list, "--jobs", out, err);
    sp_i_job_list_free(&list);
    return status;
}
