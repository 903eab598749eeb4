/* Directions that were published, reproduced as directions: UB-Mesh against Clos, linearity, the keynote's ratios of pods; and
 * laws of comparisons: dates order, one draw for one chip, more doubt is a wider interval. docs/answer.md says what holds. */
#include "superpod/study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog_fixture.h"

/* Tokens/s of the best plan on so many chips, BF16. */
static double best(fixture *b, const char *on, const char *of, uint32_t chips, uint64_t gbs, uint64_t seq)
{
    sp_problem problem = sp_problem_default(machine(b, on), model(b, of));
    sp_solution solution;
    sp_error err = {0};
    problem.gbs = gbs;
    problem.seq = seq;
    problem.chips = chips;
    problem.top = 1;
    problem.fixed.precision = SP_FMT_BF16;
    problem.effort = SP_EFFORT_QUICK;
    if (sp_plan_search(&problem, b->arena, &solution, &err) != SP_OK)
        fail_msg("%s on %s: %s", of, on, err.text);
    return solution.ranked[0].tokens_per_s_chip * solution.ranked[0].plan.tp * solution.ranked[0].plan.cp * solution.ranked[0].plan.pp *
           solution.ranked[0].plan.dp;
}

#define UB_MESH "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns mesh:4@28GB/s,500ns mesh:4@28GB/s,500ns clos:8@56GB/s,1us chip=ascend-950dt"
/* the same lanes between racks; inside a rack the 14 mesh ports lead to switches */
#define RACK_CLOS "switch:64@784GB/s,350ns mesh:4@28GB/s,500ns mesh:4@28GB/s,500ns clos:8@56GB/s,1us chip=ascend-950dt"

/* UB-Mesh paper, 5.3: 2D full mesh in a rack reaches 93.2-95.9 % of a Clos in the rack, 8 K NPUs, 8 K-32 K tokens; "within 7 %" over
 * all. Two points of tolerance. Dense models of 175 G and 1 T; LLAMA-70B, which the paper has at 93.2 %, comes out above
 * that here: its plan needs no tensor parallelism on 144 GB chips. */
static void test_ub_mesh_against_clos(void **state)
{
    fixture *b = *state;
    const struct { const char *model; uint64_t gbs, seq; } runs[] = {{"gpt3-175b", 4096, 8192}, {"gpt3-175b", 1024, 32768}, {"gpt-sc21-1t", 4096, 8192}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        double share = best(b, UB_MESH, runs[i].model, 0, runs[i].gbs, runs[i].seq) / best(b, RACK_CLOS, runs[i].model, 0, runs[i].gbs, runs[i].seq);
        print_message("%s, %llu tokens: %.1f %% of Clos\n", runs[i].model, (unsigned long long)runs[i].seq, 100 * share);
        assert_true(share >= 0.932 - 0.02 && share <= 0.959 + 0.02);
    }
    double off = best(b, UB_MESH, "llama2-70b", 0, 4096, 8192) / best(b, RACK_CLOS, "llama2-70b", 0, 4096, 8192);
    print_message("llama2-70b apart: %.1f %% of Clos\n", 100 * off);
    assert_true(off > 0.959 && off < 1.02);
}

/* UB-Mesh paper, 5.5: at 256 K tokens a sequence, >= 95 % of linear at 64 times the NPUs; 3 points of tolerance. Its simulation has no slow
 * chips: what steps wait for them is taken off (software.md: of 128 and of 8,192). */
static void test_linearity(void **state)
{
    fixture *b = *state;
    double few = best(b, "ub-mesh-8k", "llama2-70b", 128, 32, 262144) / 128, many = best(b, "ub-mesh-8k", "llama2-70b", 8192, 2048, 262144) / 8192;
    const sp_software *line = sp_machine_software(machine(b, "ub-mesh-8k"), NULL);
    double slow_by = line->slow_by.nominal, alike = 1 - line->slow_share.nominal;
    few *= 1 + slow_by * (1 - pow(alike, 128));
    many *= 1 + slow_by * (1 - pow(alike, 8192));
    print_message("llama2-70b, 128 to 8,192 chips: %.1f %% of linear\n", 100 * many / few);
    assert_true(many / few >= 0.92 && many / few <= 1.1);
}

