/* Laws of parameter and FLOP counts: independent closed forms, brute force over positions, and what must grow with what. */
#include "superpod/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROUNDS 300

static uint32_t draw(sp_rng *rng, uint32_t low, uint32_t high)
{
    return low + (uint32_t)sp_rng_below(rng, high - low + 1);
}

/* A plain decoder with two kinds of blocks; `kinds` and `layers` are the caller's. */
static sp_model plain(sp_block kinds[2], uint8_t *layers, uint32_t n)
{
    memset(kinds, 0, 2 * sizeof *kinds);
    for (int i = 0; i < 2; i++) {
        kinds[i].norms = 2;
        kinds[i].attn = (sp_attn){.kind = SP_ATTN_GQA, .heads = 8, .kv_heads = 2, .d_qk = 16, .d_v = 16};
        kinds[i].ffn = (sp_ffn){.kind = SP_FFN_DENSE, .gated = true, .inner = 300};
    }
    kinds[1].ffn = (sp_ffn){.kind = SP_FFN_MOE, .gated = true, .experts = 16, .topk = 2, .expert_inner = 40, .shared_inner = 80};
    for (uint32_t i = 0; i < n; i++)
        layers[i] = (uint8_t)(i % 2);
    return (sp_model){.name = "plain", .hidden = 128, .vocab = 1000, .max_positions = 512, .n_layers = n, .n_kinds = 2, .kinds = kinds, .layer_kind = layers};
}

static sp_model_params count(const sp_model *model)
{
    sp_model_params p;
    sp_error err = {0};
    if (sp_model_check(model, &err) != SP_OK)
        fail_msg("%s", err.text);
    sp_model_count(model, &p);
    return p;
}

/* The textbook count of a dense decoder: V h (1 or 2) + L (2 h heads d + 2 h kv d + 3 h f + 2 h) + h, in integers. */
static void test_closed_form(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(1, 1);
    for (int round = 0; round < ROUNDS; round++) {
        sp_block kinds[2];
        uint8_t layers[64] = {0};
        sp_model m = plain(kinds, layers, draw(&rng, 1, 64));
        memset(layers, 0, sizeof layers);
        m.hidden = draw(&rng, 1, 20000);
        m.vocab = draw(&rng, 1, 300000);
        m.tied_embeddings = sp_rng_below(&rng, 2);
        sp_attn *a = &kinds[0].attn;
        a->kv_heads = draw(&rng, 1, 16);
        a->heads = a->kv_heads * draw(&rng, 1, 16);
        a->d_qk = a->d_v = draw(&rng, 1, 256);
        kinds[0].ffn.inner = draw(&rng, 1, 60000);
        const uint64_t h = m.hidden, d = a->d_qk, f = kinds[0].ffn.inner;
        const uint64_t layer = 2 * h * a->heads * d + 2 * h * a->kv_heads * d + 3 * h * f + 2 * h;
        const uint64_t expected = m.vocab * h * (m.tied_embeddings ? 1 : 2) + m.n_layers * layer + h;
        const sp_model_params p = count(&m);
        assert_true(p.total == (double)expected && p.active == p.total && p.mtp == 0);
        const uint64_t seq = draw(&rng, 1, 100000);
        const double flop = 2.0 * (double)(m.vocab * h + m.n_layers * (layer - 2 * h)) + 2.0 * m.n_layers * a->heads * 2 * (double)d * (double)seq / 2;
        assert_true(fabs(sp_model_flop_per_token(&m, seq) / flop - 1) < 1e-12);
    }
}

