/* Laws of pipeline schedules whose backwards are split: what the run of the step shows, span by span, is a legal pipeline that takes what
 * the papers' closed forms say, and holds what they say. Sources: Qi et al., Zero Bubble Pipeline Parallelism, arXiv:2401.10241, and
 * github.com/sail-sg/zero-bubble-pipeline-parallelism, README (bubbles and memory of 1F1B, ZB1P, ZB2P, ZBV); DeepSeek-V3 technical report,
 * arXiv:2412.19437, and github.com/deepseek-ai/DualPipe, README (DualPipe and DualPipeV beside them). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/plan.h"
#include "catalog_fixture.h"

#define STAGES 8u

/* Feed-forward layers alone, so that a forward, its input gradients and its weight gradients take about the same, and next to no
 * vocabulary, so that all stages are alike. */
static sp_model even_model(sp_block *block, uint8_t kinds[64])
{
    memset(kinds, 0, 64);
    *block = (sp_block){.attn = {.kind = SP_ATTN_NONE}, .ffn = {.kind = SP_FFN_DENSE, .inner = 65536}, .norms = 1};
    return (sp_model){.name = "even", .family = "test", .hidden = 16384, .vocab = 64, .max_positions = 65536, .n_layers = 32, .n_kinds = 1,
                      .kinds = block, .layer_kind = kinds};
}

static sp_plan plan_of(sp_schedule schedule, uint32_t micro_batches)
{
    sp_plan plan = sp_plan_default();
    plan.pp = STAGES;
    plan.schedule = schedule;
    plan.vpp = sp_schedule_is_vee(schedule) ? 2 : 1;
    plan.gbs = micro_batches;
    plan.seq = 8192;
    plan.stack = "ideal";
    return plan;
}

static void run_plan(const sp_machine *m, const sp_model *mod, const sp_plan *plan, sp_arena *arena, sp_train_report *out)
{
    sp_error err = {0};
    char text[1024];
    sp_plan_format(plan, text, sizeof text);
    if (sp_predict_train(m, mod, plan, false, arena, out, NULL, &err) != SP_OK)
        fail_msg("%s on %s, %s: %s", mod->name, m->name, text, err.text);
}

/* ---- what a run says -------------------------------------------------------------------------------------------------- */

enum { F, B, W, FB, KINDS };

/* Of a class of slots: kind and way (classes of one label come in the order of ways); false: another class. */
static bool kind_of(const sp_program *program, uint32_t c, uint32_t *kind, uint32_t *way)
{
    static const char *const labels[KINDS] = {"forward", "backward", "weight gradients", "forward + backward"};
    *way = 0;
    for (*kind = 0; *kind < KINDS && strcmp(labels[*kind], program->classes[c].label) != 0; ++*kind) { }
    for (uint32_t i = 0; *kind < KINDS && i < c; i++)
        *way += strcmp(labels[*kind], program->classes[i].label) == 0;
    return *kind < KINDS;
}

/* Start and end of what stage p does of a micro-batch, in picoseconds. */
typedef struct moment { int64_t start, end; } moment;
typedef struct history { uint32_t P, M, ways, n; moment *at; } history;   /* [kind][way][stage][micro-batch of the way], n a way */

static moment *at(const history *h, uint32_t kind, uint32_t way, uint32_t p, uint32_t m)
{
    return &h->at[((kind * 2 + way) * h->P + p) * h->M + m];
}

static history read_run(const sp_train_report *r, const sp_plan *plan, sp_arena *arena)
{
    uint32_t micro_batches = (uint32_t)plan->gbs;
    history h = {.P = r->program->n_ranks, .M = micro_batches, .ways = 1};
    h.at = sp_arena_alloc(arena, (size_t)KINDS * 2 * h.P * h.M, sizeof *h.at);
    for (uint32_t i = 0; i < (uint32_t)KINDS * 2 * h.P * h.M; i++)
        h.at[i] = (moment){INT64_MAX, -1};
    for (uint32_t i = 0; i < r->run.n_spans; i++) {
        const sp_span *s = &r->run.spans[i];
        uint32_t kind, way;
        if (s->stream != 0 || !kind_of(r->program, s->task_class, &kind, &way))
            continue;
        moment *m = at(&h, kind, way, s->at.rank, s->at.step);
        m->start = s->start_ps < m->start ? s->start_ps : m->start;
        m->end = s->end_ps > m->end ? s->end_ps : m->end;
        h.ways = way + 1 > h.ways ? way + 1 : h.ways;
    }
    h.n = sp_schedule_is_vee(plan->schedule) ? h.M : h.M / h.ways;
    return h;
}

