/* Laws of prediction and search, on random legal plans: the bound is a bound, the parts are the whole, better wires are
 * never slower, the pipeline takes its closed form, the memory's in-flight count is what the run holds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/plan.h"
#include "catalog_fixture.h"

static uint32_t power(sp_rng *rng, uint32_t most)
{
    return 1u << sp_rng_below(rng, most + 1);
}

/* A random plan that passes the rules; false when this draw does not. */
static bool draw(sp_rng *rng, const sp_machine *m, const sp_model *mod, sp_plan *plan)
{
    *plan = sp_plan_default();
    plan->tp = power(rng, 3);
    plan->cp = power(rng, 1);
    plan->pp = power(rng, 3);
    plan->dp = power(rng, 4);
    plan->ep = power(rng, 4);
    plan->etp = power(rng, 1);
    plan->vpp = 1 + (uint32_t)sp_rng_below(rng, 3);
    plan->mbs = power(rng, 1);
    plan->gbs = (uint64_t)plan->mbs * plan->dp * plan->pp * (1 + sp_rng_below(rng, 3));
    plan->seq = 4096;
    plan->zero = (uint32_t)sp_rng_below(rng, 4);
    plan->recompute = (sp_recompute)sp_rng_below(rng, SP_RECOMPUTES);
    plan->schedule = plan->vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
    if (plan->vpp == 1 && sp_rng_below(rng, 2)) {
        static const sp_schedule others[] = {SP_SCHEDULE_GPIPE, SP_SCHEDULE_ZB_H1, SP_SCHEDULE_ZB_H2, SP_SCHEDULE_DUALPIPE};
        plan->schedule = others[sp_rng_below(rng, 4)];
    } else if (plan->vpp == 2 && sp_rng_below(rng, 2))
        plan->schedule = sp_rng_below(rng, 2) ? SP_SCHEDULE_ZB_V : SP_SCHEDULE_DUALPIPEV;
    plan->overlap_dp = sp_rng_below(rng, 2);
    plan->overlap_ep = sp_rng_below(rng, 2);
    plan->overlap_tp = sp_rng_below(rng, 2);
    plan->sequence_parallel = sp_rng_below(rng, 4) != 0;
    plan->unfused_attention = sp_rng_below(rng, 4) == 0;
    plan->blocking_sends = sp_rng_below(rng, 4) == 0;
    plan->narrow_gather = sp_rng_below(rng, 4) == 0;
    plan->lora_rank = sp_rng_below(rng, 4) ? 0 : 16;
    plan->cp_way = (sp_cp_way)sp_rng_below(rng, SP_CP_WAYS);
    plan->expert_load = plan->ep > 1 && sp_rng_below(rng, 4) == 0 ? 150 : 0;
    plan->software = sp_rng_below(rng, 4) ? NULL : "megatron-lm";   /* gradients travel in FP32 */
    plan->offload_activations = sp_rng_below(rng, 6) ? 0 : 50;
    plan->offload_optimizer = sp_rng_below(rng, 6) == 0;
    plan->zero_group = sp_rng_below(rng, 4) || plan->dp < 2 ? 0 : plan->dp / 2;
    plan->last_layers = sp_rng_below(rng, 3) ? 0 : 1;
    sp_layout layout;
    return sp_plan_check(plan, mod, m, NULL) == SP_OK && sp_plan_layout(plan, m, &layout, NULL) == SP_OK;
}

static const char *const machines[] = {"atlas-950-superpod", "dgx-h100:16", "gb200-nvl72", "tpu-v4-pod"};
static const char *const models[] = {"deepseek-v3", "llama3-8b", "mixtral-8x7b", "gpt-oss-20b"};

/* Calls check on `want` random legal plans. */
static void for_plans(fixture *f, uint64_t seed, int want, void (*check)(const sp_machine *, const sp_model *, const sp_plan *))
{
    sp_rng rng = sp_rng_make(seed, 3);
    int done = 0;
    for (int tries = 0; tries < 4000 && done < want; tries++) {
        const sp_machine *m = machine(f, machines[sp_rng_below(&rng, 4)]);
        const sp_model *mod = model(f, models[sp_rng_below(&rng, 4)]);
        sp_plan plan;
        if (!draw(&rng, m, mod, &plan))
            continue;
        check(m, mod, &plan);
        done++;
    }
    assert_int_equal(done, want);
}

static void run_plan(const sp_machine *m, const sp_model *mod, const sp_plan *plan, sp_arena *arena, sp_train_report *out)
{
    sp_error err = {0};
    char text[1024];
    sp_plan_format(plan, text, sizeof text);
    if (sp_predict_train(m, mod, plan, false, arena, out, NULL, &err) != SP_OK)
        fail_msg("%s on %s, %s: %s", mod->name, m->name, text, err.text);
}