/* Latent attention against the matrices written out one by one. */
static void test_latent_attention(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(2, 1);
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t h = draw(&rng, 1, 8000), n = draw(&rng, 1, 128), q = draw(&rng, 1, 2048), kv = draw(&rng, 1, 1024);
        const uint64_t nope = draw(&rng, 1, 256), rope = draw(&rng, 0, 128), v = draw(&rng, 1, 256);
        const sp_model m = {.hidden = (uint32_t)h};
        sp_attn a = {.kind = SP_ATTN_MLA, .heads = (uint32_t)n, .kv_heads = (uint32_t)n, .q_lora = (uint32_t)q, .kv_lora = (uint32_t)kv,
                     .d_qk = (uint32_t)(nope + rope), .d_rope = (uint32_t)rope, .d_v = (uint32_t)v};
        const uint64_t rest = h * (kv + rope) + kv + kv * n * (nope + v) + n * v * h;
        assert_true(sp_attn_params(&m, &a) == (double)(h * q + q + q * n * (nope + rope) + rest));
        a.q_lora = 0;
        assert_true(sp_attn_params(&m, &a) == (double)(h * n * (nope + rope) + rest));
    }
}

/* Parts add up; layers add up; experts count once each, a token uses top-k of them. */
static void test_additive(void **state)
{
    (void)state;
    sp_block kinds[2];
    uint8_t layers[64];
    sp_model m = plain(kinds, layers, 10), longer = m;
    longer.n_layers = 12;
    layers[10] = 0, layers[11] = 1;
    const sp_model_params p = count(&m), q = count(&longer);
    double routed;
    const double both = sp_block_params(&m, &kinds[0], NULL) + sp_block_params(&m, &kinds[1], &routed);
    assert_true(q.total - p.total == both);
    assert_true(p.total == p.embedding + p.head + p.norm + p.attention + p.dense_ffn + p.experts + p.shared_experts + p.router + p.other);
    assert_true(p.experts == 5 * routed && p.total - p.active == 5 * routed * 14 / 16);
    kinds[1].ffn.topk = 16;
    assert_true(count(&m).active == p.total && count(&m).total == p.total);
    m.mtp_layers = 2;
    assert_true(count(&m).total == p.total);
    assert_true(count(&m).mtp == 2 * (sp_block_params(&m, &kinds[1], NULL) + 2 * 128 * 128 + 3 * 128));
    m.mtp_layers = 0;
    m.learned_positions = true;
    assert_true(count(&m).total == p.total + 512 * 128);
}

/* FLOPs without the sequence are 2 for every matrix weight a token uses: the active parameters but embedding and vectors. */
static void test_two_per_weight(void **state)
{
    (void)state;
    sp_block kinds[2];
    uint8_t layers[64];
    sp_model m = plain(kinds, layers, 10);
    const sp_model_params p = count(&m);
    assert_true(sp_model_flop_per_token(&m, 0) == 2 * (p.active - p.embedding - p.norm));
    kinds[0].attn.bias = kinds[0].attn.sinks = kinds[0].attn.qk_norm = kinds[0].ffn.bias = kinds[1].ffn.router_bias = true;
    kinds[0].norm_bias = true;
    assert_true(count(&m).total > p.total);
    assert_true(sp_model_flop_per_token(&m, 0) == 2 * (p.active - p.embedding - p.norm));
}

/* Mean number of keys a query sees, over a grid of positions fine enough to be the integral that the closed form is. */
static double keys_by_hand(const sp_attn *a, uint64_t seq)
{
    enum { GRID = 64 };
    double sum = 0;
    for (uint64_t i = 0; i < seq * GRID; i++) {
        const double at = ((double)i + 0.5) / GRID;
        const double ratio = a->compress > 1 ? a->compress : 1;
        double keys = at / ratio, near = 0;
        if (ratio > 1)
            near = at < (double)a->window ? at : (double)a->window;
        else if (a->chunked)
            keys = fmod(at, (double)a->window);
        else if (a->window && keys > (double)a->window)
            keys = (double)a->window;
        if (a->index_topk && keys > a->index_topk)
            keys = a->index_topk;
        sum += keys + near;
    }
    return sum / (double)(seq * GRID);
}

