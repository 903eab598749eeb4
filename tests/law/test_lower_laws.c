/* Lowering against the model's own counts, two independent ways to the same number: matrix FLOPs of the lowered items are
 * the model's FLOPs a token, shards of parameters add up to the model, backward is twice forward, splitting moves no work. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "superpod/workload.h"

static sp_catalog *catalog;
static sp_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = sp_arena_create();
    return sp_catalog_open("catalog", &catalog, NULL) == SP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}

static const sp_model *load(const char *name)
{
    const char *path;
    const sp_model *model = NULL;
    sp_error err = {0};
    if (sp_catalog_model_path(catalog, name, &path, &err) != SP_OK || sp_model_load(path, NULL, arena, &model, &err) != SP_OK)
        fail_msg("%s: %s", name, err.text);
    return model;
}

static double matrix_flop(const sp_items *items)
{
    double flop = 0;
    for (uint32_t i = 0; i < items->n; i++) {
        const sp_op *op = &items->item[i].op;
        double count = op->count > 0 ? op->count : 1;
        if (items->item[i].is_comm)
            continue;
        if (op->kind == SP_OP_GEMM)
            flop += 2.0 * op->groups * (double)op->m * (double)op->n * (double)op->k * count;
        if (op->kind == SP_OP_ATTENTION)
            flop += 2.0 * (double)op->batch * (double)op->heads * (double)op->q_len * (double)op->kv_len * (op->d_qk + op->d_v) *
                    (op->causal ? 0.5 : 1) * (op->backward ? 2.5 : 1) * count;
    }
    return flop;
}

/* Forward matrix FLOPs of all blocks and the head on one chip. */
static double lowered(const sp_model *model, const sp_plan *plan, sp_pass pass)
{
    sp_items items;
    double flop = 0;
    for (uint32_t l = 0; l < model->n_layers; l++) {
        assert_int_equal(sp_lower_block(model, &model->kinds[model->layer_kind[l]], plan, pass, &items), SP_OK);
        flop += matrix_flop(&items);
    }
    assert_int_equal(sp_lower_head(model, plan, pass, &items), SP_OK);
    return flop + matrix_flop(&items);
}

/* Models whose mixers lowering knows operator by operator. */
static bool plain(const sp_model *model)
{
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        const sp_attn *attn = &model->kinds[k].attn;
        if (attn->kind == SP_ATTN_LINEAR || attn->compress || attn->index_topk)
            return false;
    }
    return model->n_layers > 0 && !model->per_layer_embedding && !model->hyper_streams;
}

static void forward_flops_are_the_models(void **state)
{
    (void)state;
    uint32_t checked = 0;
    for (size_t i = 0; i < sp_catalog_model_count(catalog); i++) {
        const sp_model *model = load(sp_catalog_model_name(catalog, i));
        if (!plain(model))
            continue;
        sp_plan plan = sp_plan_default();
        plan.seq = 4096;
        double have = lowered(model, &plan, SP_PASS_FORWARD), want = sp_model_flop_per_token(model, plan.seq) * (double)plan.seq;
        if (fabs(have / want - 1) > 0.01)
            fail_msg("%s: lowered %.4g FLOPs, the model counts %.4g (%+.2f %%)", model->name, have, want, 100 * (have / want - 1));
        double back = lowered(model, &plan, SP_PASS_BACKWARD);
        if (back < 1.95 * have || back > 2.5 * have)
            fail_msg("%s: backward %.3f x forward", model->name, back / have);
        checked++;
    }
    assert_true(checked > 60);
}

