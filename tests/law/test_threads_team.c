/* Law of teams: any number of members gives the same answer bit for bit on each of them; what one member learns, all know. The members
 * are threads here; tests/cli/mpi.bats has processes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/plan.h"
#include "thread_team.h"

/* ---- rows and verdicts ----------------------------------------------------------------------------------------------------- */

typedef struct rows { uint32_t n; uint64_t row[37]; sp_status status, verdict; sp_error err; } rows;

static void fill_rows(const sp_team *team, void *context)
{
    rows *r = context;
    for (uint32_t i = team->rank; i < r->n; i += team->size) r->row[i] = UINT64_C(1000003) * (i + 1);
    r->status = sp_team_rows(team, r->row, sizeof *r->row, r->n, &r->err);
    if (r->status != SP_OK) return;
    sp_status mine = team->rank >= 2 ? sp_error_set(&r->err, SP_E_UNFIT, NULL, 0, 0, "member %u", team->rank) : SP_OK;
    r->verdict = sp_team_agree(team, mine, &r->err);
}

static void rows_reach_all(void **state)
{
    (void)state;
    for (uint32_t size = 1; size <= 5; size++)
        for (uint32_t n = 0; n <= 37; n += n < 6 ? 1 : 31) {
            rows r[TEAM_MOST] = {{0}};
            for (uint32_t i = 0; i < size; i++) r[i].n = n;
            thread_team_run(size, fill_rows, r, sizeof *r);
            for (uint32_t m = 0; m < size; m++) {
                assert_int_equal(r[m].status, SP_OK);
                for (uint32_t i = 0; i < n; i++) assert_true(r[m].row[i] == UINT64_C(1000003) * (i + 1));
                assert_int_equal(r[m].verdict, size > 2 ? SP_E_UNFIT : SP_OK);
                if (size > 2) assert_string_equal(r[m].err.text, "member 2");
            }
        }
}

static void alone(void **state)
{
    (void)state;
    uint64_t row = 7;
    assert_true(sp_team_size(NULL) == 1 && sp_team_rank(NULL) == 0);
    assert_int_equal(sp_team_rows(NULL, &row, sizeof row, 1, NULL), SP_OK);
    assert_int_equal(sp_team_agree(NULL, SP_E_IO, NULL), SP_E_IO);
    assert_true(row == 7);
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------ */

typedef struct searching {
    const char *machine, *model;
    uint32_t stop_after;         /* calls of progress, on member 0; 0: never */
    uint32_t calls;
    sp_status status;
    char text[16384];            /* the whole answer, doubles in hexadecimal */
} searching;

static bool stop(void *context, double fraction, double best_step_time_s)
{
    searching *s = context;
    (void)fraction;
    (void)best_step_time_s;
    return s->stop_after == 0 || ++s->calls <= s->stop_after;
}

static void write_answer(searching *s, const sp_solution *solution)
{
    int at = 0;
    const sp_plan_counts *c = &solution->counts;
    for (uint32_t i = 0; i < solution->n; i++) {
        char plan[1024];
        const sp_ranked *r = &solution->ranked[i];
        sp_plan_format(&r->plan, plan, sizeof plan);
        at += snprintf(s->text + at, sizeof s->text - (size_t)at, "%s %a %a %a %a %s\n", plan, r->step_time_s, r->lower_bound_s, r->objective, r->mem_bytes_max, r->why);
    }
    snprintf(s->text + at, sizeof s->text - (size_t)at, "%llu %llu %llu %llu %llu %llu %llu %llu\n", (unsigned long long)c->legal, (unsigned long long)c->refused,
             (unsigned long long)c->priced, (unsigned long long)c->simulated, (unsigned long long)c->refused_divide, (unsigned long long)c->refused_memory,
             (unsigned long long)c->refused_place, (unsigned long long)c->refused_deadline);
}

/* Every member reads its own input, as a process would. */
static void search(const sp_team *team, void *context)
{
    searching *s = context;
    sp_catalog *catalog;
    sp_arena *arena = sp_arena_create();
    const sp_machine *machine;
    const sp_model *model;
    const char *path;
    sp_error err = {0};
    sp_solution solution = {0};
    s->status = sp_catalog_open("catalog", &catalog, &err);
    if (s->status == SP_OK) s->status = sp_catalog_machine(catalog, s->machine, &machine, &err);
    if (s->status == SP_OK) s->status = sp_catalog_model_path(catalog, s->model, &path, &err);
    if (s->status == SP_OK) s->status = sp_model_load(path, NULL, arena, &model, &err);
    if (s->status == SP_OK) {
        sp_problem p = sp_problem_default(machine, model);
        p.gbs = 64;
        p.seq = 4096;
        p.team = team;
        p.progress = team == NULL || team->rank == 0 ? stop : NULL;
        p.progress_context = s;
        s->status = sp_plan_search(&p, arena, &solution, &err);
        write_answer(s, &solution);
    }
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
}

static void any_size_of_team_plans_alike(void **state)
{
    (void)state;
    static const char *const machine[] = {"switch:8@450GB/s,1us clos:2@50GB/s,4us,nic chip=h100", "mesh:8@56GB/s,200ns chip=ascend-950dt"};
    static const char *const model[] = {"llama3-8b", "gpt-oss-20b"};
    for (int c = 0; c < 2; c++) {
        static searching one, many[TEAM_MOST];
        one = (searching){.machine = machine[c], .model = model[c]};
        search(NULL, &one);
        assert_int_equal(one.status, SP_OK);
        assert_true(strlen(one.text) > 100);
        for (uint32_t size = 2; size <= 5; size += 3) {
            for (uint32_t i = 0; i < size; i++) many[i] = (searching){.machine = machine[c], .model = model[c]};
            thread_team_run(size, search, many, sizeof *many);
            for (uint32_t i = 0; i < size; i++) {
                assert_int_equal(many[i].status, SP_OK);
                assert_string_equal(many[i].text, one.text);
            }
        }
    }
}

/* A member that is told to stop stops all; how far each came with simulating is its own. */
static void a_stopped_member_stops_all(void **state)
{
    (void)state;
    for (uint32_t after = 1; after < 200; after += 60) {
        static searching many[TEAM_MOST];
        for (uint32_t i = 0; i < 3; i++) many[i] = (searching){.machine = "mesh:8@56GB/s,200ns chip=ascend-950dt", .model = "llama3-8b", .stop_after = after};
        thread_team_run(3, search, many, sizeof *many);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(many[i].status, many[0].calls > after ? SP_E_INTERRUPTED : SP_OK);
            if (many[i].status == SP_OK) assert_string_equal(many[i].text, many[0].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_reach_all), cmocka_unit_test(alone), cmocka_unit_test(any_size_of_team_plans_alike),
                                       cmocka_unit_test(a_stopped_member_stops_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