static double seconds(const moment *m) { return (double)(m->end - m->start) * 1e-12; }

/* ---- laws --------------------------------------------------------------------------------------------------------------- */

/* When a forward begins, in a slot of its own or beside a backward. */
static int64_t begins(const history *h, uint32_t way, uint32_t p, uint32_t m)
{
    return seconds(at(h, FB, way, p, m)) > 0 ? at(h, FB, way, p, m)->start : at(h, F, way, p, m)->start;
}

/* Two chunks a stage: what has come down goes up, and so do the gradients. */
static void check_turns(const history *h)
{
    uint32_t last = h->P - 1;
    for (uint32_t m = 0; m < h->M; m++) {
        assert_true(begins(h, 1, last, m) >= at(h, F, 0, last, m)->end);
        assert_true(at(h, B, 1, 0, m)->start >= at(h, F, 1, 0, m)->end);
        assert_true(at(h, B, 0, last, m)->end >= at(h, B, 1, last, m)->end);
        assert_true(seconds(at(h, B, 0, last, m)) <= 0 || at(h, B, 0, last, m)->start >= at(h, B, 1, last, m)->end);
    }
}

/* Each way: a micro-batch goes through the stages and comes back, gradients of weights after those of inputs. */
static void check_data_flow(const history *h)
{
    uint32_t n = h->n;
    for (uint32_t way = 0; way < h->ways; way++)
        for (uint32_t m = 0; m < n; m++)
            for (uint32_t at_p = 0; at_p < h->P; at_p++) {
                uint32_t p = way ? h->P - 1 - at_p : at_p, before = way ? p + 1 : p - 1;
                assert_true(at(h, F, way, p, m)->end >= 0 && at(h, B, way, p, m)->end >= at(h, F, way, p, m)->end);
                if (at_p > 0) {
                    assert_true(at(h, F, way, p, m)->end >= at(h, F, way, before, m)->end);
                    assert_true(at(h, B, way, before, m)->end >= at(h, B, way, p, m)->end);
                    if (seconds(at(h, F, way, p, m)) > 0)
                        assert_true(at(h, F, way, p, m)->start >= at(h, F, way, before, m)->end);
                    if (seconds(at(h, B, way, before, m)) > 0)
                        assert_true(at(h, B, way, before, m)->start >= at(h, B, way, p, m)->end);
                }
                if (seconds(at(h, W, way, p, m)) > 0)
                    assert_true(at(h, W, way, p, m)->start >= at(h, B, way, p, m)->end);
                if (seconds(at(h, FB, way, p, m)) > 0)
                    assert_true(at(h, FB, way, p, m)->end == at(h, F, way, p, m)->end);
            }
}

/* Every gradient of a weight is made once: in its own slot, or with the input's, or beside a forward. */
static void check_work(const history *h, double whole_s, double input_s)
{
    for (uint32_t way = 0; way < h->ways; way++)
        for (uint32_t m = 0; m < h->n; m++)
            for (uint32_t p = 1; p + 1 < h->P; p++) {
                double backward = seconds(at(h, B, way, p, m)), weight = fmax(0, seconds(at(h, W, way, p, m)));
                bool split = fabs(backward - input_s) < 1e-6 * input_s, whole = fabs(backward - whole_s) < 1e-6 * whole_s;
                assert_true(split ? weight > 0 : weight <= 0);
                assert_true(split || whole || (h->ways == 2 && backward <= 0));
            }
}