static void check_bound_and_parts(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_arena *arena = sp_arena_create();
    sp_train_report r;
    char text[1024];
    sp_plan_format(plan, text, sizeof text);
    run_plan(m, mod, plan, arena, &r);
    /* the run rounds to ticks of 1 ps: allow one a span on the longest chain */
    double slack = 1e-12 * r.run.n_spans + 1e-9 * r.step_time_s;
    if (r.lower_bound_s > r.step_time_s + slack)
        fail_msg("bound %.9g above step %.9g: %s on %s, %s", r.lower_bound_s, r.step_time_s, mod->name, m->name, text);
    sp_pricer *pricer;
    sp_price price;
    sp_layout layout;
    assert_int_equal(sp_plan_layout(plan, m, &layout, NULL), SP_OK);
    assert_int_equal(sp_pricer_create(m, mod, &pricer, NULL), SP_OK);
    assert_int_equal(sp_pricer_price(pricer, plan, &layout, &price, NULL), SP_OK);
    sp_pricer_destroy(pricer);
    if (price.lower_bound_s > r.step_time_s + slack)
        fail_msg("price %.9g above step %.9g: %s on %s, %s", price.lower_bound_s, r.step_time_s, mod->name, m->name, text);
    assert_true(fabs(price.mem_bytes_max - r.mem_bytes_max) <= 1e-9 * r.mem_bytes_max);
    double sum = 0;
    for (uint32_t i = 0; i < r.n_parts; i++) {
        assert_true(r.part[i].time_s >= 0);
        sum += r.part[i].time_s;
    }
    assert_true(fabs(sum - r.step_time_s) <= 1e-9 * r.step_time_s);
    assert_true(r.mfu > 0 && r.mfu < 1 && r.hfu >= r.mfu && r.hfu < 1.2);
    sp_arena_destroy(arena);
}

static void bound_and_parts(void **state)
{
    for_plans(*state, 1, 120, check_bound_and_parts);
}

/* Links so slow that the traffic that may hide decides: what it is too long for must show, in slots of any shape. */
static void hidden_traffic_shows_where_it_is_longer(void **state)
{
    fixture *f = *state;
    static const char *const slow[] = {"switch:8@4GB/s,1us chip=h100", "switch:8@40GB/s,1us chip=h100", "torus:8@4GB/s,1us chip=tpu-v5p"};
    for (size_t i = 0; i < 3; i++)
        for (int m = 0; m < 4; m++)
            for (uint32_t cp = 1; cp <= 2; cp++) {
                sp_plan plan = sp_plan_default(), plain;
                plan.tp = 4;
                plan.cp = cp;
                plan.dp = 2 / cp;
                plan.ep = strcmp(models[m], "llama3-8b") == 0 ? 1 : 4;
                plan.gbs = 4;
                plan.seq = 4096;
                plan.recompute = (sp_recompute)(m % SP_RECOMPUTES);
                plain = plan;
                plan.overlap_tp = plan.overlap_ep = true;
                check_bound_and_parts(machine(f, slow[i]), model(f, models[m]), &plan);
                sp_train_report hidden, shown;
                run_plan(machine(f, slow[i]), model(f, models[m]), &plan, f->arena, &hidden);
                run_plan(machine(f, slow[i]), model(f, models[m]), &plain, f->arena, &shown);
                assert_true(hidden.step_time_s <= shown.step_time_s * (1 + 1e-9));
            }
}

/* A layer's operators never run before those of the layer before it, whatever is hidden beside them. */
static void layers_run_in_order(void **state)
{
    fixture *f = *state;
    for (int overlap = 0; overlap < 2; overlap++)
        for (uint32_t zero = 1; zero <= 3; zero += 2) {
            sp_plan plan = sp_plan_default();
            plan.tp = 4;
            plan.dp = 2;
            plan.gbs = 2;
            plan.seq = 4096;
            plan.zero = zero;
            plan.overlap_tp = overlap;
            sp_train_report r;
            run_plan(machine(f, "switch:8@40GB/s,1us chip=h100"), model(f, "llama3-8b"), &plan, f->arena, &r);
            assert_int_equal(r.program->n_callees, 2);
            for (uint32_t c = 0; c < 2; c++) {
                const sp_program *slot = r.program->callees[c];
                uint32_t layer = 0, seen = 0;
                sp_run run;
                assert_int_equal(sp_fabric_event(slot, f->arena, &run, NULL), SP_OK);
                for (uint32_t i = 0; i < run.n_spans; i++) {
                    const sp_span *s = &run.spans[i];
                    if (slot->classes[s->task_class].kind != SP_TASK_COMPUTE || slot->classes[s->task_class].n_step != 32)
                        continue;
                    assert_true(s->at.step >= layer);
                    layer = s->at.step;
                    seen++;
                }
                assert_true(layer == 31 && seen > 32);
            }
        }
}

static void check_in_flight(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_arena *arena = sp_arena_create();
    sp_train_report r;
    run_plan(m, mod, plan, arena, &r);
    uint32_t held[64] = {0}, peak[64] = {0}, segments = 0;
    for (uint32_t i = 0; i < r.run.n_spans; i++)
        if (r.run.spans[i].at.chunk >= segments)
            segments = r.run.spans[i].at.chunk + 1;
    for (uint32_t i = 0; i < r.run.n_spans; i++) {
        const sp_span *s = &r.run.spans[i];
        const char *label = r.program->classes[s->task_class].label;
        if (strcmp(label, "forward") == 0 && s->at.chunk == 0 && ++held[s->at.rank] > peak[s->at.rank])
            peak[s->at.rank] = held[s->at.rank];
        if (strcmp(label, "backward") == 0 && s->at.chunk == r.program->classes[s->task_class].n_chunk - 1)
            held[s->at.rank]--;
    }
    for (uint32_t p = 0; p < plan->pp; p++)
        if (peak[p] > r.memory[p].in_flight)
            fail_msg("stage %u holds %u micro-batches, memory counts %u", p, peak[p], r.memory[p].in_flight);
    sp_arena_destroy(arena);
}