/* Blocks without a mixer have nothing that is counted another way, whatever their model's other blocks. */
static void experts_alone_take_the_models_flops(void **state)
{
    (void)state;
    uint32_t checked = 0;
    for (size_t i = 0; i < sp_catalog_model_count(catalog); i++) {
        const sp_model *model = load(sp_catalog_model_name(catalog, i));
        for (uint32_t k = 0; k < model->n_kinds; k++) {
            const sp_block *block = &model->kinds[k];
            sp_plan plan = sp_plan_default();
            sp_items items;
            plan.seq = 4096;
            if (block->attn.kind != SP_ATTN_NONE || block->ffn.kind != SP_FFN_MOE)
                continue;
            assert_int_equal(sp_lower_block(model, block, &plan, SP_PASS_FORWARD, &items), SP_OK);
            double have = matrix_flop(&items), want = sp_block_flop_per_token(model, block, plan.seq, NULL) * (double)plan.seq;
            if (fabs(have / want - 1) > 0.01)
                fail_msg("%s: lowered %.4g FLOPs, the model counts %.4g (%+.2f %%)", model->name, have, want, 100 * (have / want - 1));
            checked++;
        }
    }
    assert_true(checked >= 2);
}

static void splitting_moves_no_work(void **state)
{
    (void)state;
    static const struct { const char *name; uint32_t tp, cp, ep; } rows[] = {
        {"llama3.1-405b", 8, 2, 1}, {"gpt3-175b", 16, 1, 1}, {"mixtral-8x7b", 4, 2, 8}, {"deepseek-v3", 1, 4, 64},
        {"qwen3-235b-a22b", 4, 1, 16}, {"gpt-oss-120b", 8, 2, 32}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const sp_model *model = load(rows[i].name);
        sp_plan one = sp_plan_default(), many = one;
        one.seq = many.seq = 16384;
        many.tp = rows[i].tp;
        many.cp = rows[i].cp;
        many.ep = rows[i].ep;
        double whole = lowered(model, &one, SP_PASS_FORWARD), part = lowered(model, &many, SP_PASS_FORWARD) * many.tp * many.cp;
        if (fabs(part / whole - 1) > 0.01)
            fail_msg("%s: split over tp %u cp %u the work is %.4f of the whole", model->name, many.tp, many.cp, part / whole);
    }
}

static void shards_add_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sp_catalog_model_count(catalog); i++) {
        const sp_model *model = load(sp_catalog_model_name(catalog, i));
        if (!plain(model))
            continue;
        sp_plan plan = sp_plan_default();
        sp_model_params params;
        sp_model_count(model, &params);
        double sum = sp_lower_vocab_params(model, &plan).dense * (model->tied_embeddings ? 1 : 2);
        for (uint32_t l = 0; l < model->n_layers; l++) {
            sp_local_params local = sp_lower_block_params(model, &model->kinds[model->layer_kind[l]], &plan);
            sum += local.dense + local.expert;
        }
        /* learned positions are held whole and looked up: too small to shard */
        double want = params.total - params.other - (model->learned_positions ? (double)model->max_positions * model->hidden : 0);
        if (fabs(sum / want - 1) > 0.01)
            fail_msg("%s: shards add up to %.5g parameters, the model counts %.5g", model->name, sum, want);
    }
}

/* Of q, k, v, out, gate, up and down every second output is made again, and attention's kept: half of the products, a third or so of
 * their FLOPs, and exactly these bytes. Each way of recompute keeps no more than the one before. */
static void alternate_recompute_keeps_every_second_output(void **state)
{
    (void)state;
    const sp_model *model = load("llama3-8b");
    const sp_block *block = &model->kinds[0];
    sp_plan plan = sp_plan_default();
    sp_items items;
    plan.seq = 8192;
    plan.recompute = SP_RECOMPUTE_ALTERNATE;
    assert_int_equal(sp_lower_block(model, block, &plan, SP_PASS_RECOMPUTE, &items), SP_OK);
    double again = matrix_flop(&items) / 8192, k = 1024, out = 4096, up = 14336;
    assert_true(fabs(again - 2 * 4096 * (k + out + up)) < 1);
    double input = 4096, q = 4096, v = 1024, core = 4096, gate = 14336, down = 4096, sums = 4 * 32;
    double kept = sp_lower_block_activation_bytes(model, block, &plan) / 8192;
    assert_true(fabs(kept - (2 * (input + q + v + core + gate + down) + sums)) < 1);
    assert_true(sp_lower_block_working_bytes(model, block, &plan) > 0);
    for (size_t i = 0; i < sp_catalog_model_count(catalog); i++) {
        const sp_model *any = load(sp_catalog_model_name(catalog, i));
        for (uint32_t b = 0; b < any->n_kinds; b++) {
            double flop[SP_RECOMPUTES];
            for (uint32_t r = SP_RECOMPUTE_SELECTIVE; r < SP_RECOMPUTES; r++) {
                plan.recompute = (sp_recompute)r;
                assert_int_equal(sp_lower_block(any, &any->kinds[b], &plan, SP_PASS_RECOMPUTE, &items), SP_OK);
                flop[r] = matrix_flop(&items);
            }
            assert_true(flop[SP_RECOMPUTE_ALTERNATE] <= flop[SP_RECOMPUTE_FULL]);
        }
    }
}