static sp_comparison compared(fixture *b, const char *of, const char *first, const char *second, bool best_precision, uint32_t samples)
{
    static const char *texts[2];
    texts[0] = first;
    texts[1] = second;
    sp_compare_problem problem = {.catalog = b->catalog, .model = model(b, of), .n_machines = 2, .machines = texts,
                                  .best_precision = best_precision, .samples = samples, .ratios_only = true};
    sp_comparison out;
    sp_error err = {0};
    if (sp_compare(&problem, b->arena, &out, &err) != SP_OK)
        fail_msg("%s: %s", of, err.text);
    return out;
}

/* Keynote of 2025: the 950 pod trains 17 times as fast as the Atlas 900 A3 pod (384 chips), the 960 pod 3.2 times as fast as the 950.
 * Model, batch and formats were not stated. With a dense model of 405 G parameters, BF16 on all and whole pods, both fall inside our
 * intervals or within a fifth of the nominal. */
static void test_keynote_ratios(void **state)
{
    fixture *b = *state;
    const struct { const char *first, *second; double printed; } rows[] = {
        {"atlas-950-superpod", "cloudmatrix-384", 17}, {"atlas-960-superpod", "atlas-950-superpod", 3.2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sp_comparison r = compared(b, "llama3.1-405b", rows[i].first, rows[i].second, false, 16);
        sp_range ratio = r.breakeven[0].ratio;
        print_message("%s : %s = %.1f (%.1f to %.1f), printed %.1f\n", rows[i].first, rows[i].second, ratio.nominal, ratio.low, ratio.high, rows[i].printed);
        assert_int_equal(r.recipe, SP_FMT_BF16);
        assert_true(fabs(ratio.nominal / rows[i].printed - 1) < 0.2);
    }
}

/* Inference was printed as 26.5 times. We have no serving; decoding is bound by memory, and so is the ratio by bytes a second of HBM. */
static void test_keynote_inference_is_memory_bandwidth(void **state)
{
    fixture *b = *state;
    sp_machine_totals a, c;
    assert_int_equal(sp_machine_count(machine(b, "atlas-950-superpod"), &a, NULL), SP_OK);
    assert_int_equal(sp_machine_count(machine(b, "cloudmatrix-384"), &c, NULL), SP_OK);
    double ratio = a.mem_bw_bytes_per_s / c.mem_bw_bytes_per_s;
    print_message("HBM bandwidth, 950 pod over Atlas 900 A3: %.1f\n", ratio);
    assert_true(fabs(ratio / 26.5 - 1) < 0.02);
}

/* UB-Mesh paper, 5.4: CapEx of the all-Clos pod is 2.46 times that of the mesh, and the network's share of it 67 % against 20 %. The
 * prices are ours, so the sign and the order are held: more than half as much again, less than ten times, and shares on both sides
 * of a half; rack meshes under a Clos between racks stand between the two. */
static void test_cost_of_meshes_and_clos(void **state)
{
    fixture *b = *state;
    sp_network_prices prices;
    sp_network_cost cost[3];
    double total[3], share[3];
    assert_int_equal(sp_network_prices_load("catalog/prices", b->arena, &prices, NULL), SP_OK);
    static const char *const texts[3] = {"ub-mesh-8k", "atlas-950-superpod", "clos:8192@896GB/s,1us,planes=16,radix=128 chip=ascend-950dt rack=64"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sp_network_cost_of(machine(b, texts[i]), &prices, &cost[i], NULL), SP_OK);
        total[i] = cost[i].chips_usd + cost[i].links_usd + cost[i].switches_usd;
        share[i] = 1 - cost[i].chips_usd / total[i];
        print_message("%-20.20s %.0f USD a chip, network %.0f %%\n", texts[i], total[i] / 8192, 100 * share[i]);
    }
    assert_true(total[0] < total[1] && total[1] < total[2]);
    assert_true(total[2] / total[0] > 1.5 && total[2] / total[0] < 10);
    assert_true(share[0] < 0.5 && share[2] > 0.5);
    /* performance over the cost of owning was printed as 2.04 times; over that of buying alone it is above 1, and of that order */
    double speed = best(b, texts[0], "gpt3-175b", 0, 4096, 8192) / best(b, texts[2], "gpt3-175b", 0, 4096, 8192), efficiency = speed * total[2] / total[0];
    print_message("mesh at %.1f %% of the speed of Clos: %.2f times the performance a dollar\n", 100 * speed, efficiency);
    assert_true(efficiency > 1 && efficiency < 4);
}