/* Expert traffic that travels while another micro-batch computes: that one is held, too, if there is another. */
static void overlapped_experts_hold_two_micro_batches(void **state)
{
    fixture *f = *state;
    for (int overlap = 0; overlap < 2; overlap++)
        for (uint32_t micro = 1; micro <= 3; micro++) {
            sp_plan plan = sp_plan_default();
            plan.ep = plan.dp = 64;
            plan.gbs = 64 * micro;
            plan.seq = 4096;
            plan.overlap_ep = overlap;
            sp_train_report r;
            run_plan(machine(f, "atlas-950-superpod"), model(f, "deepseek-v3"), &plan, f->arena, &r);
            assert_int_equal(r.memory[0].in_flight, overlap && micro > 1 ? 2 : 1);
        }
}

/* Scores in memory take room and time; selective recompute gives the room back for more time. */
static void unfused_attention_costs_time_and_memory(void **state)
{
    fixture *f = *state;
    sp_train_report r[2][2];
    for (int unfused = 0; unfused < 2; unfused++)
        for (int selective = 0; selective < 2; selective++) {
            sp_plan plan = sp_plan_default();
            plan.tp = 8;
            plan.dp = 16;
            plan.gbs = 128;
            plan.seq = 8192;
            plan.unfused_attention = unfused;
            plan.recompute = selective ? SP_RECOMPUTE_SELECTIVE : SP_RECOMPUTE_NONE;
            run_plan(machine(f, "dgx-h100:16"), model(f, "llama3-8b"), &plan, f->arena, &r[unfused][selective]);
        }
    assert_true(r[1][0].step_time_s > 1.05 * r[0][0].step_time_s);
    /* 32 layers x 5 bytes x 8,192^2 x 4 heads of a chip, of which a few per cent are the allocator's */
    double scores = 32 * 5.0 * 8192 * 8192 * 4;
    double more = r[1][0].memory[0].activations - r[0][0].memory[0].activations;
    assert_true(fabs(more - scores) < 1e-6 * scores);
    assert_true(r[1][1].memory[0].activations == r[0][1].memory[0].activations);
    assert_true(r[1][1].step_time_s - r[1][0].step_time_s > r[0][1].step_time_s - r[0][0].step_time_s);
}

/* A product line one of whose hundred chips is 5 % slower: the step of the same program, its bound and its parts' sum are longer by 5 % times the
 * probability that one of the n is slow, counted here one chip after the other. */
static void a_step_waits_for_the_slowest_chip(void **state)
{
    fixture *f = *state;
    sp_machine m = *machine(f, "dgx-h100:16");
    sp_software line[2] = {*m.software[0], *m.software[0]};
    const sp_software *lines[2] = {&line[0], &line[1]};
    line[0].name = "alike", line[0].slow_by = sp_value_of(0, SP_GRADE_GUESS, "test");
    line[1].name = "unlike", line[1].slow_by = sp_value_of(0.05, SP_GRADE_GUESS, "test"), line[1].slow_share = sp_value_of(0.01, SP_GRADE_GUESS, "test");
    m.software = lines;
    m.n_software = 2;
    for (uint32_t dp = 1; dp <= 16; dp *= 4) {
        sp_train_report r[2];
        sp_plan plan = sp_plan_default();
        plan.tp = 8;
        plan.dp = dp;
        plan.gbs = 2 * dp;
        plan.seq = 4096;
        for (int unlike = 0; unlike < 2; unlike++) {
            plan.software = line[unlike].name;
            run_plan(&m, model(f, "llama3-8b"), &plan, f->arena, &r[unlike]);
        }
        double none = 1, sum = 0;
        for (uint32_t chip = 0; chip < 8 * dp; chip++)
            none *= 0.99;
        double longer = 1 + 0.05 * (1 - none);
        for (uint32_t i = 0; i < r[1].n_parts; i++)
            sum += r[1].part[i].time_s;
        assert_true(fabs(r[1].step_time_s / r[0].step_time_s - longer) < 1e-12 && fabs(r[1].lower_bound_s / r[0].lower_bound_s - longer) < 1e-12);
        assert_true(fabs(sum / r[1].step_time_s - 1) < 1e-9);
    }
}

/* Passes that a line does not fuse: their part of the step is the line's factor longer, and no other part changes. */
static void unfused_passes_take_the_factor_of_the_line(void **state)
{
    fixture *f = *state;
    static const char *const labels[2] = {"expert-bias", "yarn"};
    sp_machine m = *machine(f, "dgx-h100:1");
    sp_software line[2] = {*m.software[0], *m.software[0]};
    const sp_software *lines[2] = {&line[0], &line[1]};
    for (int i = 0; i < 2; i++) {
        line[i].name = i ? "unfused" : "fused";
        line[i].host_op_s.nominal = 0;
        line[i].expert_bias_factor = sp_value_of(i ? 5 : 1, SP_GRADE_GUESS, "test");
        line[i].yarn_factor = sp_value_of(i ? 3 : 1, SP_GRADE_GUESS, "test");
    }
    m.software = lines;
    m.n_software = 2;
    double part_s[2][3] = {{0}};   /* two labels, and all others */
    for (int i = 0; i < 2; i++) {
        sp_train_report r;
        sp_plan plan = sp_plan_default();
        plan.ep = plan.dp = 8;
        plan.gbs = 8;
        plan.seq = 4096;
        plan.software = line[i].name;
        run_plan(&m, model(f, "gpt-oss-20b"), &plan, f->arena, &r);
        for (uint32_t k = 0; k < r.n_parts; k++)
            part_s[i][strcmp(r.part[k].label, labels[0]) == 0 ? 0 : strcmp(r.part[k].label, labels[1]) == 0 ? 1 : 2] += r.part[k].time_s;
    }
    assert_true(part_s[0][0] > 0 && fabs(part_s[1][0] / part_s[0][0] - 5) < 1e-3);
    assert_true(part_s[0][1] > 0 && fabs(part_s[1][1] / part_s[0][1] - 3) < 1e-3);
    assert_true(fabs(part_s[1][2] / part_s[0][2] - 1) < 1e-2);
}

