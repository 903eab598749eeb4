/* superpod plan MACHINE MODEL --gbs --seq [--objective …] [--top K] [--save FILE] [--html FILE] */
#include "output.h"

#include <string.h>
#include <sys/resource.h>

typedef struct search {
    cli_run *cli;
    const sp_machine *machine;
    const sp_model *model;
    sp_problem problem;
    sp_solution solution;
    sp_train_report best;
    bool stopped;          /* interrupted: the best so far is told all the same */
    cli_progress progress;
} search;

static bool on_progress(void *context, double fraction, double best_step_time_s)
{
    search *s = context;
    char text[64] = "none yet";
    if (!cli_progress_due(&s->progress)) return !cli_interrupted();
    if (best_step_time_s > 0 && best_step_time_s < 1e30) sp_unit_format(best_step_time_s, SP_UNIT_SECONDS, text, sizeof text);
    cli_progress_show(&s->progress, "searching %3.0f %%  best step %s", 100 * fraction, text);
    return !cli_interrupted();
}

/* What is given is not searched. */
static void free_axes(const cli_run *cli, sp_problem *problem)
{
    problem->free_precision = !cli_given(cli, CLI_O_PRECISION) && cli_set_word(cli, "precision") == NULL;
    problem->any_precision = problem->free_precision && cli_given(cli, CLI_O_BEST_PRECISION);
    problem->free_recompute = !cli_given(cli, CLI_O_RECOMPUTE) && cli_set_word(cli, "recompute") == NULL && cli_set_word(cli, "recompute-layers") == NULL;
    problem->free_schedule = !cli_given(cli, CLI_O_SCHEDULE) && cli_set_word(cli, "schedule") == NULL;
    problem->free_zero = !cli_given(cli, CLI_O_ZERO) && cli_set_word(cli, "zero") == NULL;
    problem->free_placement = !cli_given(cli, CLI_O_ORDER) && !cli_given(cli, CLI_O_PLACE) && cli_set_word(cli, "order") == NULL && cli_set_word(cli, "place") == NULL;
    problem->free_stages = cli_set_word(cli, "first-layers") == NULL && cli_set_word(cli, "last-layers") == NULL;
    problem->free_overlap = cli_set_word(cli, "overlap-tp") == NULL && cli_set_word(cli, "overlap-ep") == NULL;
    problem->free_sequence_parallel = cli_set_word(cli, "sp") == NULL;
    problem->free_overlap_dp = cli_set_word(cli, "overlap-dp") == NULL;
    problem->free_cp_way = cli_set_word(cli, "cp-way") == NULL;
    problem->free_zero_group = cli_set_word(cli, "zero-group") == NULL;
    problem->free_offload = cli_set_word(cli, "offload-optimizer") == NULL && cli_set_word(cli, "offload-activations") == NULL;
    problem->free_gather = cli_set_word(cli, "narrow-gather") == NULL;
}

/* A deadline is told for all tokens; a step may take its share of it. */
static sp_status read_deadline(const cli_run *cli, sp_problem *problem, sp_error *err)
{
    double deadline_s, tokens;
    if (!cli_given(cli, CLI_O_DEADLINE) && problem->objective != SP_OBJECTIVE_CHIPS) return SP_OK;
    if (!cli_given(cli, CLI_O_DEADLINE))
        return sp_error_set(err, SP_E_INVAL, "--deadline", 0, 0, "is missing: the fewest chips are sought for a time, as --deadline 30d");
    if (sp_unit_parse(cli->value[CLI_O_DEADLINE], SP_UNIT_SECONDS, &deadline_s, err) != SP_OK) return cli_blame_option(CLI_O_DEADLINE, err);
    if (sp_unit_parse(cli_text(cli, CLI_O_TOKENS), SP_UNIT_COUNT, &tokens, err) != SP_OK) return cli_blame_option(CLI_O_TOKENS, err);
    if (!(deadline_s > 0)) return sp_error_set(err, SP_E_RANGE, "--deadline", 1, 1, "found 0, expected a time such as 30d");
    double steps = tokens / ((double)problem->gbs * (double)problem->seq);
    if (!(steps >= 1))
        return sp_error_set(err, SP_E_RANGE, "--tokens", 1, 1, "found fewer tokens than one step of gbs x seq = %.0f takes; expected for instance 1T",
                            (double)problem->gbs * (double)problem->seq);
    problem->step_time_s_max = deadline_s / steps;
    if (!cli_given(cli, CLI_O_OBJECTIVE)) problem->objective = SP_OBJECTIVE_CHIPS;
    return SP_OK;
}