/* ---- laws ---------------------------------------------------------------------------------------------------------- */

static void test_dates(void **state)
{
    (void)state;
    static const char *const rising[] = {"2024", "2025-03", "2025Q2", "2025-07", "2025Q3", "2025H2", "2026Q1", "2026H1", "2026-12"};
    static const char *const none[] = {"", "soon", "26Q4", "2026Q5", "2026Q0", "2026H3", "2026-13", "2026-", "2026Q4x", "2026-1-1", "2026 Q4", "20264"};
    uint32_t before = 0, months;
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        assert_int_equal(sp_date_parse(rising[i], &months, NULL), SP_OK);
        assert_true(months > before);
        before = months;
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        sp_error err = {0};
        assert_int_equal(sp_date_parse(none[i], &months, &err), SP_E_PARSE);
        assert_non_null(strstr(err.text, "expected"));
    }
}

/* One chip in two machines is drawn once: the ratio of the two is surer than either. */
static void test_one_chip_is_drawn_once(void **state)
{
    fixture *b = *state;
    sp_comparison r = compared(b, "llama2-70b", "atlas-950-superpod-1024", "ub-mesh-1k", false, 24);
    sp_range own = r.entry[0].tokens_per_s, ratio = r.breakeven[0].ratio;
    print_message("own %.2f, ratio %.2f\n", own.high / own.low, ratio.high / ratio.low);
    assert_true(own.high / own.low > 1.05);
    assert_true(log(ratio.high / ratio.low) < 0.5 * log(own.high / own.low));
}

static void test_intervals_hold_the_nominal(void **state)
{
    fixture *b = *state;
    sp_comparison r = compared(b, "llama2-70b", "gb300-nvl72", "cloudmatrix-384", true, 16);
    for (uint32_t i = 0; i < r.n; i++) {
        const sp_range *ranges[] = {&r.entry[i].tokens_per_s, &r.entry[i].power_w, &r.entry[i].capital_usd, &r.entry[i].cost_usd, &r.entry[i].days};
        for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
            assert_true(ranges[k]->low <= ranges[k]->nominal && ranges[k]->nominal <= ranges[k]->high && ranges[k]->low > 0);
        assert_true(fabs(r.entry[i].days.nominal * 86400 * r.entry[i].tokens_per_s.nominal / r.tokens - 1) < 1e-9);
        assert_true(fabs(r.entry[i].cost_usd.nominal / (r.entry[i].usd_per_hour.nominal * 24 * r.entry[i].days.nominal) - 1) < 1e-9);
    }
    const sp_compare_breakeven *e = &r.breakeven[0];
    assert_true(fabs(e->ratio.nominal * r.entry[1].tokens_per_s.nominal / r.entry[0].tokens_per_s.nominal - 1) < 1e-9);
}

/* Uncertain values are drawn about their nominals, so that neither side of an answer's nominal stays empty. */
static void test_samples_lie_on_both_sides(void **state)
{
    fixture *b = *state;
    sp_comparison r = compared(b, "llama2-70b", "gb300-nvl72", "atlas-950-superpod-1024", false, 48);
    for (uint32_t i = 0; i < r.n; i++) {
        uint32_t above = 0;
        for (uint32_t s = 0; s < r.entry[i].n_samples; s++)
            above += r.entry[i].sample[s] > r.entry[i].tokens_per_s.nominal;
        print_message("%u of %u samples above the nominal\n", above, r.entry[i].n_samples);
        assert_true(above > r.entry[i].n_samples / 8 && above < r.entry[i].n_samples * 7 / 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ub_mesh_against_clos, set_up, tear_down), cmocka_unit_test_setup_teardown(test_linearity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keynote_ratios, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keynote_inference_is_memory_bandwidth, set_up, tear_down), cmocka_unit_test(test_dates),
        cmocka_unit_test_setup_teardown(test_cost_of_meshes_and_clos, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_chip_is_drawn_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_intervals_hold_the_nominal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples_lie_on_both_sides, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
