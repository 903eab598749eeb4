/* UB-Mesh's evaluation (arXiv 2503.20377, 5.2 and 5.3) as directions: racks that are less of a mesh come nearer to a Clos; more lanes
 * between racks help long sequences more than short ones. Searched plans, 8,192 chips; figures are printed. */
#include "superpod/study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "catalog_fixture.h"

/* exposed: keys are gathered before the attention that needs them, and nothing of tensor parallelism hides, as in training systems of
 * the paper's time. */
static double best(fixture *b, const sp_machine *machine, const char *name, uint64_t gbs, uint64_t seq, bool exposed)
{
    const char *path;
    const sp_model *model;
    sp_solution solution;
    sp_error err = {0};
    assert_int_equal(sp_catalog_model_path(b->catalog, name, &path, NULL), SP_OK);
    assert_int_equal(sp_model_load(path, NULL, b->arena, &model, NULL), SP_OK);
    sp_problem problem = sp_problem_default(machine, model);
    problem.gbs = gbs;
    problem.seq = seq;
    problem.top = 1;
    problem.fixed.precision = SP_FMT_BF16;
    problem.effort = SP_EFFORT_QUICK;
    if (exposed) {
        problem.free_cp_way = problem.free_overlap = false;
        problem.fixed.cp_way = SP_CP_GATHER;
        problem.fixed.overlap_tp = problem.fixed.overlap_ep = false;
    }
    if (sp_plan_search(&problem, b->arena, &solution, &err) != SP_OK)
        fail_msg("%s: %s", name, err.text);
    const sp_plan *plan = &solution.ranked[0].plan;
    return solution.ranked[0].tokens_per_s_chip * plan->tp * plan->cp * plan->pp * plan->dp;
}

#define BETWEEN " mesh:4@28GB/s,500ns mesh:4@28GB/s,500ns clos:8@56GB/s,1us chip=ascend-950dt"

/* 93.2-95.9 % (2D full mesh), 95.5-97.8 (1D-FM-A: boards meshed, x16 lanes to switches of the rack), 96.8-98.4 (1D-FM-B: x32) of a
 * Clos in the rack; two points of tolerance. Between racks all have the same. A rack's switches reach board mates, too, which tiers that
 * carry one digit each do not express (docs/models/topology.md). So the two last are bracketed: a board has its mesh alone, or the mesh and
 * all of the switches' lanes, as if nothing else used those at the time. */
static void racks_against_clos(void **state)
{
    fixture *b = *state;
    const struct { const char *name, *text; double low, high, lanes; } racks[] = {   /* lanes: a board's rate with the switches', over its mesh's */
        {"2D-FM", "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns" BETWEEN, 0.932, 0.959, 1},
        {"1D-FM-A", "mesh:8@56GB/s,200ns switch:8@224GB/s,350ns" BETWEEN, 0.955, 0.978, 1 + 224.0 / 392},
        {"1D-FM-B", "mesh:8@56GB/s,200ns switch:8@392GB/s,350ns" BETWEEN, 0.968, 0.984, 2}};
    double clos = best(b, machine(b, "switch:64@784GB/s,350ns" BETWEEN), "gpt3-175b", 4096, 8192, false), before = 0;
    for (size_t i = 0; i < sizeof racks / sizeof racks[0]; i++) {
        sp_machine m = *machine(b, racks[i].text);
        double apart = best(b, &m, "gpt3-175b", 4096, 8192, false) / clos;
        m.planes[0].tiers[0].bw_bytes_per_s.nominal *= racks[i].lanes;
        double together = best(b, &m, "gpt3-175b", 4096, 8192, false) / clos;
        print_message("gpt3-175b, 8 K tokens, %s: %.1f to %.1f %% of Clos, printed %.1f to %.1f\n", racks[i].name, 100 * apart, 100 * together, 100 * racks[i].low,
                      100 * racks[i].high);
        assert_true(together >= racks[i].low - 0.02 && apart <= racks[i].high + 0.02 && together >= before - 1e-9);
        before = together;
    }
}

/* x8 to x16 lanes a chip between racks: +0.44 % at 8-32 K tokens, where x16 is best; x16 to x32: +1.85 % at 64 K-10 M. Sign and order:
 * short sequences gain more by the first doubling, long ones by the second as well. The long ones' gain is there with keys gathered before
 * attention, as training systems did; a ring under the attention hides it, and the searched plan, which uses one, gains nothing by x32. */
static void lanes_between_racks(void **state)
{
    fixture *b = *state;
    const struct { const char *model; uint64_t gbs, seq; bool exposed; } runs[] = {{"deepseek-v3", 8192, 8192, false}, {"gpt3-175b", 4096, 8192, false},
                                                                                  {"gpt3-175b", 512, 262144, false}, {"gpt3-175b", 64, 1048576, true}};
    for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++) {
        double rate[3];
        for (int i = 0; i < 3; i++) {
            sp_machine m = *machine(b, "ub-mesh-8k");   /* x16: x2 to each of 6 peers and x4 up */
            for (uint32_t t = 2; t < m.planes[0].n_tiers; t++)
                m.planes[0].tiers[t].bw_bytes_per_s.nominal *= i == 0 ? 0.5 : i == 1 ? 1 : 2;
            rate[i] = best(b, &m, runs[r].model, runs[r].gbs, runs[r].seq, runs[r].exposed);
        }
        double first = rate[1] / rate[0] - 1, second = rate[2] / rate[1] - 1;
        print_message("%s, %llu tokens%s: x8 to x16 lanes %+.2f %%, x16 to x32 %+.2f %%\n", runs[r].model, (unsigned long long)runs[r].seq,
                      runs[r].exposed ? ", keys gathered" : "", 100 * first, 100 * second);
        assert_true(first > 0 && second > -1e-9);
        assert_true(runs[r].seq > 32768 || first > second);
        assert_true(!runs[r].exposed || second > 0.005);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(racks_against_clos, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lanes_between_racks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
