/* A small step to report on: a machine of three tiers, a model of 31 blocks, and a pipeline run by the event evaluator.
 * Everything is stated here, so that the tests of reports depend on no catalog and no prediction. */
#ifndef REPORT_FIXTURE_H
#define REPORT_FIXTURE_H

#include "superpod/report.h"

typedef struct fixture {
    sp_arena *arena;
    sp_chip chip;
    sp_chip_fact fact[4];
    sp_machine machine;
    sp_block block;
    uint8_t layer_kind[31];
    sp_model model;
    sp_plan plan;
    sp_train_report report;
    sp_ranked ranked[3];
    sp_solution solution;
    sp_stage_memory memory[64];
    double forward_s[2], backward_s[2], send_s[1], sync_s[1], update_s[1];
} fixture;

static inline sp_value fixed(double value) { return sp_value_of(value, SP_GRADE_VENDOR, "data sheet"); }
static inline sp_value guessed(double low, double nominal, double high, const char *why)
{
    return (sp_value){low, nominal, high, SP_GRADE_GUESS, why};
}

static inline void fixture_machine(fixture *f)
{
    f->chip = (sp_chip){.name = "chip-x", .title = "Chip <X> & \"Y\"", .vendor = "huawei", .family = "x", .cores = 32,
        .mem_bytes = fixed(128e9), .mem_bw_bytes_per_s = fixed(4e12), .l2_bytes = guessed(1e8, 2e8, 3e8, "a < b & c"),
        .payload_fraction = guessed(0.9, 0.94, 0.97, "53 of 56 GB/s"), .tdp_w = guessed(600, 800, 900, "by analogy"),
        .port_bw_bytes_per_s = sp_value_of(56e9, SP_GRADE_DERIVED, "448 Gb/s / 8")};
    f->chip.matrix_flop_per_s[SP_FMT_BF16] = f->chip.advertised_flop_per_s[SP_FMT_BF16] = fixed(500e12);
    f->chip.matrix_flop_per_s[SP_FMT_FP8] = f->chip.advertised_flop_per_s[SP_FMT_FP8] = sp_value_of(1e15, SP_GRADE_DERIVED, "2 x bf16");
    f->chip.fit.launch_s = guessed(1e-6, 2e-6, 5e-6, "as others");
    f->fact[0] = (sp_chip_fact){"l2", SP_UNIT_BYTES, f->chip.l2_bytes};
    f->fact[1] = (sp_chip_fact){"matrix.fp8", SP_UNIT_FLOP_PER_S, f->chip.matrix_flop_per_s[SP_FMT_FP8]};
    f->fact[2] = (sp_chip_fact){"matrix.hif4", SP_UNIT_FLOP_PER_S, guessed(3e15, 4e15, 5e15, "not used by the plan")};
    f->fact[3] = (sp_chip_fact){"launch", SP_UNIT_SECONDS, f->chip.fit.launch_s};
    f->chip.facts = f->fact;
    f->chip.n_facts = 4;
    f->machine = (sp_machine){.name = "pod-x", .title = "Pod <script>alert(1)</script>", .chips = 4096, .n_planes = 1, .chip = &f->chip};
    sp_plane *plane = &f->machine.planes[0];
    plane->name = "ub";
    plane->n_tiers = 3;
    for (uint32_t t = 0, stride = 1; t < 3; t++) {
        uint32_t size = t == 2 ? 64 : 8;
        plane->tiers[t] = (sp_tier){.kind = t == 2 ? SP_TIER_CLOS : SP_TIER_MESH, .name = t == 0 ? "board" : t == 1 ? "rack" : "pod",
            .n_dims = 1, .dims = {size}, .size = size, .stride = stride, .planes = 1, .bw_bytes_per_s = fixed(t == 2 ? 224e9 : 56e9),
            .latency_s = guessed(2e-7, 3e-7, 5e-7, "cable length"), .taper = fixed(t == 2 ? 2 : 1)};
        stride *= size;
    }
}

static inline void fixture_model(fixture *f)
{
    f->block = (sp_block){.attn = {.kind = SP_ATTN_GQA, .heads = 32, .kv_heads = 8, .d_qk = 128, .d_v = 128},
                          .ffn = {.kind = SP_FFN_DENSE, .gated = true, .inner = 16384}, .norms = 2};
    f->model = (sp_model){.name = "model-x", .family = "catalog", .source = "test", .hidden = 4096, .vocab = 128000, .n_layers = 31,
                          .n_kinds = 1, .kinds = &f->block, .layer_kind = f->layer_kind, .default_seq = 4096};
}