/* Bytes of TP's all-gathers and reduce-scatters in one block, both ways. */
static void gathers_narrow_where_told(void **state)
{
    (void)state;
    const sp_model *model = load("llama3-8b");
    double bytes[2][2] = {{0}};
    for (int narrow = 0; narrow < 2; narrow++)
        for (int pass = SP_PASS_FORWARD; pass <= SP_PASS_BACKWARD; pass++) {
            sp_plan plan = sp_plan_default();
            sp_items items;
            plan.tp = 8;
            plan.seq = 8192;
            plan.precision = SP_FMT_FP8;
            plan.narrow_gather = narrow;
            assert_int_equal(sp_lower_block(model, &model->kinds[0], &plan, (sp_pass)pass, &items), SP_OK);
            for (uint32_t i = 0; i < items.n; i++)
                if (items.item[i].is_comm && items.item[i].group == SP_GROUP_TP)
                    bytes[narrow][items.item[i].coll == SP_COLL_ALL_GATHER] += items.item[i].size_bytes;
        }
    assert_true(bytes[0][0] > 0 && bytes[0][0] == bytes[1][0]);
    assert_true(bytes[0][1] == bytes[0][0] && bytes[1][1] == bytes[0][1] / 2);
}

/* Biases of experts' outputs are one pass over the copies a rank receives, and YaRN's rotation one over its queries and keys, labelled so that
 * product lines can say what they make of them; models without either have none. */
static void passes_of_few_models_are_labelled(void **state)
{
    (void)state;
    static const struct { const char *model, *label; double width; } cases[] = {
        {"gpt-oss-120b", "expert-bias", 4 * 2880}, {"qwen3-235b-a22b", "expert-bias", 0}, {"gpt-oss-120b", "yarn", (64 + 8) * 64}, {"qwen3-235b-a22b", "yarn", 0}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const sp_model *model = load(cases[c].model);
        sp_plan plan = sp_plan_default();
        plan.mbs = 2;
        plan.seq = 4096;
        plan.ep = plan.dp = 8;
        plan.gbs = 16;
        for (int pass = 0; pass < 2; pass++) {
            sp_items items;
            double bytes = 0;
            assert_int_equal(sp_lower_block(model, &model->kinds[model->layer_kind[0]], &plan, pass ? SP_PASS_BACKWARD : SP_PASS_FORWARD, &items), SP_OK);
            for (uint32_t i = 0; i < items.n; i++)
                if (!strcmp(items.item[i].label, cases[c].label))
                    bytes += items.item[i].op.bytes;
            assert_true(fabs(bytes - 2.0 * 4096 * cases[c].width * (pass ? 6 : 4)) < 1);
        }
    }
}

