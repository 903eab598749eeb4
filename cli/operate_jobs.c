/* --jobs of operate: a generator's words, a file, or trainings of models: "train:deepseek-v3,chips=8192,plan=FILE;train:…". */
#include "operate_jobs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_file(const char *text)
{
    size_t n = strlen(text);
    return strchr(text, '/') != NULL || (n > 4 && (strcmp(text + n - 4, ".swf") == 0 || strcmp(text + n - 4, ".csv") == 0));
}

static bool is_training(const char *text) { return strncmp(text, "train:", 6) == 0; }

/* ---- kinds ----------------------------------------------------------------------------------------------------------- */

/* What was asked for, so that rows that ask the same share one kind. */
typedef struct wanted { const char *model, *plan; uint32_t chips; uint64_t gbs, seq; } wanted;

static bool same(const char *a, const char *b) { return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0; }

static const char *path_of_plan(const char *plan)
{
    size_t n = plan == NULL ? 0 : strlen(plan);
    return n > 5 && strcmp(plan + n - 5, ".yaml") == 0 ? plan : NULL;
}

/* The best plan of a quick search, where none is given. */
static sp_status search(cli_jobs *jobs, const sp_model *model, const wanted *w, sp_plan *out, sp_error *err)
{
    sp_problem problem = sp_problem_default(jobs->operation->machine, model);
    sp_solution solution;
    problem.effort = SP_EFFORT_QUICK;
    problem.top = 1;
    problem.chips = w->chips;
    problem.gbs = w->gbs != 0 ? w->gbs : model->default_gbs;
    problem.seq = w->seq != 0 ? w->seq : model->default_seq != 0 ? model->default_seq : 4096;
    if (w->chips == 0) return sp_error_set(err, SP_E_INVAL, "--jobs", 0, 0, "%s needs chips=N, or a plan, which says how many", model->name);
    if (problem.gbs == 0) return sp_error_set(err, SP_E_INVAL, "--jobs", 0, 0, "%s states no batch of its own; give gbs=N sequences, or a plan", model->name);
    sp_status status = sp_plan_search(&problem, jobs->cli->arena, &solution, err);
    if (status == SP_OK) *out = solution.ranked[0].plan;
    return status;
}

static sp_status read_plan(cli_jobs *jobs, const sp_model *model, const wanted *w, sp_plan *out, sp_error *err)
{
    const char *path = path_of_plan(w->plan);
    sp_status status = SP_OK;
    *out = sp_plan_default();
    if (w->plan == NULL || w->plan[0] == '\0') return search(jobs, model, w, out, err);
    if (path != NULL) {
        status = sp_plan_load(path, jobs->operation->machine, model, jobs->cli->arena, out, err);
        if (status == SP_OK) cli_input_add(jobs->cli, path);
    } else {
        out->gbs = w->gbs != 0 ? w->gbs : model->default_gbs;
        out->seq = w->seq != 0 ? w->seq : model->default_seq != 0 ? model->default_seq : 4096;
        status = sp_plan_parse(w->plan, jobs->cli->arena, out, err);
    }
    if (status != SP_OK) return status;
    uint32_t chips = out->tp * out->cp * out->pp * out->dp;
    if (w->chips != 0 && w->chips != chips)
        return sp_error_set(err, SP_E_INVAL, "--jobs", 0, 0, "chips=%u, but the plan takes %u (tp x cp x pp x dp); leave chips away, or change the plan", w->chips, chips);
    return SP_OK;
}

