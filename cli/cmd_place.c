/* superpod place MACHINE CHIPS, superpod check-placement MACHINE CHIPS IDS */
#include "output.h"
#include "superpod/cluster.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    const sp_machine *machine;
    sp_cluster_shape shape;
    uint32_t chips;
    const sp_model *model;               /* of --network, else NULL; then the judge too */
    sp_plan plan;
    sp_judge *judge;
    double ideal_s;
} job;

static sp_status read_job(cli_run *cli, job *out, sp_error *err)
{
    sp_status status = cli_machine(cli, cli->operand[0], &out->machine, err);
    if (status == SP_OK) status = sp_cluster_shape_of(out->machine, &out->shape, err);
    if (status != SP_OK) return status;
    const char *text = cli->operand[1];
    errno = 0;
    unsigned long n = strtoul(text, NULL, 10);
    if (text[strspn(text, "0123456789")] != '\0' || errno != 0 || n == 0 || n > out->shape.chips)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "found '%s' chips; expected a whole number from 1 to %u, the chips of %s", text, out->shape.chips,
                            out->machine->name);
    out->chips = (uint32_t)n;
    return SP_OK;
}

/* As many replicas as the job's chips make, unless the words say otherwise. */
static sp_status fill_replicas(const job *j, sp_plan *plan, sp_error *err)
{
    uint64_t replica = (uint64_t)plan->tp * plan->cp;
    bool holds = sp_mul_u64(replica, plan->pp, &replica) && replica <= j->chips;
    if (holds && plan->dp <= 1 && j->chips % replica == 0) plan->dp = (uint32_t)(j->chips / replica);
    if (holds && replica * plan->dp == j->chips) return SP_OK;
    return sp_error_set(err, SP_E_INVAL, "--set", 0, 0, "tp x cp x pp x dp = %u x %u x %u x %u is not the job's %u chips; choose sizes whose product is", plan->tp, plan->cp, plan->pp,
                        plan->dp, j->chips);
}

/* The judge of --network; its ideal step refuses a plan that does not have the job's chips. */
static sp_status make_judge(cli_run *cli, job *j, sp_error *err)
{
    if (!cli_given(cli, CLI_O_NETWORK)) {
        if (!cli_given(cli, CLI_O_SET) && !cli_given(cli, CLI_O_PLAN)) return SP_OK;
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "--%s is of a model; give --network MODEL too", cli_given(cli, CLI_O_SET) ? "set" : "plan");
    }
    j->plan = sp_plan_default();
    j->plan.gbs = j->plan.seq = 0;
    sp_spread ideal = sp_cluster_ideal(&j->shape, j->chips);
    sp_status status = cli_model(cli, cli->value[CLI_O_NETWORK], &j->model, err);
    if (status == SP_OK) status = cli_plan_read(cli, j->machine, j->model, &j->plan, err);
    if (status == SP_OK) status = fill_replicas(j, &j->plan, err);
    if (status == SP_OK) status = sp_judge_create(j->machine, j->model, &j->plan, &j->judge, err);
    return status == SP_OK ? sp_judge_step(j->judge, &ideal, NULL, &j->ideal_s, err) : status;
}

/* Step time there, when a model is given, against the ideal one; else 0 and the unknown model's slowdown. */
static sp_status judge(const job *j, const sp_spread *spread, double *step_s, double *slowdown, sp_error *err)
{
    *step_s = 0;
    *slowdown = sp_cluster_slowdown(j->machine, &j->shape, spread);
    if (j->judge == NULL) return SP_OK;
    sp_status status = sp_judge_step(j->judge, spread, NULL, step_s, err);
    if (status == SP_OK) *slowdown = *step_s > j->ideal_s ? *step_s / j->ideal_s : 1;
    return status;
}

static void tell_counts(cli_run *cli, const job *j)
{
    uint64_t hits, misses;
    if (j->judge == NULL) return;
    sp_judge_counts(j->judge, &hits, &misses);
    cli_line(cli, "judged", "%llu placements by the network, %llu of them known from others like them", (unsigned long long)(hits + misses), (unsigned long long)hits);
}