/* Probabilities go to the experts with the tokens and their gradients come back with the tokens' gradients; maps are gathered once. */
static void probabilities_travel_with_what_they_weigh(void **state)
{
    (void)state;
    const sp_model *model = load("gpt-oss-120b");
    sp_plan plan = sp_plan_default();
    plan.mbs = 2;
    plan.seq = 4096;
    plan.tp = 2;
    plan.ep = 16;
    plan.dp = 8;
    plan.gbs = 16;
    const double tokens = 2.0 * 4096 / 2, probs = tokens * 4 * 128 * 4, map = tokens * 16 * 128;
    for (int backward = 0; backward < 2; backward++) {
        sp_items items;
        sp_carried got[2];
        uint32_t n = 0;
        assert_int_equal(sp_lower_block(model, &model->kinds[model->layer_kind[0]], &plan, backward ? SP_PASS_BACKWARD : SP_PASS_FORWARD, &items), SP_OK);
        for (uint32_t i = 0; i < items.n; i++)
            if (items.item[i].carried.copies) {
                assert_true(n < 2 && items.item[i].carried.copies == 4);
                got[n++] = items.item[i].carried;
            }
        assert_int_equal(n, 2);
        assert_true(got[backward].prob_bytes == probs && got[!backward].prob_bytes == 0);
        assert_true(got[0].map_bytes == (backward ? 0 : map) && got[1].map_bytes == 0);
    }
}

/* Tokens reach experts of a latent width in that width: what a rank keeps of them shrinks with it. */
static void experts_of_a_latent_width_keep_less(void **state)
{
    (void)state;
    const sp_model *model = load("nemotron-3-super-120b-a12b");
    sp_plan plan = sp_plan_default();
    plan.seq = 8192;
    plan.ep = plan.dp = 64;
    plan.gbs = 64;
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        sp_block whole = model->kinds[k];
        if (whole.ffn.kind != SP_FFN_MOE)
            continue;
        assert_int_equal(whole.ffn.expert_hidden, 1024);
        double latent = sp_lower_block_activation_bytes(model, &whole, &plan);
        whole.ffn.expert_hidden = 0;
        double more = sp_lower_block_activation_bytes(model, &whole, &plan) - latent, expected = 8192.0 * 22 * (4096 - 1024) * (2 + 2);
        assert_true(fabs(more / expected - 1) < 1e-9);
    }
}

/* What tensor parallelism sends: with sequence parallelism as much as without (Korthikanti et al. 2022, section 4.2.2). */
/* Bytes of collectives and of memory-bound work, FLOPs of products. */
typedef struct moved { double comm, vector, products; } moved;

static moved moved_by(const sp_model *model, const sp_block *block, const sp_plan *plan, sp_pass pass)
{
    moved sum = {0, 0, 0};
    sp_items items;
    assert_int_equal(sp_lower_block(model, block, plan, pass, &items), SP_OK);
    sum.products = matrix_flop(&items);
    for (uint32_t i = 0; i < items.n; i++) {
        sum.comm += items.item[i].is_comm ? items.item[i].size_bytes : 0;
        sum.vector += !items.item[i].is_comm && items.item[i].op.kind == SP_OP_VECTOR ? items.item[i].op.bytes : 0;
    }
    return sum;
}

/* Attention and FFN beside each other: half the traffic of TP, a norm less, and a sum of three instead of two sums of two. */
static void side_by_side_share_the_way_in_and_out(void **state)
{
    (void)state;
    sp_plan plan = sp_plan_default();
    plan.tp = 8;
    plan.seq = 2048;
    const sp_model *mod = load("palm-540b");
    sp_block row = mod->kinds[0];
    assert_true(row.parallel);
    row.parallel = false;
    for (int pass = SP_PASS_FORWARD; pass <= SP_PASS_BACKWARD; pass++) {
        moved in_row = moved_by(mod, &row, &plan, (sp_pass)pass), beside = moved_by(mod, &mod->kinds[0], &plan, (sp_pass)pass);
        double width = 2048.0 / 8 * mod->hidden * 2, less = pass == SP_PASS_FORWARD ? 2 + 2 * 3 - 4 : 3 + 2 * 5 - 7;
        assert_true(beside.comm * 2 == in_row.comm && beside.products == in_row.products);
        assert_true(fabs((in_row.vector - beside.vector) / (less * width) - 1) < 1e-9);
    }
    assert_true(sp_lower_block_activation_bytes(mod, &row, &plan) > sp_lower_block_activation_bytes(mod, &mod->kinds[0], &plan));
}