static inline sp_group group_of(uint32_t size) { return (sp_group){.n_dims = 1, .dim = {size}}; }

static inline void fixture_plan(fixture *f, uint32_t stages, uint32_t micro_batches)
{
    f->plan = (sp_plan){.tp = 8, .cp = 1, .ep = 1, .etp = 1, .pp = stages, .vpp = 1, .dp = 4096 / 8 / stages, .zero = 1, .mbs = 1,
        .seq = 4096, .precision = SP_FMT_FP8, .recompute = SP_RECOMPUTE_SELECTIVE, .schedule = SP_SCHEDULE_1F1B,
        .sequence_parallel = true, .order = {SP_AXIS_TP, SP_AXIS_CP, SP_AXIS_DP, SP_AXIS_PP}, .overlap_dp = true};
    f->plan.gbs = (uint64_t)micro_batches * f->plan.dp;
    sp_layout *layout = &f->report.layout;
    layout->chips = 4096;
    uint32_t dp = f->plan.dp;
    layout->group[SP_GROUP_TP] = (sp_placement){.n_dims = 1, .dim = {{8, 1}}};
    layout->group[SP_GROUP_DP] = (sp_placement){.n_dims = 2, .dim = {{8, 8}, {dp / 8, 64}}};
    layout->group[SP_GROUP_PP] = (sp_placement){.n_dims = 1, .dim = {{stages, 8 * dp}}};
    layout->tiers[SP_GROUP_TP] = 1;
    layout->tiers[SP_GROUP_DP] = 6;
    layout->tiers[SP_GROUP_PP] = 4;
    layout->shape[SP_GROUP_TP] = group_of(8);
}

static inline uint32_t add_class(sp_builder *b, sp_task_class task)
{
    return (uint32_t)sp_builder_class(b, &task, 0);
}

/* 1F1B: stage p starts P-1-p forwards before its first backward, then alternates. Compute on stream 0 (slots in two
 * parts), hand-over on 1 and 2, gradients on 3.
 * As predicted steps are: a step of a class is a position in the stage's order, a chunk a part of a slot. */
static inline const sp_program *fixture_program(fixture *f, uint32_t stages, uint32_t micro_batches)
{
    const sp_rank_map same = {.digit = {0, 0}}, before = {{1, stages}, SP_MAP_ADD, -1, 0, 0}, after = {{1, stages}, SP_MAP_ADD, 1, 0, 0};
    const sp_axis_map own = {.pick = SP_PICK_SAME}, previous = {.pick = SP_PICK_SAME, .c0 = -1}, last = {.pick = SP_PICK_AT, .c0 = -1};
    f->forward_s[0] = 1.2345678e-3 / 2;
    f->backward_s[0] = 2.3456789e-3 / 2;
    f->send_s[0] = 1.11111e-4;
    f->sync_s[0] = 7.5e-3;
    f->update_s[0] = 3e-3;
    sp_builder *b = sp_builder_create(f->arena, "step", stages, 0);
    uint32_t K = micro_batches;
    sp_task_class slot = {.label = "forward", .kind = SP_TASK_COMPUTE, .n_step = K, .n_mb = 1, .n_chunk = 2, .priority = 1,
                          .cost_s = f->forward_s};
    uint32_t forward = add_class(b, slot);
    slot.label = "backward", slot.priority = 0, slot.cost_s = f->backward_s;
    uint32_t backward = add_class(b, slot);
    sp_task_class send = {.label = "pp", .kind = SP_TASK_COMPUTE, .n_step = K, .n_mb = 1, .n_chunk = 1, .stream = 1, .cost_s = f->send_s};
    uint32_t send_f = add_class(b, send);
    send.stream = 2;
    uint32_t send_b = add_class(b, send);
    sp_task_class sync = {.label = "dp reduce", .kind = SP_TASK_COMPUTE, .n_step = 1, .n_mb = 1, .n_chunk = 1, .stream = 3,
                          .cost_s = f->sync_s};
    uint32_t reduce = add_class(b, sync);
    sync.label = "optimizer", sync.stream = 0, sync.cost_s = f->update_s;
    uint32_t update = add_class(b, sync);
    sp_builder_dep(b, forward, (sp_dep){forward, same, own, own, previous, {0, 0}, 0});
    sp_builder_dep(b, backward, (sp_dep){backward, same, own, own, previous, {0, 0}, 0});
    sp_builder_dep(b, forward, (sp_dep){forward, same, previous, own, last, {0, 0}, 0});
    sp_builder_dep(b, backward, (sp_dep){backward, same, previous, own, last, {0, 0}, 0});
    sp_builder_dep(b, send_f, (sp_dep){forward, same, own, own, last, {0, 0}, 0});
    sp_builder_dep(b, send_b, (sp_dep){backward, same, own, own, last, {0, 0}, 0});
    sp_builder_dep(b, forward, (sp_dep){send_f, before, own, own, last, {0, 0}, 0});
    sp_builder_dep(b, backward, (sp_dep){send_b, after, own, own, last, {0, 0}, 0});
    sp_builder_dep(b, backward, (sp_dep){forward, same, own, own, last, {0, 0}, 0});
    sp_axis_map ahead = {.pick = SP_PICK_SAME, .c0 = (int32_t)stages - 1, .c_rank = -1, .rank_digit = {1, stages}};
    sp_axis_map behind = {.pick = SP_PICK_SAME, .c0 = -(int32_t)stages, .c_rank = 1, .rank_digit = {1, stages}};
    sp_builder_dep(b, backward, (sp_dep){forward, same, ahead, own, last, {0, 0}, 0});
    sp_builder_dep(b, forward, (sp_dep){backward, same, behind, own, last, {0, 0}, 0});
    sp_builder_dep(b, reduce, (sp_dep){backward, same, last, own, last, {0, 0}, 0});
    sp_builder_dep(b, update, (sp_dep){reduce, same, own, own, own, {0, 0}, 0});
    const sp_program *program = NULL;
    return sp_builder_freeze(b, &program, NULL) == SP_OK ? program : NULL;
}

