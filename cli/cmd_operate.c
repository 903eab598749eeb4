/* superpod operate MACHINE --jobs --years --seeds … */
#include "operate_jobs.h"
#include "superpod/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SPANS 240u   /* steps of the picture: days of eight months, 3 px each */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool stop(void *context)
{
    (void)context;
    return cli_interrupted();
}

typedef struct answer {
    sp_operation operation;
    sp_failures failures;
    cli_jobs jobs;
    sp_history *run;
    double (*spent_s)[SP_LOSSES];    /* [seeds][SPANS]; NULL: nobody asks for them              */
    sp_store *store;                 /* NULL: none                                              */
    uint64_t resumed;                /* seeds that the store had                                */
    uint32_t seeds;
    double years, took_s;
} answer;

/* ---- input --------------------------------------------------------------------------------------------------------- */

static void scale_repair(answer *a, double repair_s)
{
    for (uint32_t i = 0; i < a->failures.n; i++)
        if (a->failures.row[i].down) a->failures.row[i].repair_s = sp_value_of(repair_s, SP_GRADE_GUESS, "--repair");
}

/* A place, whose time follows from the machine, or a time. */
static sp_status read_checkpoint(cli_run *cli, answer *a, sp_error *err)
{
    sp_operation *op = &a->operation;
    const char *text = cli_text(cli, CLI_O_CHECKPOINT);
    bool background = cli_given(cli, CLI_O_BACKGROUND);
    for (int place = 0; place < SP_CKPT_PLACES; place++) {
        double bytes = 0;
        sp_ckpt ckpt;
        if (strcmp(text, sp_ckpt_place_name((sp_ckpt_place)place)) != 0) continue;
        sp_status status = cli_quantity_read(cli, CLI_O_STATE, SP_UNIT_BYTES, &bytes, err);
        if (status == SP_OK) status = sp_ckpt_cost(op->machine, (sp_ckpt_place)place, background, bytes, 0, &ckpt, err);
        if (status != SP_OK) return status;
        a->jobs.place = (sp_ckpt_place)place;
        a->jobs.background = background;
        op->checkpoint_s = sp_ckpt_stall_s(&ckpt);
        op->drain_s = ckpt.drain_s;
        op->read_s = ckpt.read_s;
        op->place = ckpt.place;
        op->storage_s = ckpt.storage_s;
        op->storage_share = ckpt.storage_share;
        return SP_OK;
    }
    if (background || cli_given(cli, CLI_O_STATE))
        return sp_error_set(err, SP_E_INVAL, background ? "--background" : "--state", 0, 0, "found --checkpoint %s; expected local, peer or storage with it, whose time follows from the machine", text);
    sp_status status = cli_quantity_read(cli, CLI_O_CHECKPOINT, SP_UNIT_SECONDS, &op->checkpoint_s, err);
    if (cli_given(cli, CLI_O_CHECKPOINT)) a->jobs.checkpoint_s = op->checkpoint_s;   /* trainings too; else what their state takes to storage */
    return status;
}

/* Who notices, or after how long. */
static sp_status read_detect(cli_run *cli, sp_operation *op, sp_error *err)
{
    const char *text = cli_text(cli, CLI_O_DETECT);
    const sp_detector *detector = sp_detector_find(text);
    if (detector != NULL) {
        sp_detector_use(detector, op);
        return SP_OK;
    }
    if (strchr("0123456789.+-", text[0]) != NULL) return cli_quantity_read(cli, CLI_O_DETECT, SP_UNIT_SECONDS, &op->detect_s, err);
    char names[256] = "";
    for (size_t i = 0; i < sp_n_detectors; i++) snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i == 0 ? "" : ", ", sp_detectors[i].name);
    return sp_error_set(err, SP_E_NOTFOUND, "--detect", 1, 1, "found '%.40s'; expected a time, as 30s, or who notices: %s", text, names);
}