static json_t *counts_json(const job *j)
{
    uint64_t hits, misses;
    if (j->judge == NULL) return json_null();
    sp_judge_counts(j->judge, &hits, &misses);
    return json_pack("{s:I, s:I}", "hits", (json_int_t)hits, "misses", (json_int_t)misses);
}

/* Sorted ids as "0-3,7". */
static const char *ids_text(cli_run *cli, const uint32_t *id, uint32_t n)
{
    uint64_t *range = sp_arena_alloc(cli->arena, 2u * (size_t)n, sizeof *range);
    sp_idset set = {.range = range};
    for (uint32_t i = 0; range != NULL && i < n; i++) {
        if (set.n > 0 && range[2 * set.n - 1] + 1 == id[i]) range[2 * set.n - 1]++;
        else if (set.n == 0 || range[2 * set.n - 1] != id[i]) {
            range[2 * set.n] = range[2 * set.n + 1] = id[i];
            set.n++;
        }
    }
    int length = sp_idset_format(&set, NULL, 0);
    char *text = length < 0 ? NULL : sp_arena_alloc(cli->arena, (size_t)length + 1, 1);
    if (text != NULL) sp_idset_format(&set, text, (size_t)length + 1);
    return text == NULL ? "" : text;
}

/* ---- place ------------------------------------------------------------------------------------------------------------ */

static sp_status take_used(cli_run *cli, sp_cluster *cluster, sp_error *err)
{
    sp_idset used;
    const char *text = cli->value[CLI_O_USED];
    if (text == NULL) return SP_OK;
    if (sp_idset_parse(cli->arena, text, sp_cluster_shape_get(cluster)->chips - 1, &used, err) != SP_OK) return cli_blame_option(CLI_O_USED, err);
    for (size_t r = 0; r < used.n; r++)
        for (uint64_t id = used.range[2 * r]; id <= used.range[2 * r + 1]; id++) sp_cluster_take_down(cluster, (uint32_t)id);
    return SP_OK;
}

/* Would it on the empty machine? */
static bool ever_fits(const job *j, const sp_place_policy *policy, const sp_request *request)
{
    sp_cluster *empty;
    sp_spread spread;
    uint32_t list;
    if (sp_cluster_create(&j->shape, &empty, NULL) != SP_OK) return true;
    bool fits = policy->place(empty, request, 0, &list, &spread);
    sp_cluster_destroy(empty);
    return fits;
}

static const char *why_not(cli_run *cli, const sp_cluster *cluster, const job *j, const sp_place_policy *policy, const sp_request *request)
{
    uint32_t free_chips = sp_cluster_free_chips(cluster);
    if (free_chips < j->chips)
        return sp_arena_printf(cli->arena, "needs %u chips and %u of %u are free", j->chips, free_chips, j->shape.chips);
    const char *form = request->segment_chips == 0 ? "in the form" : sp_arena_printf(cli->arena, "in blocks of %u, or not in the form", request->segment_chips);
    const char *others = policy == &sp_place_policies[0] ? "" : "; --policy best or scatter takes others";
    if (!ever_fits(j, policy, request)) return sp_arena_printf(cli->arena, "policy %s has no place for %u chips%s even on the empty machine%s", policy->name, j->chips,
                                                               request->segment_chips == 0 ? "" : " in such blocks", others);
    return sp_arena_printf(cli->arena, "%u chips are free, but not %s that policy %s asks for%s", free_chips, form, policy->name, others);
}

/* The first end of a running job after which the job fits, as the file says when they end. NULL: at none of them. */
typedef struct ending { double at_s; uint32_t job; } ending;

static int by_end(const void *a, const void *b)
{
    const ending *x = a, *y = b;
    return x->at_s < y->at_s ? -1 : x->at_s > y->at_s ? 1 : x->job < y->job ? -1 : x->job > y->job;
}

static const ending *when(cli_run *cli, sp_cluster *cluster, const cli_running *running, const sp_place_policy *policy, const sp_request *request)
{
    ending *end = sp_arena_alloc(cli->arena, running->n + (size_t)1, sizeof *end);
    sp_spread spread;
    uint32_t list;
    for (uint32_t i = 0; end != NULL && i < running->n; i++) end[i] = (ending){running->ends_s[i], i};
    if (end != NULL) qsort(end, running->n, sizeof *end, by_end);
    for (uint32_t i = 0; end != NULL && i < running->n && isfinite(end[i].at_s); i++) {
        sp_cluster_free(cluster, running->list[end[i].job]);
        if (sp_cluster_free_chips(cluster) >= request->chips && policy->place(cluster, request, running->n, &list, &spread)) return &end[i];
    }
    return NULL;
}