static inline void fixture_report(fixture *f, uint32_t stages)
{
    sp_train_report *r = &f->report;
    double step_s = (double)r->run.end_ps * 1e-12;
    r->step_time_s = step_s;
    r->tokens_per_s = (double)(f->plan.gbs * f->plan.seq) / step_s;
    r->tokens_per_s_chip = r->tokens_per_s / 4096;
    r->mfu = 0.412;
    r->hfu = 0.455;
    r->lower_bound_s = 0.8 * step_s;
    r->energy_j = 4096 * 900 * step_s;
    r->power_w = 4096 * 900;
    r->chips = 4096;
    r->n_stages = stages;
    r->memory = f->memory;
    r->mem_capacity_bytes = 128e9;
    for (uint32_t s = 0; s < stages; s++) {
        sp_stage_memory *m = &f->memory[s];
        *m = (sp_stage_memory){.stage = s, .weights = 20e9, .gradients = 10e9, .optimizer = 15e9, .activations = 1e9 * (stages - s),
                               .buffers = 2e9, .overhead = 3e9, .in_flight = stages - s};
        m->total = m->weights + m->gradients + m->optimizer + m->activations + m->buffers + m->overhead;
        r->mem_bytes_max = m->total > r->mem_bytes_max ? m->total : r->mem_bytes_max;
    }
    static const char *const label[] = {"gemm", "attention", "bubble", "tp", "vector", "dp", "pp", "launch"};
    static const double share[] = {0.41, 0.2, 0.14, 0.1, 0.08, 0.04, 0.02, 0.01};
    r->n_parts = 8;
    for (uint32_t p = 0; p < 8; p++)
        r->part[p] = (sp_part){label[p], share[p] * step_s};
    r->limit = "matrix products of the experts: 41 % of the step";
    r->bubble_fraction = 0.14;
}

static inline fixture *fixture_make(uint32_t stages, uint32_t micro_batches)
{
    sp_arena *arena = sp_arena_create();
    fixture *f = sp_arena_alloc(arena, 1, sizeof *f);
    f->arena = arena;
    fixture_machine(f);
    fixture_model(f);
    fixture_plan(f, stages, micro_batches);
    f->report.program = fixture_program(f, stages, micro_batches);
    if (!f->report.program || sp_fabric_event(f->report.program, arena, &f->report.run, NULL) != SP_OK)
        return NULL;
    fixture_report(f, stages);
    for (uint32_t i = 0; i < 3; i++)
        f->ranked[i] = (sp_ranked){.plan = f->plan, .step_time_s = f->report.step_time_s * (1 + 0.05 * i), .mfu = 0.41 - 0.02 * i,
                                   .tokens_per_s_chip = 1000, .mem_bytes_max = 9e10};
    f->solution = (sp_solution){.n = 3, .ranked = f->ranked,
                                .counts = {.legal = 12345, .refused = 4690, .refused_divide = 2000, .refused_memory = 2345,
                                           .refused_place = 345, .priced = 10000, .simulated = 87}};
    return f;
}

static inline void fixture_free(fixture *f) { sp_arena_destroy(f->arena); }

#endif