static sp_status read_times(cli_run *cli, answer *a, sp_error *err)
{
    sp_operation *op = &a->operation;
    double repair_s = -1;
    sp_status status = read_checkpoint(cli, a, err);
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_INTERVAL, SP_UNIT_SECONDS, &op->interval_s, err);
    if (status == SP_OK && cli_given(cli, CLI_O_INTERVAL) && !(op->interval_s > 0))
        status = sp_error_set(err, SP_E_RANGE, "--interval", 1, 1, "found %s; expected more than 0, as 10min: leave it away for the best", cli_text(cli, CLI_O_INTERVAL));
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_DEFRAG, SP_UNIT_NONE, &op->defrag_ratio, err);
    if (status == SP_OK && !(op->defrag_ratio >= 0 && op->defrag_ratio <= 1e9))
        status = sp_error_set(err, SP_E_RANGE, "--defrag", 1, 1, "found %s; expected 0 (never) to 10^9: how many times its cost a move has to be worth", cli_text(cli, CLI_O_DEFRAG));
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_POWER_CAP, SP_UNIT_WATT, &op->power_cap_w, err);
    if (status == SP_OK && cli_given(cli, CLI_O_POWER_CAP) && !(op->power_cap_w > 0))
        status = sp_error_set(err, SP_E_RANGE, "--power-cap", 1, 1, "found %s; expected more than 0, as 40MW: leave it away for no cap", cli_text(cli, CLI_O_POWER_CAP));
    if (status == SP_OK) status = read_detect(cli, op, err);
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_DECIDE, SP_UNIT_SECONDS, &op->decide_s, err);
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_RESTART, SP_UNIT_SECONDS, &op->restart_s, err);
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_SWAP, SP_UNIT_SECONDS, &op->swap_s, err);
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_REPAIR, SP_UNIT_SECONDS, &repair_s, err);
    if (status == SP_OK) status = cli_quantity_read(cli, CLI_O_YEARS, SP_UNIT_NONE, &a->years, err);
    if (status == SP_OK && !(a->years * SP_YEAR_S >= 1 && a->years <= 10000))
        status = sp_error_set(err, SP_E_RANGE, "--years", 1, 1, "%s years; expected a second (3.2e-8) to 10000", cli_text(cli, CLI_O_YEARS));
    if (status == SP_OK && repair_s >= 0) scale_repair(a, repair_s);
    op->horizon_s = a->years * SP_YEAR_S;
    return status;
}

/* "pod:16" */
static sp_status read_reserve(cli_run *cli, sp_reserve *out, sp_error *err)
{
    const char *text = cli_text(cli, CLI_O_RESERVE), *colon = text == NULL ? NULL : strchr(text, ':');
    if (text == NULL) return SP_OK;
    for (int of = 0; of < SP_RESERVES && colon != NULL; of++) {
        const char *name = sp_reserve_name((sp_reserve_of)of);
        size_t digits = strspn(colon + 1, "0123456789");
        if (strlen(name) != (size_t)(colon - text) || strncmp(text, name, strlen(name)) != 0 || digits == 0 || digits > 8 || colon[1 + digits] != '\0') continue;
        *out = (sp_reserve){(sp_reserve_of)of, (uint32_t)strtoul(colon + 1, NULL, 10)};
        return SP_OK;
    }
    return sp_error_set(err, SP_E_PARSE, "--reserve", 1, 1, "found '%s'; expected rack:N, pod:N or machine:N, N hosts", text);
}