static void test_keys_by_brute_force(void **state)
{
    (void)state;
    sp_rng rng = sp_rng_make(3, 1);
    for (int round = 0; round < ROUNDS; round++) {
        sp_attn a = {.kind = SP_ATTN_GQA, .heads = 1, .kv_heads = 1, .d_qk = 1, .d_v = 1};
        const uint64_t seq = draw(&rng, 1, 200);
        switch (round % 5) {
        case 1: a.window = draw(&rng, 1, 250); break;
        case 2: a.window = draw(&rng, 1, 250); a.chunked = true; break;
        case 3: a.index_topk = draw(&rng, 1, 250); a.index_heads = a.index_dim = 1; break;
        case 4: a.compress = draw(&rng, 2, 16); a.window = draw(&rng, 1, 60); a.index_topk = draw(&rng, 0, 20); break;
        default: break;
        }
        const double got = sp_attn_keys_mean(&a, seq), expected = keys_by_hand(&a, seq);
        if (fabs(got - expected) > 1e-3 * expected + 1e-3)
            fail_msg("round %d, sequence %llu: %g keys, by hand %g", round, (unsigned long long)seq, got, expected);
    }
}

/* More to see costs more; a window as long as the sequence is no window; the part that grows is what grows. */
static void test_monotonic(void **state)
{
    (void)state;
    sp_block kinds[2];
    uint8_t layers[64];
    sp_model m = plain(kinds, layers, 10);
    const double full = sp_model_flop_per_token(&m, 4096);
    assert_true(sp_model_flop_per_token(&m, 8192) > full);
    double score;
    const double block = sp_block_flop_per_token(&m, &kinds[0], 4096, &score);
    assert_true(score == 2.0 * 8 * 32 * 2048 && block - score == sp_block_flop_per_token(&m, &kinds[0], 0, NULL));
    kinds[0].attn.window = kinds[1].attn.window = 4096;
    assert_true(sp_model_flop_per_token(&m, 4096) == full);
    kinds[0].attn.window = 1024;
    const double less = sp_model_flop_per_token(&m, 4096);
    assert_true(less < full);
    kinds[0].attn.chunked = true;
    assert_true(sp_model_flop_per_token(&m, 4096) < less);
    assert_true(sp_model_mtp_flop_per_token(&m, 4096) == 0);
    m.mtp_layers = 1;
    assert_true(sp_model_mtp_flop_per_token(&m, 4096) > 0 && sp_model_flop_per_token(&m, 4096) < less);
}

/* Every invariant is held: one field broken at a time. */
static void test_check_refuses(void **state)
{
    (void)state;
    for (int broken = 0; broken < 19; broken++) {
        sp_block kinds[2];
        uint8_t layers[64];
        sp_model m = plain(kinds, layers, 4);
        switch (broken) {
        case 0: break;
        case 1: m.n_layers = 0; break;
        case 2: m.hidden = 0; break;
        case 3: m.vocab = 0; break;
        case 4: m.n_kinds = 0; break;
        case 5: layers[3] = 2; break;
        case 6: kinds[0].attn.kv_heads = 3; break;
        case 7: kinds[0].attn.d_v = 0; break;
        case 8: kinds[0].attn.d_rope = 17; break;
        case 9: kinds[0].attn.kind = SP_ATTN_MLA; break;
        case 10: kinds[0].attn.k_eq_v = true; kinds[0].attn.d_v = 8; break;
        case 11: kinds[0].attn.index_topk = 4; break;
        case 12: kinds[0].attn.o_groups = 3; break;
        case 13: kinds[0].attn.compress = 4; break;
        case 14: kinds[0].attn.chunked = true; break;
        case 15: kinds[0].ffn.inner = 0; break;
        case 16: kinds[1].ffn.topk = 17; break;
        case 17: kinds[1].ffn.expert_inner = 0; break;
        default: m.learned_positions = true; m.max_positions = 0; break;
        }
        sp_error err = {0};
        const sp_status status = sp_model_check(&m, &err);
        if (broken ? status != SP_E_INVAL || !err.text[0] : status != SP_OK)
            fail_msg("case %d: %s", broken, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_closed_form), cmocka_unit_test(test_latent_attention), cmocka_unit_test(test_additive),
                                       cmocka_unit_test(test_two_per_weight), cmocka_unit_test(test_keys_by_brute_force), cmocka_unit_test(test_monotonic),
                                       cmocka_unit_test(test_check_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