/* Experts' tokens by DeepEP's kernels, NCCL's, and those that the plan names: only the first write straight to the receiver. */
static void experts_travel_by_the_library_of_the_line(void **state)
{
    fixture *f = *state;
    sp_machine m = *machine(f, "gb200-nvl72");
    sp_software line[2] = {*sp_machine_software(&m, "megatron-bridge"), *sp_machine_software(&m, "megatron-bridge")};
    const sp_software *lines[2] = {&line[0], &line[1]};
    line[0].name = "deepep", line[0].dispatch = "deepep";
    line[1].name = "own", line[1].dispatch = "nccl";
    m.software = lines;
    m.n_software = 2;
    double step_s[3];
    for (int which = 0; which < 3; which++) {
        sp_train_report r;
        sp_plan plan = sp_plan_default();
        plan.ep = plan.dp = 32;
        plan.gbs = 32;
        plan.seq = 4096;
        plan.software = line[which & 1].name;
        plan.stack = which == 2 ? "nccl" : NULL;
        run_plan(&m, model(f, "qwen3-30b-a3b"), &plan, f->arena, &r);
        step_s[which] = r.step_time_s;
    }
    assert_true(step_s[0] < 0.99 * step_s[1] && step_s[1] == step_s[2]);
}

/* A library that routes by dense maps: 48 layers of 128 experts over 32 chips on one switch, each token to 7.2 places of the 8 it asks for. Forward
 * a map of a byte an expert is gathered, and probabilities, 512 B, lie beside each 4,096 B of a token on two of its four ways. At the rate
 * of ports that is the least it takes; a ring of NCCL over 32 ranks reaches a quarter of it with the 17 MB of a map. */
static void dense_maps_and_probabilities_take_their_bytes(void **state)
{
    fixture *f = *state;
    sp_machine m = *machine(f, "gb200-nvl72");
    sp_software line[2] = {*sp_machine_software(&m, "megatron-bridge"), *sp_machine_software(&m, "megatron-bridge")};
    const sp_software *lines[2] = {&line[0], &line[1]};
    m.software = lines;
    m.n_software = 2;
    double ep_s[2] = {0, 0};
    for (int dense = 0; dense < 2; dense++) {
        sp_train_report r;
        sp_plan plan = sp_plan_default();
        line[dense].name = dense ? "dense" : "sparse";
        line[dense].dispatch_dense = dense;
        line[dense].comm_factor.nominal = 1;
        plan.ep = plan.dp = 32;
        plan.gbs = 32;
        plan.seq = 4096;
        plan.overlap_ep = false;
        plan.software = line[dense].name;
        run_plan(&m, model(f, "qwen3-30b-a3b"), &plan, f->arena, &r);
        for (uint32_t k = 0; k < r.n_parts; k++)
            ep_s[dense] += strcmp(r.part[k].label, "ep") == 0 ? r.part[k].time_s : 0;
    }
    double places = 32 * (1 - pow(31.0 / 32, 8)), map = 32.0 * 4096 * 128 * 31 / 32, probs = 2 * 4096 * places * 512 * 31 / 32;
    double least = 48 * (map + probs) / 900e9;
    print_message("dense maps: %.3g s, at the ports' rate %.3g s\n", ep_s[1] - ep_s[0], least);
    assert_true(ep_s[1] - ep_s[0] > least && ep_s[1] - ep_s[0] < 4 * least);
}

/* What a stage's send of 4,096 tokens a TP rank is priced at. */
static double send_s(fixture *f, const char *text, uint32_t tp, uint32_t vpp, bool split)
{
    sp_train_report r;
    sp_plan plan = sp_plan_default();
    sp_explain *explain = sp_explain_create();
    sp_error err = {0};
    double found = -1;
    plan.tp = tp;
    plan.pp = 16;
    plan.mbs = tp;
    plan.gbs = 16 * plan.mbs;
    plan.vpp = vpp;
    plan.schedule = vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
    plan.seq = 4096;
    plan.sequence_parallel = split;
    if (sp_predict_train(machine(f, text), model(f, "llama3-8b"), &plan, false, f->arena, &r, explain, &err) != SP_OK)
        fail_msg("%s: %s", text, err.text);
    for (size_t i = 0; i < sp_explain_count(explain); i++)
        if (strcmp(sp_explain_at(explain, i)->label, "activation send") == 0)
            found = sp_explain_at(explain, i)->value;
    sp_explain_destroy(explain);
    assert_true(found > 0);
    return found;
}

/* 16 stages on two nodes of eight: 14 of their 15 hops stay inside a node, and of the 16 of interleaved chunks, which go round, 14 as well. */
static void few_hops_of_a_pipeline_leave_the_domain(void **state)
{
    fixture *f = *state;
    const char *two = "switch:8@450GB/s,1us clos:2@50GB/s,3us,nic chip=h100", *far = "switch:8@450GB/s,1us clos:16@50GB/s,3us,nic chip=h100";
    double inside_s = send_s(f, "switch:16@450GB/s,1us chip=h100", 1, 1, true), across_s = send_s(f, far, 8, 1, true);
    double line_s = (14 * inside_s + across_s) / 15, round_s = (14 * inside_s + 2 * across_s) / 16;
    assert_true(across_s > 5 * inside_s);
    assert_true(fabs(send_s(f, two, 1, 1, true) / line_s - 1) < 1e-6 && fabs(send_s(f, two, 1, 2, true) / round_s - 1) < 1e-6);
    /* what every TP rank holds goes in shares and is gathered inside the node */
    double gathered_s = send_s(f, far, 8, 1, false) - across_s, least_s = 7.0 * 4096 * 4096 * 2 / 450e9;
    assert_true(gathered_s > least_s && gathered_s < 2 * least_s);
}