/* Micro-batches (chunks of them, of two chunks) between the start of a forward and the end of its gradients, most at a time on a stage. */
static uint32_t peak(const history *h, uint32_t p)
{
    uint32_t most = 0;
    for (uint32_t way = 0; way < h->ways; way++)
        for (uint32_t m = 0; m < h->n; m++) {
            int64_t now = begins(h, way, p, m);
            uint32_t held = 0;
            for (uint32_t w = 0; w < h->ways; w++)
                for (uint32_t k = 0; k < h->n; k++) {
                    int64_t done = seconds(at(h, W, w, p, k)) > 0 ? at(h, W, w, p, k)->end : at(h, B, w, p, k)->end;
                    held += begins(h, w, p, k) <= now && done > now;
                }
            most = held > most ? held : most;
        }
    return most;
}

typedef struct measured { double step_s, forward_s, whole_s, input_s, weight_s, both_s; uint32_t peak[STAGES], told[STAGES]; } measured;

static measured measure(fixture *f, sp_schedule schedule, uint32_t micro_batches)
{
    sp_arena *arena = sp_arena_create();
    uint8_t kinds[64];
    sp_block block;
    sp_model even = even_model(&block, kinds);
    sp_plan plan = plan_of(schedule, micro_batches);
    sp_train_report r;
    run_plan(machine(f, "switch:16@450GB/s,1ps chip=h100"), &even, &plan, arena, &r);
    history h = read_run(&r, &plan, arena);
    measured out = {0};   /* the step ends with its slots here: the optimizer is nobody's bubble */
    for (uint32_t i = 0; i < (uint32_t)KINDS * 2 * h.P * h.M; i++)
        out.step_s = fmax(out.step_s, (double)h.at[i].end * 1e-12);
    out.forward_s = seconds(at(&h, F, 0, 3, 0));
    for (uint32_t m = 0; m < h.n; m++) {
        bool split = seconds(at(&h, W, 0, 3, m)) > 0;
        if (seconds(at(&h, B, 0, 3, m)) > 0)
            *(split ? &out.input_s : &out.whole_s) = seconds(at(&h, B, 0, 3, m));
        out.weight_s = fmax(out.weight_s, seconds(at(&h, W, 0, 3, m)));
        out.both_s = fmax(out.both_s, seconds(at(&h, FB, 0, 3, m)));
    }
    if (out.whole_s <= 0)
        out.whole_s = out.input_s + out.weight_s;
    check_data_flow(&h);
    if (sp_schedule_is_vee(schedule))
        check_turns(&h);
    if (schedule >= SP_SCHEDULE_ZB_H1)
        check_work(&h, out.whole_s, out.input_s);
    for (uint32_t p = 0; p < STAGES; p++) {
        out.peak[p] = peak(&h, p);
        out.told[p] = r.memory[p].in_flight;
    }
    assert_true(r.step_time_s >= out.step_s && r.lower_bound_s <= r.step_time_s && r.lower_bound_s > 0.9 * r.step_time_s);
    sp_arena_destroy(arena);
    return out;
}

/* The step of ZB-H1: M (F + B + W) + (P - 1) (F + B - W), of ZB-H2 (P - 1) (F + B - 2 W), with B the input gradients alone; but the
 * last stage begins P - 1 forwards after the first, and a step ends when all stages have ended. */
static void zero_bubble_takes_its_closed_form(void **state)
{
    for (uint32_t micro = 2 * STAGES; micro <= 4 * STAGES; micro *= 2)
        for (int wide = 0; wide < 2; wide++) {
            measured m = measure(*state, wide ? SP_SCHEDULE_ZB_H2 : SP_SCHEDULE_ZB_H1, micro);
            double slots = m.forward_s + m.input_s + m.weight_s;
            double each = fmax(m.forward_s, m.forward_s + m.input_s - (wide ? 2 : 1) * m.weight_s), bubble = (STAGES - 1) * each;
            assert_true(m.forward_s > 0 && m.input_s > 0 && m.weight_s > 0);
            if (fabs(m.step_s - micro * slots - bubble) > 0.05 * bubble)   /* the first and last stage have a little more */
                fail_msg("bubble %g, expected %g: F %g B %g W %g", m.step_s - micro * slots, bubble, m.forward_s, m.input_s, m.weight_s);
            for (uint32_t p = 0; p < STAGES; p++) {
                assert_int_equal(m.peak[p], wide ? 2 * STAGES - 1 : STAGES);
                assert_int_equal(m.told[p], m.peak[p]);
            }
        }
}