static sp_status read_problem(search *s, sp_error *err)
{
    cli_run *cli = s->cli;
    sp_problem *problem = &s->problem;
    *problem = sp_problem_default(s->machine, s->model);
    problem->fixed.gbs = problem->fixed.seq = 0;   /* asked for, or the model's own: a batch is not guessed */
    sp_status status = cli_plan_read(cli, s->machine, s->model, &problem->fixed, err);
    if (status != SP_OK) return status;
    problem->gbs = problem->fixed.gbs;
    problem->seq = problem->fixed.seq;
    problem->top = (uint32_t)cli_count(cli, CLI_O_TOP);
    problem->chips = (uint32_t)cli_count(cli, CLI_O_CHIPS);
    if (problem->chips > s->machine->chips)
        return sp_error_set(err, SP_E_RANGE, "--chips", 1, 1, "%u is more than the %u chips of %s", problem->chips,
                            s->machine->chips, s->machine->name);
    problem->threads = cli_given(cli, CLI_O_THREADS) ? (uint32_t)cli_count(cli, CLI_O_THREADS) : 1;
    problem->team = cli_team(cli);
    free_axes(cli, problem);
    problem->progress = on_progress;
    problem->progress_context = s;
    status = sp_effort_parse(cli_text(cli, CLI_O_EFFORT), &problem->effort, err);
    if (status == SP_OK) status = sp_objective_parse(cli_text(cli, CLI_O_OBJECTIVE), &problem->objective, err);
    return status == SP_OK ? read_deadline(cli, problem, err) : status;
}

/* An interrupted search that found something is an answer with a mark on it. */
static sp_status run_search(search *s, sp_error *err)
{
    s->progress = cli_progress_begin(s->cli);
    sp_status status = sp_plan_search(&s->problem, s->cli->arena, &s->solution, err);
    cli_progress_end(&s->progress);
    s->stopped = status == SP_E_INTERRUPTED;
    if (s->stopped && s->solution.n == 0)
        return sp_error_set(err, SP_E_INTERRUPTED, NULL, 0, 0, "interrupted before the first plan was simulated");
    if (status != SP_OK && !(s->stopped && s->solution.n > 0)) return status;
    if (s->solution.n == 0) return sp_error_set(err, SP_E_UNFIT, NULL, 0, 0, "no plan is feasible");
    return sp_predict_train(s->machine, s->model, &s->solution.ranked[0].plan, true, s->cli->arena, &s->best, s->cli->explain,
                            err);
}

static void effort(double *cpu_s, double *rss_bytes)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    *cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
             + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    *rss_bytes = 1024.0 * (double)usage.ru_maxrss;
}

static json_t *counts_json(const sp_plan_counts *counts)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "legal", (json_int_t)counts->legal, "refused",
                     (json_int_t)counts->refused, "priced", (json_int_t)counts->priced, "simulated",
                     (json_int_t)counts->simulated, "refused_divide", (json_int_t)counts->refused_divide, "refused_memory",
                     (json_int_t)counts->refused_memory, "refused_place", (json_int_t)counts->refused_place,
                     "refused_deadline", (json_int_t)counts->refused_deadline);
}

static json_t *search_json(search *s, const cli_sources *sources)
{
    double cpu_s, rss_bytes;
    json_t *plans = json_array();
    effort(&cpu_s, &rss_bytes);
    for (uint32_t i = 0; i < s->solution.n; i++) {
        const sp_ranked *ranked = &s->solution.ranked[i];
        json_array_append_new(plans,
                              json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "plan", cli_plan_text(s->cli, &ranked->plan),
                                        "step_time_s", ranked->step_time_s, "lower_bound_s", ranked->lower_bound_s, "mfu",
                                        ranked->mfu, "tokens_per_s_chip", ranked->tokens_per_s_chip, "mem_bytes_max",
                                        ranked->mem_bytes_max, "objective", cli_json_real(ranked->objective), "why", cli_json_text(ranked->why)));
    }
    json_t *missed = json_array();
    for (uint32_t i = 0; i < s->solution.n_missed; i++) {
        const sp_ranked *one = &s->solution.missed[i];
        json_array_append_new(missed, json_pack("{s:s, s:f, s:o}", "plan", cli_plan_text(s->cli, &one->plan), "mem_bytes_max",
                                                one->mem_bytes_max, "why", cli_json_text(one->why)));
    }
    json_t *result =
        json_pack("{s:o, s:o, s:s, s:s, s:b, s:o, s:o, s:o, s:f, s:f, s:o}", "machine", cli_json_text(s->machine->name), "model",
                  cli_json_text(s->model->name), "objective", sp_objective_name(s->problem.objective), "effort",
                  sp_effort_name(s->problem.effort), "complete", !s->stopped, "plans", plans, "missed", missed, "counts", counts_json(&s->solution.counts), "cpu_s", cpu_s, "rss_bytes",
                  rss_bytes, "best", cli_json_step(s->cli, s->machine, s->model, &s->solution.ranked[0].plan, &s->best));
    if (cli_given(s->cli, CLI_O_SOURCES)) json_object_set_new(result, "sources", cli_json_sources(sources));
    return result;
}

/* Does `plan` hold this word, or (key) a word of the same key? */
static bool holds(const char *plan, const char *word, size_t length, bool key)
{
    size_t wanted = key ? strcspn(word, "=") + 1 : length;
    for (const char *at = plan; *at != '\0'; at += strspn(at, " ")) {
        size_t other = strcspn(at, " ");
        if ((key || other == length) && strncmp(at, word, wanted) == 0) return true;
        at += other;
    }
    return false;
}

