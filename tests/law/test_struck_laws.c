/* A fault changes what training takes, against sums by hand. Four chips in a full mesh of 50 GB/s a pair, tensor parallelism over all of them,
 * nothing hidden: a block gathers and scatters twice forward and twice backward (Korthikanti et al. 2022), and in each of those every
 * link carries a fourth of T x h x 2 bytes. A link at half its rate doubles that. A dead one sends its fourth round both other
 * chips, half each: half as much again on those links. Gradients of data parallelism: a fourth of them twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/predict.h"
#include "catalog_fixture.h"

#define MESH "mesh:4@50GB/s,200ns chip=ascend-950dt"
#define LINK_BYTES_PER_S 50e9

static double step_s(fixture *f, const char *plan_text, const char *faults, double factor)
{
    sp_machine m = *machine(f, MESH);
    sp_plan plan = sp_plan_default();
    sp_router *router = NULL;
    sp_fault *fault = NULL;
    sp_pricer *pricer = NULL;
    sp_train_report report;
    sp_error err = {0};
    uint32_t n = 0;
    m.n_software = 0;   /* no factors of a product line: only bytes and links */
    if (sp_plan_parse(plan_text, f->arena, &plan, &err) != SP_OK || sp_router_create(&m, 0, SP_ROUTING_SPRAY, 0, NULL, 0, &router, &err) != SP_OK ||
        (faults && sp_fault_parse(router, faults, factor, f->arena, &fault, &n, &err) != SP_OK) ||
        sp_pricer_create(&m, model(f, "llama3-8b"), &pricer, &err) != SP_OK)
        fail_msg("%s", err.text);
    sp_pricer_strike(pricer, fault, n);
    if (sp_pricer_train(pricer, &plan, false, f->arena, &report, NULL, &err) != SP_OK)
        fail_msg("%s: %s", plan_text, err.text);
    sp_pricer_destroy(pricer);
    sp_router_destroy(router);
    return report.step_time_s;
}

/* Seconds that the fault adds: times as many wires of so many bytes a link. */
static void adds(fixture *f, const char *plan, const char *faults, double factor, double wires, double link_bytes)
{
    double rate = LINK_BYTES_PER_S * sp_machine_payload(machine(f, MESH));
    double expected_s = wires * link_bytes / rate, got_s = step_s(f, plan, faults, factor) - step_s(f, plan, NULL, 1);
    print_message("%s %g: %.3f ms more, by hand %.3f\n", faults, factor, got_s * 1e3, expected_s * 1e3);
    assert_true(fabs(got_s / expected_s - 1) < 0.002);   /* latencies of 0.2 us are stretched, too */
}

static void tensor_parallel_round_a_fault(void **state)
{
    const char *plan = "tp=4 gbs=4 mbs=1 seq=8192 stack=ideal overlap-tp=false";
    double link_bytes = 8192.0 * 4096 * 2 / 4, wires = 4 * (32 * 8 + 4);   /* micro-batches, blocks, collectives of a block; embedding and head */
    adds(*state, plan, "link:0", 0.5, wires, link_bytes);
    adds(*state, plan, "link:0", 0.1, 9 * wires, link_bytes);
    adds(*state, plan, "link:0", 0, wires / 2, link_bytes);
}

static void gradients_round_a_fault(void **state)
{
    const char *plan = "dp=4 gbs=4 mbs=1 seq=8192 stack=ideal overlap-dp=false zero=0";
    double link_bytes = 8030261248.0 * 2 / 4;   /* parameters of Llama 3 8B, summed in BF16 */
    adds(*state, plan, "link:0", 0.5, 2, link_bytes);
    adds(*state, plan, "link:0", 0, 1, link_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensor_parallel_round_a_fault),
        cmocka_unit_test(gradients_round_a_fault),
    };
    return cmocka_run_group_tests_name("faults under training", tests, set_up, tear_down);
}