/* With F = B = W a third of 1F1B's bubble (published table); here they differ by what is no matrix work. */
static void zero_bubble_leaves_a_third_of_the_bubble(void **state)
{
    double bubble[3];
    static const sp_schedule schedules[3] = {SP_SCHEDULE_1F1B, SP_SCHEDULE_ZB_H1, SP_SCHEDULE_ZB_H2};
    for (int i = 0; i < 3; i++) {
        measured m = measure(*state, schedules[i], 3 * STAGES);
        bubble[i] = m.step_s - 3 * STAGES * (m.forward_s + m.whole_s);
    }
    assert_true(fabs(bubble[1] / bubble[0] - 1.0 / 3) < 0.05);
    assert_true(bubble[2] <= bubble[1] * (1 + 1e-9));
}

/* (P / 2 - 1) (F&B + B - 3 W), with B the whole backward and F&B a forward and a backward run as one; P + 1 micro-batches held. */
static void dualpipe_takes_its_closed_form(void **state)
{
    for (uint32_t micro = 2 * STAGES; micro <= 6 * STAGES; micro *= 3) {
        measured m = measure(*state, SP_SCHEDULE_DUALPIPE, micro);
        double slots = m.forward_s + m.whole_s, bubble = (STAGES / 2 - 1) * (m.both_s + m.whole_s - 3 * m.weight_s);
        assert_true(m.both_s > 0 && m.both_s <= slots * (1 + 1e-9));
        if (fabs(m.step_s - micro * slots - bubble) > 0.05 * bubble)
            fail_msg("bubble %g, expected %g: F %g B %g W %g F&B %g", m.step_s - micro * slots, bubble, m.forward_s, m.whole_s, m.weight_s, m.both_s);
        for (uint32_t p = 0; p < STAGES; p++) {
            assert_int_equal(m.peak[p], STAGES + 1);
            assert_int_equal(m.told[p], m.peak[p]);
        }
    }
}

/* The last stage begins P - 1 forwards of a chunk late; with F = B = W there is no other bubble, where the pipeline fills, in no more memory than
 * that of 1F1B: 2 P chunks, each half of what a stage of it holds. */
static void zb_v_takes_its_closed_form(void **state)
{
    for (uint32_t micro = 2 * STAGES; micro <= 8 * STAGES; micro *= 2) {
        measured m = measure(*state, SP_SCHEDULE_ZB_V, micro), one = measure(*state, SP_SCHEDULE_1F1B, micro);
        double slots = 2 * (m.forward_s + m.input_s + m.weight_s), bubble = m.step_s - micro * slots, least = (STAGES - 1) * fmax(m.forward_s, m.input_s);
        assert_true(m.forward_s > 0 && m.input_s > 0 && m.weight_s > 0);
        if (bubble < 0.97 * least || bubble > 1.15 * least)   /* F, B and W differ by 7 % here */
            fail_msg("%u: bubble %g, expected %g: F %g B %g W %g", micro, bubble, least, m.forward_s, m.input_s, m.weight_s);
        assert_true(bubble < 0.2 * (one.step_s - micro * (one.forward_s + one.whole_s)));
        for (uint32_t p = 0; p < STAGES; p++) {
            assert_int_equal(m.peak[p], 2 * STAGES);
            assert_int_equal(m.told[p], m.peak[p]);
        }
    }
}