/* Two stages, all forwards before all backwards: what blocks is sent by the first after each forward
 * and by the second after each backward. The second, which has the head, is the slower one, so that it waits for less than the first sends. */
static void sends_that_block_take_their_time(void **state)
{
    fixture *f = *state;
    const double micro = 32;
    double step_s[2], sends_s[2] = {0, 0};
    for (int blocking = 0; blocking < 2; blocking++) {
        sp_train_report r;
        sp_plan plan = sp_plan_default();
        plan.pp = 2;
        plan.gbs = (uint64_t)micro;
        plan.seq = 8192;
        plan.schedule = SP_SCHEDULE_GPIPE;
        plan.blocking_sends = blocking;
        run_plan(machine(f, "clos:2@2GB/s,3us,nic chip=h100"), model(f, "llama3-8b"), &plan, f->arena, &r);
        step_s[blocking] = r.step_time_s;
        for (uint32_t i = 0; i < r.n_parts; i++)
            sends_s[blocking] += strcmp(r.part[i].label, "pp") == 0 ? r.part[i].time_s : 0;
    }
    double send = 8192.0 * 4096 * 2 / 2e9, more_s = step_s[1] - step_s[0];
    assert_true(sends_s[0] == 0 && sends_s[1] > 0.95 * micro * send && sends_s[1] < 1.1 * micro * send);
    print_message("blocking: %.2f sends of %.0f\n", more_s / send, 2 * micro);
    assert_true(more_s > 1.25 * (micro - 1) * send && more_s < 2 * micro * send);
}

/* Lanes stand for all plans laid the same: who looked them up does not show in what others are quoted, though the hops of their schedules differ. */
static void lanes_serve_any_schedule(void **state)
{
    fixture *f = *state;
    const sp_machine *m = machine(f, "switch:8@450GB/s,1us clos:2@1GB/s,3us,nic chip=h100");
    sp_pricer *pricer = NULL;
    double bound_s[2][2];   /* quoted in own lanes, and in those of the other */
    assert_int_equal(sp_pricer_create(m, model(f, "llama3-8b"), &pricer, NULL), SP_OK);
    sp_lanes lanes[2];
    sp_layout layout;
    for (int after = 0; after < 2; after++)
        for (int round = 0; round < 2; round++) {
            sp_plan plan = sp_plan_default();
            const sp_cut *cut;
            sp_price price;
            plan.pp = plan.gbs = 16;
            plan.vpp = round ? 2 : 1;
            plan.schedule = round ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
            plan.seq = 4096;
            sp_pricer_shape(pricer, &plan);
            assert_int_equal(sp_plan_layout(&plan, m, &layout, NULL), SP_OK);
            assert_int_equal(sp_pricer_cut(pricer, &plan, &cut, NULL), SP_OK);
            if (!after)
                assert_int_equal(sp_pricer_lanes(pricer, &plan, &layout, &lanes[round], NULL), SP_OK);
            assert_int_equal(sp_pricer_quote(pricer, &plan, cut, &lanes[after ? !round : round], &price, NULL), SP_OK);
            bound_s[after][round] = price.lower_bound_s;
        }
    sp_pricer_destroy(pricer);
    assert_true(bound_s[0][0] == bound_s[1][0] && bound_s[0][1] == bound_s[1][1]);
}

/* Llama 3 8B over 128 chips without overlap: what is reduced in FP32 takes twice the time on the wire. */
static void gradients_travel_in_the_format_of_the_software(void **state)
{
    fixture *f = *state;
    double dp_s[2];
    sp_machine m = *machine(f, "atlas-950-superpod");
    sp_software line[2] = {*m.software[0], *m.software[0]};
    const sp_software *lines[2] = {&line[0], &line[1]};
    line[0].name = "bf16", line[0].gradient_bytes = 2;
    line[1].name = "fp32", line[1].gradient_bytes = 4;
    m.software = lines;
    m.n_software = 2;
    for (int wide = 0; wide < 2; wide++) {
        sp_plan plan = sp_plan_default();
        plan.dp = 128;
        plan.gbs = 128;
        plan.seq = 4096;
        plan.zero = 0;
        plan.overlap_dp = false;
        plan.software = wide ? "fp32" : "bf16";
        plan.gradient_bytes = wide ? 0 : 2;
        sp_train_report r;
        run_plan(&m, model(f, "llama3-8b"), &plan, f->arena, &r);
        dp_s[wide] = 0;
        for (uint32_t i = 0; i < r.n_parts; i++)
            dp_s[wide] += strcmp(r.part[i].label, "dp") == 0 ? r.part[i].time_s : 0;
    }
    assert_true(dp_s[1] > 1.9 * dp_s[0] && dp_s[1] < 2.1 * dp_s[0]);
}