static sp_status read_all(cli_run *cli, answer *a, sp_error *err)
{
    const sp_machine *machine;
    sp_status status = cli_machine(cli, cli->operand[0], &machine, err);
    if (status == SP_OK) status = cli_failures(cli, &a->failures, err);
    if (status != SP_OK) return status;
    a->operation = sp_operation_default(machine);
    a->operation.failures = &a->failures;
    a->jobs = (cli_jobs){.cli = cli, .operation = &a->operation, .place = SP_CKPT_STORAGE, .checkpoint_s = -1};
    a->operation.policy = sp_place_policy_find(cli_text(cli, CLI_O_POLICY));
    sp_order_find(cli_text(cli, CLI_O_QUEUE), &a->operation.order);
    a->operation.segment_chips = (uint32_t)cli_count(cli, CLI_O_SEGMENT);
    a->operation.preempt = cli_given(cli, CLI_O_PREEMPT);
    a->operation.rack_spares = !cli_given(cli, CLI_O_NO_SPARES);
    a->operation.reroute = !cli_given(cli, CLI_O_NO_REROUTE);
    a->operation.interrupted = stop;
    a->seeds = (uint32_t)cli_count(cli, CLI_O_SEEDS);
    cli->seed = cli_count(cli, CLI_O_SEED);
    status = read_reserve(cli, &a->operation.reserve, err);
    if (status == SP_OK) status = read_times(cli, a, err);
    if (status == SP_OK) status = cli_jobs_read(&a->jobs, err);
    if (status == SP_OK && cli_given(cli, CLI_O_REPLAN)) status = cli_jobs_recover(&a->jobs, err);
    if (status != SP_OK) return status;
    a->run = sp_arena_alloc(cli->arena, a->seeds, sizeof *a->run);
    if (cli_given(cli, CLI_O_LOG) || cli_given(cli, CLI_O_SVG)) a->spent_s = sp_arena_alloc(cli->arena, (size_t)a->seeds * SPANS, sizeof *a->spent_s);
    bool missing = a->run == NULL || (a->spent_s == NULL && (cli_given(cli, CLI_O_LOG) || cli_given(cli, CLI_O_SVG)));
    return missing ? sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory") : SP_OK;
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* Options that change no event of any run: where it is told, who does it, and which seeds are run. */
static bool changes_runs(cli_option_id option)
{
    static const cli_option_id none[] = {CLI_O_LOG, CLI_O_SVG, CLI_O_METRICS, CLI_O_THREADS, CLI_O_SEED, CLI_O_SEEDS};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (option == none[i]) return false;
    return option < CLI_O_SOURCES && cli_option_of(option, CLI_V_OPERATE);
}

/* What decides the events of a run, but its seed: every option, the machine as it is counted, what is in the files, and what is predicted of
 * trainings. Two runs of the same words are the same. */
static char *key_of(cli_run *cli, const answer *a)
{
    char machine[2048], sha[65], *text = NULL;
    size_t length;
    FILE *key = open_memstream(&text, &length);
    if (key == NULL) return NULL;
    sp_machine_format(a->operation.machine, machine, sizeof machine);
    fputs(machine, key);
    for (int i = 0; i < CLI_O_N; i++) {
        const char *value = changes_runs((cli_option_id)i) ? cli_text(cli, (cli_option_id)i) : NULL;
        if (value != NULL) fprintf(key, "; --%s%s%s", cli_options[i].name, value[0] != '\0' ? " " : "", value);
    }
    cli_jobs_key(&a->jobs, key);
    for (uint32_t i = 0; i < cli->n_inputs; i++)
        if (cli_file_sha256(cli->input[i], sha)) fprintf(key, "; %s of %.16s", strrchr(cli->input[i], '/') != NULL ? strrchr(cli->input[i], '/') + 1 : cli->input[i], sha);
    return fclose(key) == 0 ? text : NULL;
}

static sp_status open_store(cli_run *cli, answer *a, sp_error *err)
{
    if (!cli_given(cli, CLI_O_LOG)) return SP_OK;
    char *key = key_of(cli, a);
    if (key == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    sp_status status = sp_store_open(cli->value[CLI_O_LOG], key, &a->failures, SPANS, &a->store, err);
    if (status == SP_OK) a->resumed = sp_store_runs(a->store);
    free(key);
    return status;
}

static sp_status write_files(cli_run *cli, const answer *a, sp_error *err)
{
    const sp_report_operation told = {.machine = a->operation.machine, .jobs = cli_text(cli, CLI_O_JOBS), .horizon_s = a->operation.horizon_s, .seed = cli->seed, .n = a->seeds,
                                      .run = a->run, .n_spans = SPANS, .spent_s = (const double (*)[SP_LOSSES])a->spent_s};
    sp_status status = SP_OK;
    if (cli_given(cli, CLI_O_SVG)) status = sp_report_operate_svg(cli->value[CLI_O_SVG], &told, err);
    if (status == SP_OK && cli_given(cli, CLI_O_METRICS)) status = sp_report_operate_metrics(cli->value[CLI_O_METRICS], &told, err);
    return status;
}

/* ---- figures ---------------------------------------------------------------------------------------------------------- */

/* Over the runs that have the figure. NAN: no run has; an interval needs two. */
static void mean_of(const answer *a, const sp_history_field *field, double *mean, double *half)
{
    double *value = malloc(a->seeds * sizeof *value);
    uint32_t n = 0;
    for (uint32_t i = 0; value != NULL && i < a->seeds; i++)
        if (sp_history_has(&a->run[i], field)) value[n++] = sp_history_value(&a->run[i], field);
    *mean = *half = NAN;
    if (n != 0) sp_cluster_mean(value, n, mean, half);
    if (n < 2) *half = NAN;
    else if (*half < 1e-12 * fabs(*mean)) *half = 0;   /* roundings of sums, no spread */
    free(value);
}

static sp_history_field share_field(int loss)
{
    return (sp_history_field){.offset = offsetof(sp_history, share) + (size_t)loss * sizeof(double), .of = SIZE_MAX};
}

/* goodput and ettr are fields of the table, too. */
static double mean_at(const answer *a, size_t offset)
{
    double mean, half;
    mean_of(a, &(sp_history_field){.offset = offset, .of = SIZE_MAX}, &mean, &half);
    return mean;
}

/* Means of shares that are multiples of 2^-50 can round; the largest takes the remainder, in steps of 2^-50, so that what is printed sums
 * to 1 in any order. */
static void mean_shares(const answer *a, double mean[SP_LOSSES], double half[SP_LOSSES])
{
    double others = 0;
    int largest = 0;
    for (int i = 0; i < SP_LOSSES; i++) {
        const sp_history_field field = share_field(i);
        mean_of(a, &field, &mean[i], &half[i]);
        mean[i] = (double)(int64_t)(mean[i] * 0x1p50) * 0x1p-50;
        if (mean[i] > mean[largest]) largest = i;
    }
    for (int i = 0; i < SP_LOSSES; i++) others += i == largest ? 0 : mean[i];
    mean[largest] = 1 - others;
}

/* ---- telling ---------------------------------------------------------------------------------------------------------- */

static void print_losses(cli_run *cli, const answer *a)
{
    double mean[SP_LOSSES], half[SP_LOSSES];
    mean_shares(a, mean, half);
    fputs("\n  where the chip-time goes\n", cli->out);
    cli_table *table = cli_table_begin(cli, "lrrl", (const char *const[]){"part", "share", "+- 95 %", ""});
    for (int i = 0; i < SP_LOSSES; i++) {
        char bar[41] = "";
        for (int c = 0; c < 40 && c < (int)(mean[i] * 40 + 0.5); c++) strcat(bar, "#");
        cli_table_cell(table, "%s", sp_loss_name((sp_loss)i));
        cli_table_cell(table, "%.3f %%", 100 * mean[i]);
        if (isnan(half[i])) cli_table_cell(table, "-");
        else cli_table_cell(table, "%.3f", 100 * half[i]);
        cli_table_cell(table, "%s", bar);
    }
    cli_table_end(table);
}

/* "-": there is none. */
static void figure_cell(cli_table *table, const sp_history_field *field, double value, const char *format)
{
    if (isnan(value)) cli_table_cell(table, "-");
    else if (field->unit == SP_UNIT_SECONDS && value != 0) cli_table_quantity(table, value, field->unit);
    else if (field->unit == SP_UNIT_SECONDS) cli_table_cell(table, "0 s");
    else cli_table_cell(table, format, value);
}

static void print_figures(cli_run *cli, const answer *a)
{
    double mean, half;
    fputs("\n  figures of a run\n", cli->out);
    cli_table *table = cli_table_begin(cli, "lrr", (const char *const[]){"figure", "mean", "+- 95 %"});
    for (size_t i = 0; i < sp_history_n_fields; i++) {
        const sp_history_field *f = &sp_history_fields[i];
        mean_of(a, f, &mean, &half);
        cli_table_cell(table, "%s", f->name);
        figure_cell(table, f, mean, f->whole ? "%.6g" : "%.5g");
        figure_cell(table, f, half, "%.2g");
    }
    cli_table_end(table);
}

static void print_answer(cli_run *cli, const answer *a)
{
    const sp_operation *op = &a->operation;
    double goodput = mean_at(a, offsetof(sp_history, goodput)), ettr = mean_at(a, offsetof(sp_history, ettr));
    sp_cluster_shape shape;
    fprintf(cli->out, "%s%s%s: goodput %.2f %%, ETTR %.2f %%\n", cli_strong(cli, true), op->machine->name, cli_strong(cli, false), 100 * goodput, 100 * ettr);
    if (sp_cluster_shape_of(op->machine, &shape, NULL) == SP_OK)
        cli_line(cli, "machine", "%u chips, hosts of %u, racks of %u + %u, pods of %u", shape.chips, shape.row_chips, shape.leaf_chips,
                 op->rack_spares ? shape.spares_per_leaf : 0, shape.pod_chips);
    if (op->machine->chips_per_rack > 0 && op->machine->chips_per_rack != shape.leaf_chips)
        cli_line(cli, "", "its racks of %u are %s, so that hosts stand for racks", op->machine->chips_per_rack, op->machine->chips_per_rack > 64 ? "more than 64 chips" : "not all full");
    cli_line(cli, "failures", "%s", a->failures.title != NULL ? a->failures.title : "none");
    cli_line(cli, "jobs", "%s, queue %s, placement %s", cli_text(cli, CLI_O_JOBS), sp_order_name(op->order), op->policy->name);
    if (a->jobs.spec != NULL && strstr(a->jobs.spec, "chips=") == NULL)
        cli_line(cli, "", "of at most %u chips, so that a 64th of the machine is left for what is broken; chips=N says otherwise", sp_jobs_generate_most(op->machine->chips));
    if (cli_jobs_moot(&a->jobs))
        cli_line(cli, "", "no two jobs differ in their %s: they go as in %s. Generators take priorities=N, users=N and slack=2, a CSV columns priority, user and deadline",
                 sp_order_goes_by(op->order), sp_order_name(SP_ORDER_EASY));
    if (a->jobs.jobs.repaired != 0 || a->jobs.jobs.skipped != 0)
        cli_line(cli, "repairs", "%llu records put right, %llu left out; first: %s", (unsigned long long)a->jobs.jobs.repaired, (unsigned long long)a->jobs.jobs.skipped, a->jobs.jobs.note);
    cli_jobs_print(&a->jobs);
    if (a->store != NULL) cli_line(cli, "log", "%s; seeds found in it: %llu", cli->value[CLI_O_LOG], (unsigned long long)a->resumed);
    cli_line(cli, "time", "%g years x %u seeds from %llu", a->years, a->seeds, (unsigned long long)cli->seed);
    print_losses(cli, a);
    print_figures(cli, a);
}

static json_t *real_or_null(double value) { return isnan(value) ? json_null() : json_real(value); }

static json_t *answer_json(const answer *a)
{
    double mean[SP_LOSSES], half[SP_LOSSES], m, h;
    json_t *result = json_object(), *losses = json_object(), *ci = json_object(), *ci_losses = json_object();
    mean_shares(a, mean, half);
    for (int i = 0; i < SP_LOSSES; i++) {
        json_object_set_new(losses, sp_loss_name((sp_loss)i), json_real(mean[i]));
        json_object_set_new(ci_losses, sp_loss_name((sp_loss)i), real_or_null(half[i]));
    }
    for (size_t i = 0; i < sp_history_n_fields; i++) {
        const sp_history_field *f = &sp_history_fields[i];
        mean_of(a, f, &m, &h);
        json_object_set_new(result, f->name, real_or_null(m));
        json_object_set_new(ci, f->name, real_or_null(h));
    }
    json_object_set_new(result, "goodput", json_real(mean[SP_LOSS_USEFUL]));   /* the same number as in losses */
    json_object_set_new(ci, "losses", ci_losses);
    json_object_set_new(result, "losses", losses);
    json_object_set_new(result, "ci95", ci);
    json_object_set_new(result, "machine", cli_json_text(a->operation.machine->name));
    json_object_set_new(result, "years", json_real(a->years));
    json_object_set_new(result, "seeds", json_integer(a->seeds));
    json_object_set_new(result, "trainings", cli_jobs_json(&a->jobs));
    json_object_set_new(result, "placements_of_trainings", cli_jobs_effort(&a->jobs));
    json_object_set_new(result, "seeds_in_log", json_integer((json_int_t)a->resumed));
    json_object_set_new(result, "repaired", json_integer((json_int_t)a->jobs.jobs.repaired));
    json_object_set_new(result, "skipped", json_integer((json_int_t)a->jobs.jobs.skipped));
    json_object_set_new(result, "years_per_s", json_real(a->years * a->seeds / (a->took_s > 0 ? a->took_s : 1e-9)));
    return result;
}

/* Rates and repair times, and the times of the policy that nobody gave. */
static uint64_t guesses(const cli_run *cli, const answer *a)
{
    static const cli_option_id times[] = {CLI_O_CHECKPOINT, CLI_O_DETECT, CLI_O_RESTART, CLI_O_SWAP};
    uint64_t n = 0;
    for (uint32_t i = 0; i < a->failures.n; i++)
        n += (a->failures.row[i].rate_per_s.grade == SP_GRADE_GUESS) + (a->failures.row[i].repair_s.grade == SP_GRADE_GUESS);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) n += !cli_given(cli, times[i]);
    return n;
}

/* Ranks are started one a core. */
static uint32_t threads_of(const cli_run *cli)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cli_given(cli, CLI_O_THREADS)) return (uint32_t)cli_count(cli, CLI_O_THREADS);
    return cli_team(cli) != NULL || cores < 1 ? 1 : (uint32_t)cores;
}