/* The words of `plan` that `first` has not, and keys that only `first` has, so that what sets a runner-up apart is seen. */
static const char *plan_changes(cli_run *cli, const char *plan, const char *first)
{
    const char *text = "";
    for (const char *at = plan; *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (!holds(first, at, length, false)) text = sp_arena_printf(cli->arena, "%s %.*s", text, (int)length, at);
        at += length;
    }
    for (const char *at = first; *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (!holds(plan, at, length, true)) text = sp_arena_printf(cli->arena, "%s without %.*s", text, (int)length, at);
        at += length;
    }
    return text;
}

/* What the best plan loses, what the others lose to it, and what memory keeps from it. */
static void print_why(search *s)
{
    fprintf(s->cli->out, "\n");
    cli_table *table = cli_table_begin(s->cli, "rw", (const char *const[]){"", "what it loses"});
    for (uint32_t i = 0; i < s->solution.n; i++) {
        cli_table_cell(table, "%u", i + 1);
        cli_table_cell(table, "%s", s->solution.ranked[i].why);
    }
    for (uint32_t i = 0; i < s->solution.n_missed; i++) {
        cli_table_cell(table, "-");
        cli_table_cell(table, "%s", s->solution.missed[i].why);
    }
    cli_table_end(table);
}

static void print_search(search *s)
{
    cli_run *cli = s->cli;
    const sp_plan_counts *counts = &s->solution.counts;
    double cpu_s, rss_bytes;
    effort(&cpu_s, &rss_bytes);
    cli_step_print(cli, s->machine, s->model, &s->solution.ranked[0].plan, &s->best);
    fprintf(cli->out, "\n  best plans by %s%s\n", sp_objective_name(s->problem.objective),
            s->stopped ? " SO FAR: the search was interrupted" : "");
    cli_table *table =
        cli_table_begin(cli, "rrrrrw", (const char *const[]){"", "step", "MFU", "tok/s/chip", "memory", "plan"});
    for (uint32_t i = 0; i < s->solution.n; i++) {
        const sp_ranked *ranked = &s->solution.ranked[i];
        cli_table_cell(table, "%u", i + 1);
        cli_table_quantity(table, ranked->step_time_s, SP_UNIT_SECONDS);
        cli_table_cell(table, "%.1f %%", 100 * ranked->mfu);
        cli_table_cell(table, "%.4g", ranked->tokens_per_s_chip);
        cli_table_quantity(table, ranked->mem_bytes_max, SP_UNIT_BYTES);
        const char *first = cli_plan_text(cli, &s->solution.ranked[0].plan);
        if (i == 0) cli_table_cell(table, "the plan above");
        else cli_table_cell(table, "but%s", plan_changes(cli, cli_plan_text(cli, &ranked->plan), first));
    }
    cli_table_end(table);
    print_why(s);
    fprintf(cli->out, "\n  %llu plans legal, %llu refused, %llu priced, %llu simulated; %.2f s of CPU, %s\n",
            (unsigned long long)counts->legal, (unsigned long long)counts->refused, (unsigned long long)counts->priced,
            (unsigned long long)counts->simulated, cpu_s, cli_quantity(cli, rss_bytes, SP_UNIT_BYTES));
}

static sp_status write_files(search *s, sp_error *err)
{
    const sp_plan *plan = &s->solution.ranked[0].plan;
    sp_status status = SP_OK;
    if (cli_given(s->cli, CLI_O_SAVE)) status = sp_plan_save(s->cli->value[CLI_O_SAVE], plan, s->machine, s->model, err);
    return status == SP_OK ? cli_step_files(s->cli, s->machine, s->model, plan, &s->best, &s->solution, err) : status;
}

int cli_cmd_plan(cli_run *cli)
{
    sp_error err = {0};
    search s = {.cli = cli};
    cli_sources sources = {0};
    if (cli_machine(cli, cli->operand[0], &s.machine, &err) != SP_OK
        || cli_model(cli, cli->operand[1], &s.model, &err) != SP_OK || read_problem(&s, &err) != SP_OK
        || run_search(&s, &err) != SP_OK || write_files(&s, &err) != SP_OK)
        return cli_fail(cli, &err);
    if (cli_sources_of_step(cli, s.machine, cli_text(cli, CLI_O_STACK), NULL, &sources, &err) != SP_OK) return cli_fail(cli, &err);
    cli->guesses = cli_sources_guesses(&sources);
    if (cli_given(cli, CLI_O_JSON)) {
        if (cli_json_emit(cli, search_json(&s, &sources), &err) != SP_OK) return cli_fail(cli, &err);
    } else {
        print_search(&s);
        cli_explain_print(cli);
        if (cli_given(cli, CLI_O_SOURCES)) cli_sources_print(cli, &sources);
    }
    return s.stopped ? cli_fail(cli, &err) : CLI_EXIT_OK;
}