/* Attention of kernels written for Ampere takes 1 / attention_previous as long on Hopper, and on Ampere no longer. */
static void kernels_of_another_family_run_attention_slower(void **state)
{
    fixture *f = *state;
    static const char *const names[2] = {"dgx-h100:1", "dgx-a100:1"};
    for (int on = 0; on < 2; on++) {
        double attention_s[2];
        sp_machine m = *machine(f, names[on]);
        sp_software line = *m.software[0];
        const sp_software *lines[1] = {&line};
        sp_chip chip = *m.chip;
        chip.fit.energy_pj_per_flop.nominal = 0.01;   /* power bounds nothing */
        m.chip = &chip;
        m.software = lines;
        m.n_software = 1;
        line.name = "line";
        line.host_op_s.nominal = 0;
        for (int other = 0; other < 2; other++) {
            sp_plan plan = sp_plan_default();
            plan.tp = m.chips;
            plan.gbs = 8;
            plan.seq = 8192;
            plan.software = "line";
            line.attention_family = other ? "ampere" : NULL;
            sp_train_report r;
            run_plan(&m, model(f, "llama3-8b"), &plan, f->arena, &r);
            attention_s[other] = 0;
            for (uint32_t i = 0; i < r.n_parts; i++)
                attention_s[other] += strcmp(r.part[i].label, "attention") == 0 ? r.part[i].time_s : 0;
        }
        double slower = on == 0 ? 1 / chip.fit.attention_previous.nominal : 1;
        assert_true(attention_s[0] > 0 && fabs(attention_s[1] / attention_s[0] - slower) < 1e-3 * slower);
    }
}

/* Adapters alone are trained: no gradients of the rest in memory or on the wire, two thirds of the work. */
static void frozen_weights_have_no_gradients(void **state)
{
    fixture *f = *state;
    sp_train_report r[2];
    for (int lora = 0; lora < 2; lora++) {
        sp_plan plan = sp_plan_default();
        plan.tp = 8;
        plan.dp = 16;
        plan.gbs = 128;
        plan.zero = 0;
        plan.lora_rank = lora ? 16 : 0;
        plan.overlap_dp = false;
        run_plan(machine(f, "dgx-h100:16"), model(f, "llama3-70b"), &plan, f->arena, &r[lora]);
    }
    double params = r[0].memory[0].gradients / 4;
    /* qkv 8,192 -> (64 + 16) x 128 / 8 of a chip, out 64 x 128 / 8 -> 8,192; rank 16 beside both, 80 layers */
    double adapters = 80 * 16.0 * ((8192 + 80 * 128 / 8) + (8192 + 64 * 128 / 8));
    assert_true(fabs(r[1].memory[0].gradients - 4 * adapters) < 1);
    assert_true(fabs(r[1].memory[0].weights - 2 * (params + adapters)) < 1);
    assert_true(r[1].memory[0].activations < r[0].memory[0].activations);
    double gemm[2] = {0, 0};
    for (int lora = 0; lora < 2; lora++)
        for (uint32_t i = 0; i < r[lora].n_parts; i++)
            gemm[lora] += strcmp(r[lora].part[i].label, "gemm") == 0 ? r[lora].part[i].time_s : 0;
    assert_true(gemm[1] < 0.75 * gemm[0] && gemm[1] > 0.6 * gemm[0]);
    assert_true(r[1].model_flop < 0.7 * r[0].model_flop && r[1].model_flop > 2.0 / 3 * r[0].model_flop);   /* attention's gradients are computed */
}

/* Gathering moves what the ring does but in the open; Ulysses moves queries and outputs as well, each once, and runs the same work. */
static void ways_of_context_parallelism(void **state)
{
    fixture *f = *state;
    double cp_s[SP_CP_WAYS], flop[SP_CP_WAYS];
    for (int way = 0; way < SP_CP_WAYS; way++) {
        sp_plan plan = sp_plan_default();
        plan.cp = 4;
        plan.dp = 2;
        plan.gbs = 2;
        plan.seq = 65536;
        plan.cp_way = (sp_cp_way)way;
        sp_train_report r;
        run_plan(machine(f, "dgx-h100:1"), model(f, "llama3-8b"), &plan, f->arena, &r);
        cp_s[way] = 0;
        flop[way] = r.hfu * r.step_time_s;
        for (uint32_t i = 0; i < r.n_parts; i++)
            cp_s[way] += strcmp(r.part[i].label, "cp") == 0 ? r.part[i].time_s : 0;
    }
    assert_true(cp_s[SP_CP_RING] == 0 && cp_s[SP_CP_GATHER] > 0 && cp_s[SP_CP_ULYSSES] > 0);
    assert_true(fabs(flop[SP_CP_GATHER] / flop[SP_CP_RING] - 1) < 1e-9);
    assert_true(fabs(flop[SP_CP_ULYSSES] / flop[SP_CP_RING] - 1) < 0.01);
    sp_plan plan = sp_plan_default();
    sp_error err = {0};
    plan.cp = 64;
    plan.cp_way = SP_CP_ULYSSES;
    plan.seq = 65536;
    assert_int_equal(sp_plan_check(&plan, model(f, "llama3-8b"), machine(f, "atlas-950-superpod"), &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "32 heads"));
}