/* What it needs and what there is; then, when, if the running jobs' ends are known. */
static sp_status tell_unfit(cli_run *cli, sp_cluster *cluster, const job *j, const cli_running *running, const sp_place_policy *policy, const sp_request *request, sp_error *err)
{
    const char *why = why_not(cli, cluster, j, policy, request);
    const ending *at = when(cli, cluster, running, policy, request);
    if (cli_given(cli, CLI_O_JSON))
        return cli_json_emit(cli, json_pack("{s:b, s:s, s:o, s:o}", "fits", 0, "why", why, "when", at == NULL ? json_null() : json_real(at->at_s), "after",
                                            at == NULL ? json_null() : cli_json_text(running->name[at->job])), err);
    if (at != NULL) fprintf(cli->out, "does not fit: %s; in %s, when %s ends\n", why, cli_quantity(cli, at->at_s, SP_UNIT_SECONDS), running->name[at->job]);
    else fprintf(cli->out, "does not fit: %s%s\n", why, running->n != 0 ? "; nor when all jobs whose end is known have ended" : "");
    return SP_OK;
}

/* With a model, "best" is what its step is fastest on; of equal ones the row of the table that comes first. */
static const sp_place_policy *judged_policy(const job *j, sp_cluster *cluster, const sp_request *request, uint32_t owner)
{
    const sp_place_policy *best = &sp_place_policies[0];
    double least = 0;
    for (size_t i = 0; i < sp_place_n_policies; i++) {
        sp_spread spread;
        sp_error ignored;
        uint32_t list;
        double step_s;
        if (!sp_place_policies[i].place(cluster, request, owner, &list, &spread)) continue;
        if (sp_judge_step(j->judge, &spread, NULL, &step_s, &ignored) == SP_OK && (least == 0 || step_s < least)) {
            least = step_s;
            best = &sp_place_policies[i];
        }
        sp_cluster_free(cluster, list);
    }
    return best;
}

/* "1 host", "3 hosts" */
static const char *counted(cli_run *cli, uint32_t n, const char *what)
{
    const char *text = sp_arena_printf(cli->arena, "%u %s%s", n, what, n == 1 ? "" : "s");
    return text == NULL ? "" : text;
}

static void tell_spread(cli_run *cli, const job *j, const sp_spread *s, double slowdown)
{
    fprintf(cli->out, "%s%s%s on %s of %s in %s: slowdown %.4f\n", cli_strong(cli, true), counted(cli, j->chips, "chip"), cli_strong(cli, false),
            counted(cli, s->rows, "host"), counted(cli, s->leaves, "rack"), counted(cli, s->pods, "pod"), slowdown);
}

static sp_status make_recovery(cli_run *cli, const job *j, const sp_spread *spread, sp_recovery **out, sp_error *err)
{
    *out = NULL;
    if (!cli_given(cli, CLI_O_RECOVERY)) return SP_OK;
    if (j->judge == NULL) return sp_error_set(err, SP_E_INVAL, "--recovery", 0, 0, "a recovery table is of a model and a plan; give --network MODEL and --plan or --set too");
    sp_recovery_query query = sp_recovery_query_default(j->machine, j->model, &j->plan);
    query.spread = spread;
    query.replan = true;
    return sp_recovery_create(&query, out, err);
}