static sp_status grow(cli_jobs *jobs, sp_error *err)
{
    if (jobs->n_kinds < jobs->room) return SP_OK;
    uint32_t room = jobs->room * 2 + 8;
    sp_job_kind *kind = sp_arena_alloc(jobs->cli->arena, room, sizeof *kind);
    wanted *asked = sp_arena_alloc(jobs->cli->arena, room, sizeof *asked);
    if (kind == NULL || asked == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    if (jobs->n_kinds != 0) {
        memcpy(kind, jobs->kind, jobs->n_kinds * sizeof *kind);
        memcpy(asked, jobs->asked, jobs->n_kinds * sizeof *asked);
    }
    jobs->kind = kind;
    jobs->asked = asked;
    jobs->room = room;
    return SP_OK;
}

static sp_status make_kind(cli_jobs *jobs, const wanted *w, sp_error *err)
{
    const sp_model *model;
    sp_plan *plan = sp_arena_alloc(jobs->cli->arena, 1, sizeof *plan);
    wanted *kept = NULL;
    if (plan == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    sp_status status = grow(jobs, err);
    if (status == SP_OK) status = cli_model(jobs->cli, w->model, &model, err);
    if (status == SP_OK) status = read_plan(jobs, model, w, plan, err);
    if (status == SP_OK)
        status = sp_job_kind_make(jobs->operation->machine, model, plan, jobs->place, jobs->background, jobs->checkpoint_s, &jobs->kind[jobs->n_kinds], err);
    if (status != SP_OK) return status;
    kept = &((wanted *)jobs->asked)[jobs->n_kinds++];
    *kept = (wanted){sp_arena_strdup(jobs->cli->arena, w->model), w->plan == NULL ? NULL : sp_arena_strdup(jobs->cli->arena, w->plan), w->chips, w->gbs, w->seq};
    return SP_OK;
}

static sp_status find_kind(cli_jobs *jobs, const wanted *w, uint32_t *number, sp_error *err)
{
    const wanted *asked = jobs->asked;
    for (uint32_t i = 0; i < jobs->n_kinds; i++)
        if (same(asked[i].model, w->model) && same(asked[i].plan, w->plan) && asked[i].chips == w->chips && asked[i].gbs == w->gbs && asked[i].seq == w->seq) {
            *number = i + 1;
            return SP_OK;
        }
    sp_status status = make_kind(jobs, w, err);
    if (status == SP_OK) *number = jobs->n_kinds;
    return status;
}

static sp_status find_row(void *context, const char *model, const char *plan, uint32_t chips, uint32_t *number, sp_job_kind *kind, sp_error *err)
{
    cli_jobs *jobs = context;
    sp_status status = find_kind(jobs, &(wanted){.model = model, .plan = plan, .chips = chips}, number, err);
    if (status == SP_OK) *kind = jobs->kind[*number - 1];
    return status;
}

/* ---- words of train: --------------------------------------------------------------------------------------------------- */

typedef struct training { wanted w; double tokens, steps, count; } training;

static sp_status count_of(const char *text, uint64_t most, uint64_t *out, sp_error *err)
{
    double value;
    sp_status status = sp_unit_parse(text, SP_UNIT_COUNT, &value, err);
    if (status == SP_OK && !(value >= 1 && value <= (double)most && value == floor(value)))
        status = sp_error_set(err, SP_E_RANGE, "--jobs", 1, 1, "found %s; expected a whole number from 1 to %llu", text, (unsigned long long)most);
    if (status == SP_OK) *out = (uint64_t)value;
    return status;
}

static sp_status read_word(const char *key, const char *value, training *t, sp_error *err)
{
    uint64_t n = 0;
    sp_status status = SP_OK;
    if (strcmp(key, "plan") == 0) t->w.plan = value;
    else if (strcmp(key, "tokens") == 0) status = sp_unit_parse(value, SP_UNIT_COUNT, &t->tokens, err);
    else if (strcmp(key, "steps") == 0) status = sp_unit_parse(value, SP_UNIT_COUNT, &t->steps, err);
    else if (strcmp(key, "chips") == 0) status = count_of(value, UINT32_MAX, &n, err), t->w.chips = (uint32_t)n;
    else if (strcmp(key, "gbs") == 0) status = count_of(value, 1u << 30, &t->w.gbs, err);
    else if (strcmp(key, "seq") == 0) status = count_of(value, 1u << 30, &t->w.seq, err);
    else if (strcmp(key, "count") == 0) status = count_of(value, 1000000, &n, err), t->count = (double)n;
    else return sp_error_set(err, SP_E_PARSE, "--jobs", 1, 1, "found '%s='; expected chips=, plan=, gbs=, seq=, tokens=, steps= or count= after train:MODEL", key);
    return status;
}

/* One training; `text` is cut at its commas. */
static sp_status read_training(char *text, training *t, sp_error *err)
{
    char *save = NULL, *word = strtok_r(text + strlen("train:"), ",", &save);
    *t = (training){.count = 1};
    if (word == NULL) return sp_error_set(err, SP_E_PARSE, "--jobs", 1, 1, "found 'train:' without a model; expected for instance train:deepseek-v3,chips=8192");
    t->w.model = word;
    while ((word = strtok_r(NULL, ",", &save)) != NULL) {
        char *equals = strchr(word, '=');
        if (equals == NULL) return sp_error_set(err, SP_E_PARSE, "--jobs", 1, 1, "found '%s'; expected KEY=VALUE, as chips=8192", word);
        *equals = '\0';
        sp_status status = read_word(word, equals + 1, t, err);
        if (status != SP_OK) return cli_blame_option(CLI_O_JOBS, err);
    }
    return SP_OK;
}

static sp_status add_training(cli_jobs *jobs, char *text, sp_error *err)
{
    training t;
    uint32_t number;
    sp_status status = is_training(text) ? read_training(text, &t, err)
                                         : sp_error_set(err, SP_E_PARSE, "--jobs", 1, 1, "found '%s' beside a training; expected train:MODEL,… there too", text);
    if (status == SP_OK) status = find_kind(jobs, &t.w, &number, err);
    if (status != SP_OK) {
        if (err->file[0] == '\0') cli_blame_option(CLI_O_JOBS, err);
        if (status == SP_E_UNFIT) err->status = SP_E_INVAL;
        return err->status;
    }
    const sp_job_kind *kind = &jobs->kind[number - 1];
    double steps = t.steps > 0 ? t.steps : t.tokens > 0 ? ceil(t.tokens / kind->tokens_per_step) : 0;
    return sp_jobs_add_kind(&jobs->jobs, kind, number, (uint32_t)t.count, steps, jobs->operation->horizon_s, err);
}

static sp_status read_trainings(cli_jobs *jobs, const char *text, sp_error *err)
{
    char *copy = sp_arena_strdup(jobs->cli->arena, text), *save = NULL;
    sp_status status = copy == NULL ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : SP_OK;
    for (char *one = copy == NULL ? NULL : strtok_r(copy, ";", &save); one != NULL && status == SP_OK; one = strtok_r(NULL, ";", &save)) status = add_training(jobs, one, err);
    return status;
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

sp_status cli_jobs_read(cli_jobs *jobs, sp_error *err)
{
    cli_run *cli = jobs->cli;
    const char *text = cli_text(cli, CLI_O_JOBS), *map = cli->value[CLI_O_MAP];
    sp_status status = SP_OK;
    if (is_training(text)) {
        status = read_trainings(jobs, text, err);
    } else if (map != NULL && !is_file(text) && access(text, F_OK) != 0) {
        status = sp_error_set(err, SP_E_INVAL, "--map", 0, 0, "found --jobs %s, which is no file; expected --jobs FILE.csv with it: it names columns", text);
    } else if (is_file(text) || map != NULL) {
        status = sp_jobs_read(text, map, jobs->operation->machine->chips, &(sp_kind_source){.find = find_row, .context = jobs}, &jobs->jobs, err);
        if (status == SP_OK) cli_input_add(cli, text);
    } else {
        jobs->spec = text;
    }
    jobs->operation->kind = jobs->kind;
    jobs->operation->n_kinds = jobs->n_kinds;
    return status;
}

sp_status cli_jobs_recover(cli_jobs *jobs, sp_error *err)
{
    sp_status status = SP_OK;
    if (jobs->n_kinds == 0)
        return sp_error_set(err, SP_E_INVAL, "--replan", 0, 0, "found jobs without a model; expected trainings, as --jobs train:deepseek-v3,chips=8192: only their plans can be searched");
    for (uint32_t i = 0; i < jobs->n_kinds && status == SP_OK; i++) status = sp_job_kind_recover(&jobs->kind[i], jobs->operation, err);
    return status;
}

void cli_jobs_release(cli_jobs *jobs)
{
    for (uint32_t i = 0; i < jobs->n_kinds; i++) sp_job_kind_release(&jobs->kind[i]);
    sp_jobs_free(&jobs->jobs);
}

void cli_jobs_key(const cli_jobs *jobs, FILE *key)
{
    for (uint32_t i = 0; i < jobs->n_kinds; i++) {
        const sp_job_kind *k = &jobs->kind[i];
        fprintf(key, "; %s %s step %.17g checkpoint %.17g %.17g", k->model->name, cli_plan_text(jobs->cli, k->plan), k->step_time_s, k->checkpoint_s, k->drain_s);
    }
}

void cli_jobs_print(const cli_jobs *jobs)
{
    cli_run *cli = jobs->cli;
    for (uint32_t i = 0; i < jobs->n_kinds; i++) {
        const sp_job_kind *k = &jobs->kind[i];
        uint64_t hits, misses;
        sp_job_kind_counts(k, &hits, &misses);
        cli_line(cli, "trains", "%s on %u chips: step %s, %s tokens/s, %s of %s a chip; state %s a chip, checkpoint %s", k->model->name, k->chips,
                 cli_quantity(cli, k->step_time_s, SP_UNIT_SECONDS), cli_quantity(cli, k->tokens_per_step / k->step_time_s, SP_UNIT_COUNT),
                 cli_quantity(cli, k->mem_bytes_max, SP_UNIT_BYTES), cli_quantity(cli, jobs->operation->machine->chip->mem_bytes.nominal, SP_UNIT_BYTES),
                 cli_quantity(cli, k->ckpt.state_bytes, SP_UNIT_BYTES), k->checkpoint_s > 0 ? cli_quantity(cli, k->checkpoint_s, SP_UNIT_SECONDS) : "0 s");
        cli_line(cli, "", "%s", cli_plan_text(cli, k->plan));
        cli_line(cli, "", "placements judged by its step: %llu, of which %llu were priced", (unsigned long long)(hits + misses), (unsigned long long)misses);
    }
}

/* Of a generator: those of the first seed. */
bool cli_jobs_moot(const cli_jobs *jobs)
{
    const sp_operation *op = jobs->operation;
    if (sp_order_goes_by(op->order) == NULL) return false;
    if (jobs->spec == NULL) return sp_order_is_moot(op->order, &jobs->jobs);
    sp_jobs drawn;
    if (sp_jobs_generate(jobs->spec, op->machine->chips, op->horizon_s, jobs->cli->seed, &drawn, NULL) != SP_OK) return false;
    bool moot = sp_order_is_moot(op->order, &drawn);
    sp_jobs_free(&drawn);
    return moot;
}

json_t *cli_jobs_json(const cli_jobs *jobs)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < jobs->n_kinds; i++) {
        const sp_job_kind *k = &jobs->kind[i];
        json_array_append_new(array, json_pack("{s:o, s:o, s:I, s:f, s:f, s:f, s:f, s:f}", "model", cli_json_text(k->model->name), "plan",
                                               cli_json_text(cli_plan_text(jobs->cli, k->plan)), "chips", (json_int_t)k->chips, "step_time_s", k->step_time_s, "tokens_per_step",
                                               k->tokens_per_step, "mem_bytes_max", k->mem_bytes_max, "state_bytes_chip", k->ckpt.state_bytes, "checkpoint_s", k->checkpoint_s));
    }
    return array;
}

json_t *cli_jobs_effort(const cli_jobs *jobs)
{
    uint64_t looked_up = 0, priced = 0;
    for (uint32_t i = 0; i < jobs->n_kinds; i++) {
        uint64_t hits, misses;
        sp_job_kind_counts(&jobs->kind[i], &hits, &misses);
        looked_up += hits + misses;
        priced += misses;
    }
    return json_pack("{s:I, s:I}", "judged", (json_int_t)looked_up, "priced", (json_int_t)priced);
}