/* A library that runs on the chip's cores slows the matrix products it hides under, by no more than its share while it runs. */
static void collectives_keep_cores_from_what_they_hide_under(void **state)
{
    fixture *f = *state;
    double step_s[3], hidden_s = 0;
    sp_machine m = *machine(f, "dgx-h100:1");
    sp_stack stack = *sp_machine_stack(&m, "nccl");
    const sp_stack *stacks[1] = {&stack};
    m.stacks = stacks;
    m.n_stacks = 1;
    for (int way = 0; way < 3; way++) {   /* engines of its own, 33 of 132 cores, not hidden */
        sp_plan plan = sp_plan_default();
        plan.tp = 8;
        plan.gbs = 8;
        plan.overlap_tp = way < 2;
        plan.stack = "nccl";
        stack.cores = (sp_value){33, 33, 33, way == 1 ? SP_GRADE_GUESS : SP_GRADE_NONE, "test"};
        sp_train_report r;
        run_plan(&m, model(f, "llama3-70b"), &plan, f->arena, &r);
        step_s[way] = r.step_time_s;
        for (uint32_t i = 0; way == 2 && i < r.n_parts; i++)
            hidden_s += strcmp(r.part[i].label, "tp") == 0 ? r.part[i].time_s : 0;
    }
    assert_true(step_s[1] > step_s[0] && step_s[1] < step_s[2]);
    assert_true(step_s[1] - step_s[0] < hidden_s * (0.25 / 0.75));
}

/* The fullest rank of an EP group decides: half as much again makes its expert work half as long again. */
static void experts_wait_for_the_fullest_rank(void **state)
{
    fixture *f = *state;
    double gemm_s[2], ep_s[2], held[2];
    for (int full = 0; full < 2; full++) {
        sp_plan plan = sp_plan_default();
        plan.ep = plan.dp = 64;
        plan.gbs = 128;
        plan.expert_load = full ? 150 : 0;
        sp_train_report r;
        run_plan(machine(f, "atlas-950-superpod"), model(f, "deepseek-v3"), &plan, f->arena, &r);
        gemm_s[full] = ep_s[full] = 0;
        held[full] = r.memory[0].activations;
        for (uint32_t i = 0; i < r.n_parts; i++) {
            gemm_s[full] += strcmp(r.part[i].label, "expert-gemm") == 0 ? r.part[i].time_s : 0;
            ep_s[full] += strcmp(r.part[i].label, "ep") == 0 ? r.part[i].time_s : 0;
        }
    }
    assert_true(gemm_s[1] > 1.3 * gemm_s[0] && gemm_s[1] < 1.55 * gemm_s[0]);
    assert_true(ep_s[1] > 1.3 * ep_s[0] && held[1] > held[0]);
}

typedef struct taken { double step_time_s, mem_bytes_max; } taken;

/* What a plan takes; nothing of its report is kept. */
static taken taken_by(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_arena *arena = sp_arena_create();
    sp_train_report r;
    run_plan(m, mod, plan, arena, &r);
    sp_arena_destroy(arena);
    return (taken){r.step_time_s, r.mem_bytes_max};
}

/* Keys gathered before the attention are never there sooner than those that travel under it, and take the same room. */
static void check_gathering(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_plan ring = *plan, gather = *plan;
    ring.cp_way = SP_CP_RING;
    gather.cp_way = SP_CP_GATHER;
    taken under = taken_by(m, mod, &ring), before = taken_by(m, mod, &gather);
    assert_true(under.step_time_s <= before.step_time_s * (1 + 1e-9) && under.mem_bytes_max == before.mem_bytes_max);
    assert_true(plan->cp > 1 || under.step_time_s == before.step_time_s);
}

static void gathered_keys_are_never_faster(void **state)
{
    for_plans(*state, 4, 80, check_gathering);
}

/* Gradients that travel while stages compute take no longer than those that wait, and no more memory; but stages of a
 * pipeline may wait with what they send until gradients have passed. */
static void check_overlap_dp(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_plan on = *plan, off;
    on.overlap_dp = true;
    on.pp = on.vpp = 1;
    on.schedule = SP_SCHEDULE_1F1B;
    on.last_layers = 0;
    off = on;
    off.overlap_dp = false;
    taken under = taken_by(m, mod, &on), after = taken_by(m, mod, &off);
    if (under.step_time_s > after.step_time_s * (1 + 1e-9) || under.mem_bytes_max != after.mem_bytes_max) {
        char text[1024];
        sp_plan_format(&on, text, sizeof text);
        fail_msg("overlap %.9g s, without %.9g s: %s on %s, %s", under.step_time_s, after.step_time_s, mod->name, m->name, text);
    }
}

static void overlapped_gradients_are_never_slower(void **state)
{
    for_plans(*state, 5, 80, check_overlap_dp);
}

/* A send that stops its stage takes at least as long as one beside its slots, and no memory; without a pipeline nothing is sent. What the slots'
 * traffic takes from a send on shared links (meet.c) is left out of one that blocks, so that steps may come out shorter by that little. */
static void check_blocking(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_plan free_sends = *plan, blocking = *plan;
    free_sends.blocking_sends = false;
    blocking.blocking_sends = true;
    taken beside = taken_by(m, mod, &free_sends), instead = taken_by(m, mod, &blocking);
    assert_true(instead.step_time_s >= beside.step_time_s * (plan->pp > 1 ? 0.99 : 1) && instead.mem_bytes_max == beside.mem_bytes_max);
    assert_true(plan->pp > 1 || instead.step_time_s == beside.step_time_s);
}

static void blocking_sends_are_never_faster(void **state)
{
    for_plans(*state, 6, 80, check_blocking);
}

static void memory_counts_what_the_run_holds(void **state)
{
    for_plans(*state, 2, 60, check_in_flight);
}

/* A machine like `m` with every link `scale` times as fast. */
static sp_machine faster_links(const sp_machine *m, double scale)
{
    sp_machine copy = *m;
    for (uint32_t t = 0; t < copy.planes[0].n_tiers; t++) {
        sp_value *bw = &copy.planes[0].tiers[t].bw_bytes_per_s;
        bw->low *= scale;
        bw->nominal *= scale;
        bw->high *= scale;
    }
    return copy;
}