static sp_status tell_placed(cli_run *cli, const job *j, const sp_place_policy *policy, const uint32_t *chip, const sp_spread *s, const sp_recovery *recovery, sp_error *err)
{
    double step_s, slowdown;
    sp_place_check check;
    sp_status status = judge(j, s, &step_s, &slowdown, err);
    if (status == SP_OK) status = sp_cluster_check(j->machine, &j->shape, chip, j->chips, &check, err);
    uint32_t *host = sp_arena_alloc(cli->arena, j->chips, sizeof *host);
    if (status != SP_OK) return status;
    if (host == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t i = 0; i < j->chips; i++) host[i] = chip[i] / j->shape.row_chips;
    const char *nodes = ids_text(cli, host, j->chips), *ranks = ids_text(cli, chip, j->chips);
    if (cli_given(cli, CLI_O_JSON))
        return cli_json_emit(cli, json_pack("{s:b, s:s, s:s, s:o, s:f, s:i, s:i, s:i, s:b, s:b, s:s, s:o, s:o}", "fits", 1, "nodes", nodes, "rank_order", ranks, "step_time_s",
                                            step_s > 0 ? json_real(step_s) : json_null(), "slowdown", slowdown, "hosts", (int)s->rows, "racks", (int)s->leaves,
                                            "pods", (int)s->pods, "whole", check.whole, "aligned", check.aligned, "policy", policy->name, "judged", counts_json(j), "recovery",
                                            recovery == NULL ? json_null() : cli_recovery_json(recovery)), err);
    tell_spread(cli, j, s, slowdown);
    cli_line(cli, "policy", "%s", policy->name);
    cli_line(cli, "nodes", "%s", strlen(nodes) < 2000 ? nodes : "too many ranges for a line; --json has them");
    cli_line(cli, "rank order", "%s", strlen(ranks) < 2000 ? ranks : "too many ranges for a line; --json has them");
    if (step_s > 0) cli_line(cli, "step", "%s", cli_quantity(cli, step_s, SP_UNIT_SECONDS));
    tell_counts(cli, j);
    if (recovery != NULL) cli_recovery_print(cli, recovery);
    return SP_OK;
}

int cli_cmd_place(cli_run *cli)
{
    sp_error err = {0};
    job j = {0};
    cli_running running = {.n = 0};
    sp_recovery *recovery = NULL;
    sp_cluster *cluster = NULL;
    sp_spread spread;
    uint32_t list;
    sp_status status = read_job(cli, &j, &err);
    if (status == SP_OK) status = sp_cluster_create(&j.shape, &cluster, &err);
    if (status == SP_OK) status = take_used(cli, cluster, &err);
    if (status == SP_OK && cli_given(cli, CLI_O_RUNNING)) status = cli_running_read(cli, cli->value[CLI_O_RUNNING], cluster, &running, &err);
    if (status == SP_OK) status = make_judge(cli, &j, &err);
    if (status == SP_OK && cli_given(cli, CLI_O_SEGMENT) && j.chips % cli_count(cli, CLI_O_SEGMENT) != 0)
        status = sp_error_set(&err, SP_E_INVAL, "--segment", 0, 0, "found blocks of %llu for %u chips; expected a divisor of them", (unsigned long long)cli_count(cli, CLI_O_SEGMENT), j.chips);
    const sp_place_policy *policy = sp_place_policy_find(cli_text(cli, CLI_O_POLICY));
    sp_request request = {.chips = j.chips, .segment_chips = (uint32_t)cli_count(cli, CLI_O_SEGMENT)};
    if (status == SP_OK && j.judge != NULL && policy == &sp_place_policies[0]) policy = judged_policy(&j, cluster, &request, running.n);
    bool fits = status == SP_OK && policy->place(cluster, &request, running.n, &list, &spread);
    if (fits) status = make_recovery(cli, &j, &spread, &recovery, &err);
    if (status == SP_OK && fits) {
        uint32_t *chip = sp_arena_alloc(cli->arena, j.chips, sizeof *chip);
        if (chip == NULL) status = sp_error_set(&err, SP_E_NOMEM, NULL, 0, 0, "no memory");
        else {
            sp_cluster_list_chips(cluster, list, chip);
            status = tell_placed(cli, &j, policy, chip, &spread, recovery, &err);
        }
    } else if (status == SP_OK) {
        status = tell_unfit(cli, cluster, &j, &running, policy, &request, &err);
    }
    sp_recovery_destroy(recovery);
    sp_judge_destroy(j.judge);
    sp_cluster_destroy(cluster);
    if (status != SP_OK) return cli_fail(cli, &err);
    return fits ? CLI_EXIT_OK : CLI_EXIT_UNFIT;
}