/* (P - 1) (F&B + B - 3 W) on P devices, 2 P + 1 chunks held; and that is half of DualPipe on twice the devices, which run as long. */
static void dualpipev_is_half_of_dualpipe(void **state)
{
    fixture *f = *state;
    for (uint32_t micro = 2 * STAGES; micro <= 4 * STAGES; micro *= 2) {
        measured m = measure(f, SP_SCHEDULE_DUALPIPEV, micro);
        double slots = 2 * (m.forward_s + m.whole_s), bubble = (STAGES - 1) * (m.both_s + m.whole_s - 3 * m.weight_s);
        assert_true(m.both_s > 0);
        if (fabs(m.step_s - micro * slots - bubble) > 0.05 * bubble)
            fail_msg("bubble %g, expected %g: F %g B %g W %g F&B %g", m.step_s - micro * slots, bubble, m.forward_s, m.whole_s, m.weight_s, m.both_s);
        for (uint32_t p = 0; p < STAGES; p++) {
            assert_int_equal(m.peak[p], 2 * STAGES + 1);
            assert_int_equal(m.told[p], m.peak[p]);
        }
        uint8_t kinds[64];
        sp_block block;
        sp_model even = even_model(&block, kinds);
        sp_train_report folded, whole;
        sp_plan plan = plan_of(SP_SCHEDULE_DUALPIPEV, micro), twice = plan_of(SP_SCHEDULE_DUALPIPE, 2 * micro);
        twice.pp = 2 * STAGES;
        run_plan(machine(f, "switch:16@450GB/s,1ps chip=h100"), &even, &plan, f->arena, &folded);
        run_plan(machine(f, "switch:16@450GB/s,1ps chip=h100"), &even, &twice, f->arena, &whole);
        assert_true(fabs(folded.step_time_s / whole.step_time_s - 1) < 0.005);
        assert_true(fabs(folded.memory[0].weights / whole.memory[0].weights - 1) < 1e-9);
    }
}

/* Any number of micro-batches and stages: the order found is a legal one, and the price no more than the run. */
static void zb_v_of_any_size_is_a_pipeline(void **state)
{
    fixture *f = *state;
    for (uint32_t pp = 2; pp <= 16; pp += pp < 5 ? 1 : 11)
        for (uint32_t micro = 1; micro <= 3 * pp; micro += 1 + micro / 3) {
            sp_arena *arena = sp_arena_create();
            sp_plan plan = plan_of(SP_SCHEDULE_ZB_V, micro);
            sp_train_report r;
            plan.pp = pp;
            run_plan(machine(f, "switch:16@450GB/s,1ps chip=h100"), model(f, "llama3-8b"), &plan, arena, &r);
            history h = read_run(&r, &plan, arena);
            check_data_flow(&h);
            check_turns(&h);
            assert_true(r.lower_bound_s <= r.step_time_s);
            for (uint32_t p = 0; p < pp; p++)
                assert_true(peak(&h, p) <= r.memory[p].in_flight);
            sp_arena_destroy(arena);
        }
}

/* DeepSeek-V3: two copies of the dense layers and of the experts of a rank, half of the bubble, and the experts' traffic out of sight. */
static void dualpipe_hides_expert_traffic(void **state)
{
    fixture *f = *state;
    sp_train_report r[3];
    for (int i = 0; i < 3; i++) {
        sp_plan plan = plan_of(i == 0 ? SP_SCHEDULE_1F1B : i == 1 ? SP_SCHEDULE_ZB_H1 : SP_SCHEDULE_DUALPIPE, 0);
        plan.dp = 128;
        plan.ep = 64;
        plan.gbs = 128 * 64;
        plan.seq = 4096;
        plan.stack = NULL;
        plan.recompute = SP_RECOMPUTE_SELECTIVE;
        run_plan(machine(f, "dgx-h100:256"), model(f, "deepseek-v3"), &plan, f->arena, &r[i]);
    }
    double ep_s[3] = {0};
    for (int i = 0; i < 3; i++)
        for (uint32_t k = 0; k < r[i].n_parts; k++)
            ep_s[i] += strcmp(r[i].part[k].label, "ep") == 0 ? r[i].part[k].time_s : 0;
    assert_true(r[1].step_time_s < r[0].step_time_s && r[2].step_time_s < r[1].step_time_s);
    if (ep_s[2] > 0.55 * ep_s[0])   /* half of it at the rates of its chips; what fits under how much moves with them */
        fail_msg("ep %g %g %g of %g %g %g", ep_s[0], ep_s[1], ep_s[2], r[0].step_time_s, r[1].step_time_s, r[2].step_time_s);
    for (uint32_t p = 0; p < STAGES; p++) {
        double near = r[0].memory[p].weights, far = r[0].memory[STAGES - 1 - p].weights;
        assert_true(fabs(r[2].memory[p].weights - near - far) < 1e-6 * near);
        assert_true(fabs(r[2].memory[p].optimizer - (r[0].memory[p].optimizer + r[0].memory[STAGES - 1 - p].optimizer) / 2) < 1e-6 * near);
    }
}