static void check_faster_links(const sp_machine *m, const sp_model *mod, const sp_plan *plan)
{
    sp_arena *arena = sp_arena_create();
    sp_train_report slow, fast;
    sp_machine better = faster_links(m, 2);
    run_plan(m, mod, plan, arena, &slow);
    run_plan(&better, mod, plan, arena, &fast);
    /* list scheduling is not monotone in general (Graham 1966): a per cent of slack, and never gross */
    assert_true(fast.step_time_s <= slow.step_time_s * 1.01);
    sp_arena_destroy(arena);
}

static void faster_links_are_not_slower(void **state)
{
    for_plans(*state, 3, 60, check_faster_links);
}

/* Equal stages and free sends: 1F1B takes (M + P - 1) (f + b); the interleaved schedule's bubble is V times smaller. */
static void pipeline_takes_its_closed_form(void **state)
{
    fixture *f = *state;
    const sp_machine *m = machine(f, "switch:16@450GB/s,1ps chip=h100");
    const sp_model *mod = model(f, "gpt3-175b");
    for (uint32_t vpp = 1; vpp <= 3; vpp++) {
        sp_arena *arena = sp_arena_create();
        sp_plan plan = sp_plan_default();
        plan.pp = 8;
        plan.vpp = vpp;
        plan.schedule = vpp > 1 ? SP_SCHEDULE_INTERLEAVED : SP_SCHEDULE_1F1B;
        plan.gbs = 32;
        plan.seq = 2048;
        plan.stack = "ideal";
        sp_train_report r;
        run_plan(m, mod, &plan, arena, &r);
        double f_mid = 0, b_mid = 0;
        for (uint32_t i = 0; i < r.run.n_spans; i++) {
            const sp_span *s = &r.run.spans[i];
            if (s->at.rank != 3 || s->stream != 0)
                continue;
            double seconds = (double)(s->end_ps - s->start_ps) * 1e-12;
            const char *label = r.program->classes[s->task_class].label;
            f_mid += strcmp(label, "forward") == 0 ? seconds : 0;
            b_mid += strcmp(label, "backward") == 0 ? seconds : 0;
        }
        double work = f_mid + b_mid, ideal = work * (1 + (8.0 - 1) / 32 / vpp);
        /* first and last stage also hold the vocabulary: the step is a little longer than that of equal stages */
        assert_true(r.step_time_s >= ideal * 0.999);
        assert_true(r.step_time_s <= ideal * 1.06);
        sp_arena_destroy(arena);
    }
}

/* More micro-batches spread fill and drain, whatever parts the program cuts slots into: each takes no longer, and no less than its work. */
static void micro_batches_spread_the_bubble(void **state)
{
    fixture *f = *state;
    const sp_machine *m = machine(f, "switch:8@300GB/s,600ns clos:32@25GB/s,2.5us,nic chip=a100");
    double before = INFINITY;
    for (uint64_t gbs = 256; gbs <= 1536; gbs += 128) {
        sp_arena *arena = sp_arena_create();
        sp_train_report r;
        sp_plan plan = sp_plan_default();
        plan.tp = plan.pp = 8;
        plan.vpp = 6;
        plan.dp = 4;
        plan.gbs = gbs;
        plan.seq = 2048;
        plan.schedule = SP_SCHEDULE_INTERLEAVED;
        plan.overlap_dp = plan.sequence_parallel = true;
        run_plan(m, model(f, "gpt3-175b"), &plan, arena, &r);
        double each = r.step_time_s / (double)(gbs / 4);
        if (each > before * (1 + 1e-3))
            fail_msg("batch %llu: %g a micro-batch after %g", (unsigned long long)gbs, each, before);
        assert_true(r.step_time_s < 1.05 * r.lower_bound_s);
        before = each;
        sp_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_and_parts), cmocka_unit_test(hidden_traffic_shows_where_it_is_longer), cmocka_unit_test(layers_run_in_order),
        cmocka_unit_test(unfused_attention_costs_time_and_memory), cmocka_unit_test(gradients_travel_in_the_format_of_the_software),
        cmocka_unit_test(a_step_waits_for_the_slowest_chip), cmocka_unit_test(experts_travel_by_the_library_of_the_line), cmocka_unit_test(dense_maps_and_probabilities_take_their_bytes), cmocka_unit_test(few_hops_of_a_pipeline_leave_the_domain), cmocka_unit_test(sends_that_block_take_their_time), cmocka_unit_test(blocking_sends_are_never_faster), cmocka_unit_test(lanes_serve_any_schedule),
        cmocka_unit_test(kernels_of_another_family_run_attention_slower), cmocka_unit_test(unfused_passes_take_the_factor_of_the_line),
        cmocka_unit_test(collectives_keep_cores_from_what_they_hide_under), cmocka_unit_test(ways_of_context_parallelism), cmocka_unit_test(experts_wait_for_the_fullest_rank),
        cmocka_unit_test(frozen_weights_have_no_gradients), cmocka_unit_test(memory_counts_what_the_run_holds),
        cmocka_unit_test(gathered_keys_are_never_faster), cmocka_unit_test(overlapped_gradients_are_never_slower),
        cmocka_unit_test(overlapped_experts_hold_two_micro_batches), cmocka_unit_test(faster_links_are_not_slower),
        cmocka_unit_test(pipeline_takes_its_closed_form), cmocka_unit_test(micro_batches_spread_the_bubble)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