/* ---- check-placement -------------------------------------------------------------------------------------------------- */

/* IDS as chips when there are as many as the job's chips, as hosts when they hold as many. */
static sp_status read_ids(cli_run *cli, const job *j, uint32_t **chip, sp_error *err)
{
    sp_idset set;
    if (sp_idset_parse(cli->arena, cli->operand[2], j->shape.chips - 1, &set, err) != SP_OK) return cli_blame_operand(err);
    uint64_t n = sp_idset_count(&set);
    uint32_t row = n == j->chips ? 1 : j->shape.row_chips, at = 0;
    if (n * row != j->chips)
        return sp_error_set(err, SP_E_INVAL, "command line", 0, 0, "found %llu ids; expected %u chips, or %u hosts of %u chips", (unsigned long long)n, j->chips,
                            j->chips / j->shape.row_chips, j->shape.row_chips);
    *chip = sp_arena_alloc(cli->arena, j->chips, sizeof **chip);
    if (*chip == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (size_t r = 0; r < set.n; r++)
        for (uint64_t id = set.range[2 * r]; id <= set.range[2 * r + 1]; id++)
            for (uint32_t i = 0; i < row; i++) (*chip)[at++] = (uint32_t)(id * row + i < UINT32_MAX ? id * row + i : UINT32_MAX);
    return SP_OK;
}

static sp_status tell_checked(cli_run *cli, const job *j, const sp_place_check *c, sp_error *err)
{
    double step_s, slowdown;
    sp_status status = judge(j, &c->spread, &step_s, &slowdown, err);
    if (status != SP_OK) return status;
    if (cli_given(cli, CLI_O_JSON))
        return cli_json_emit(cli, json_pack("{s:b, s:b, s:b, s:i, s:f, s:o, s:i, s:i, s:i}", "whole", c->whole, "aligned", c->aligned, "connected", c->connected, "spares",
                                            (int)c->spares, "slowdown", slowdown, "step_time_s", step_s > 0 ? json_real(step_s) : json_null(), "hosts",
                                            (int)c->spread.rows, "racks", (int)c->spread.leaves, "pods", (int)c->spread.pods), err);
    cli_table *table = cli_table_begin(cli, "lrl", NULL);
    const bool torus = j->shape.torus[0] != 0;
    const struct { const char *name; bool yes; const char *what; } row[] = {
        {"whole", c->whole, torus ? "a box of the torus, or whole cubes" : "whole racks, or all in one rack"},
        {"aligned", c->aligned, torus ? "the box begins at multiples of its edges" : "racks in one run that starts at a multiple of its power of two"},
        {"connected", c->connected, torus ? "links of the torus join all chips, or optical switches the cubes"
                                          : j->shape.mesh_leaf ? "the share of each rack is rows x columns: a full mesh" : "racks are switched: any share of one is joined"}};
    tell_spread(cli, j, &c->spread, slowdown);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        cli_table_cell(table, "%s", row[i].name);
        cli_table_cell(table, "%s", row[i].yes ? "yes" : "NO");
        cli_table_cell(table, "%s", row[i].what);
    }
    cli_table_cell(table, "spares");
    cli_table_cell(table, "%u", c->spares);
    cli_table_cell(table, "chips that stand by in these racks");
    cli_table_end(table);
    if (step_s > 0) cli_line(cli, "step", "%s", cli_quantity(cli, step_s, SP_UNIT_SECONDS));
    return SP_OK;
}

int cli_cmd_check_placement(cli_run *cli)
{
    sp_error err = {0};
    job j = {0};
    uint32_t *chip = NULL;
    sp_place_check check;
    bool ok = read_job(cli, &j, &err) == SP_OK && read_ids(cli, &j, &chip, &err) == SP_OK
              && sp_cluster_check(j.machine, &j.shape, chip, j.chips, &check, &err) == SP_OK && make_judge(cli, &j, &err) == SP_OK
              && tell_checked(cli, &j, &check, &err) == SP_OK;
    sp_judge_destroy(j.judge);
    if (!ok) return cli_fail(cli, &err);
    return check.whole && check.connected ? CLI_EXIT_OK : CLI_EXIT_UNFIT;
}