/* What recompute makes again is kept until the weight gradients: where nothing waits it saves most. */
static void waiting_gradients_keep_what_is_recomputed(void **state)
{
    fixture *f = *state;
    sp_train_report r[2];
    for (int full = 0; full < 2; full++) {
        sp_plan plan = plan_of(SP_SCHEDULE_ZB_H1, 32);
        plan.recompute = full ? SP_RECOMPUTE_FULL : SP_RECOMPUTE_NONE;
        run_plan(machine(f, "switch:16@450GB/s,1ps chip=h100"), model(f, "llama3-8b"), &plan, f->arena, &r[full]);
    }
    for (uint32_t p = 1; p + 1 < STAGES; p++) {
        double kept = r[1].memory[p].activations / r[0].memory[p].activations;
        assert_true(kept < 1 && kept > (p + 1.0) / STAGES);
        assert_true(p == 1 || kept > r[1].memory[p - 1].activations / r[0].memory[p - 1].activations);
    }
}

static void refuses(fixture *f, sp_plan plan, const char *words)
{
    sp_error err = {0};
    assert_int_equal(sp_plan_check(&plan, model(f, "deepseek-v3"), machine(f, "dgx-h100:256"), &err), SP_E_INVAL);
    if (!strstr(err.text, words))
        fail_msg("'%s' lacks '%s'", err.text, words);
}

static void plans_that_cannot_be_are_refused(void **state)
{
    sp_plan plan = plan_of(SP_SCHEDULE_DUALPIPE, 2 * STAGES), other = plan;
    plan.seq = other.seq = 4096;
    other.pp = 7;
    refuses(*state, other, "expected an even pp");
    other = plan;
    other.gbs = 2 * STAGES - 2;
    refuses(*state, other, "at least twice pp");
    other.gbs = 2 * STAGES + 1;
    refuses(*state, other, "expected an even number");
    other = plan;
    other.dp = other.ep = 8;
    other.gbs = 16 * STAGES;
    other.overlap_ep = true;
    refuses(*state, other, "expected overlap-ep=no");
    for (sp_schedule s = SP_SCHEDULE_ZB_H1; s < SP_SCHEDULES; s++) {
        other = plan_of(s, 16);
        other.pp = 1;
        refuses(*state, other, "expected pp above 1");
        other.pp = 4;
        other.vpp = 3 - plan_of(s, 16).vpp;
        refuses(*state, other, sp_schedule_is_vee(s) ? "expected vpp 2" : "expected schedule interleaved");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bubble_takes_its_closed_form), cmocka_unit_test(zero_bubble_leaves_a_third_of_the_bubble),
        cmocka_unit_test(dualpipe_takes_its_closed_form), cmocka_unit_test(dualpipe_hides_expert_traffic),
        cmocka_unit_test(zb_v_takes_its_closed_form), cmocka_unit_test(dualpipev_is_half_of_dualpipe), cmocka_unit_test(zb_v_of_any_size_is_a_pipeline),
        cmocka_unit_test(waiting_gradients_keep_what_is_recomputed), cmocka_unit_test(plans_that_cannot_be_are_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