static void sequence_parallel_sends_the_same(void **state)
{
    (void)state;
    const sp_model *model = load("llama3-70b");
    double bytes[2] = {0, 0};
    for (int sp = 0; sp < 2; sp++) {
        sp_plan plan = sp_plan_default();
        plan.tp = 8;
        plan.sequence_parallel = sp;
        for (int pass = SP_PASS_FORWARD; pass <= SP_PASS_BACKWARD; pass++) {
            sp_items items;
            sp_lower_block(model, &model->kinds[0], &plan, (sp_pass)pass, &items);
            for (uint32_t i = 0; i < items.n; i++)
                if (items.item[i].is_comm)
                    bytes[sp] += items.item[i].size_bytes * sp_coll_bus_factor(items.item[i].coll, plan.tp);
        }
    }
    assert_true(fabs(bytes[1] / bytes[0] - 1) < 1e-9);
}

/* A module that predicts further tokens has the block that the model names: its products are those the model counts; a wide block's are
 * in BF16 whatever the recipe, and take as many FLOPs. */
static void predictors_have_their_own_block(void **state)
{
    (void)state;
    const sp_model *model = load("nemotron-3-super-120b-a12b");
    const sp_block *block = &model->kinds[sp_model_mtp_kind(model)], *last = &model->kinds[model->layer_kind[model->n_layers - 1]];
    assert_true(block != last && block->wide && block->attn.kind == SP_ATTN_GQA && block->ffn.kind == SP_FFN_MOE);
    sp_plan plan = sp_plan_default();
    plan.seq = 4096;
    plan.precision = SP_FMT_MXFP8;
    sp_items items, alone;
    assert_int_equal(sp_lower_mtp(model, &plan, SP_PASS_FORWARD, &items), SP_OK);
    assert_true(fabs(matrix_flop(&items) * model->mtp_layers / (4096 * sp_model_mtp_flop_per_token(model, 4096)) - 1) < 0.01);
    for (uint32_t i = 0; i < items.n; i++)
        assert_true(items.item[i].is_comm || items.item[i].op.kind != SP_OP_GEMM || items.item[i].op.format == SP_FMT_BF16);
    sp_block narrow = *block, wide = *block;
    narrow.wide = false;
    double flop[2] = {0};
    for (int w = 0; w < 2; w++) {
        assert_int_equal(sp_lower_block(model, w ? &wide : &narrow, &plan, SP_PASS_FORWARD, &alone), SP_OK);
        flop[w] = matrix_flop(&alone);
        bool any = false;
        for (uint32_t i = 0; i < alone.n; i++)
            any = any || (!alone.item[i].is_comm && alone.item[i].op.kind == SP_OP_GEMM && alone.item[i].op.format == SP_FMT_MXFP8);
        assert_int_equal(any, !w);
    }
    assert_true(flop[0] == flop[1]);
    assert_true(sp_lower_block_activation_bytes(model, &wide, &plan) > sp_lower_block_activation_bytes(model, &narrow, &plan));
    sp_model plain = *model;
    plain.mtp_block = 0;
    assert_int_equal(sp_model_mtp_kind(&plain), model->layer_kind[model->n_layers - 1]);
    plain.mtp_block = plain.n_kinds + 1;
    assert_int_equal(sp_model_check(&plain, NULL), SP_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forward_flops_are_the_models), cmocka_unit_test(experts_alone_take_the_models_flops), cmocka_unit_test(splitting_moves_no_work),
                                       cmocka_unit_test(shards_add_up), cmocka_unit_test(passes_of_few_models_are_labelled), cmocka_unit_test(probabilities_travel_with_what_they_weigh), cmocka_unit_test(experts_of_a_latent_width_keep_less), cmocka_unit_test(alternate_recompute_keeps_every_second_output), cmocka_unit_test(gathers_narrow_where_told), cmocka_unit_test(side_by_side_share_the_way_in_and_out), cmocka_unit_test(sequence_parallel_sends_the_same), cmocka_unit_test(predictors_have_their_own_block)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