int cli_cmd_operate(cli_run *cli)
{
    sp_error err = {0};
    answer a = {0};
    int exit_status = CLI_EXIT_OK;
    sp_status status = read_all(cli, &a, &err);
    if (status == SP_OK) status = open_store(cli, &a, &err);
    cli_progress progress = cli_progress_begin(cli);
    cli_progress_show(&progress, "%g years of %s, %u seeds", a.years, cli->operand[0], a.seeds);
    double begin = now_s();
    if (status == SP_OK)
        status = sp_operate_runs(&(sp_runs){.operation = &a.operation, .jobs = &a.jobs.jobs, .spec = a.jobs.spec, .seed = cli->seed, .n = a.seeds,
                                            .threads = threads_of(cli), .team = cli_team(cli), .store = a.store, .n_spans = SPANS, .spent_s = a.spent_s}, a.run, &err);
    cli_progress_end(&progress);
    a.took_s = now_s() - begin;
    if (status == SP_OK) status = write_files(cli, &a, &err);
    if (status == SP_OK) {
        cli->guesses = guesses(cli, &a);
        if (cli_given(cli, CLI_O_JSON)) status = cli_json_emit(cli, answer_json(&a), &err);
        else print_answer(cli, &a);
    }
    if (status != SP_OK) exit_status = cli_fail(cli, &err);
    sp_store_close(a.store);
    cli_jobs_release(&a.jobs);
    return exit_status;
}
