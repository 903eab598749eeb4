/* Rows become machines, models and plans; errors of sets of rows; a validation end to end on small tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "superpod/study.h"

#define HEADER "id,hw_class,chips,chips_per_node,fabric,model,layers,hidden,heads,kv_heads,ffn,vocab,seq,tp,cp,pp,vpp,ep,dp,sharding,mbs,gbs," \
               "precision,recompute,framework,other,step_time_s,tok_s_chip,tflops_chip,mfu_pct,evidence,source\n"
#define LLAMA "Llama3.1-8B,32,4096,32,8,14336,128256,8192,1,1,1,,,,,1,64,BF16,none,"

#include "study_fixture.h"

static const sp_study_row *one(fixture *f, const char *text)
{
    sp_error err;
    if (validate(f, text, &err) != SP_OK)
        fail_msg("%u:%u: %s", err.line, err.column, err.text);
    assert_int_equal(f->study.n_rows, 1);
    return &f->study.rows[0];
}

static void contains(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("'%s' lacks '%s'", text ? text : "(null)", part);
}

/* ---- mapping ------------------------------------------------------------------------------------------------------ */

static void a_dense_row_is_predicted(void **state)
{
    fixture *f = *state;
    const sp_study_row *row = one(f, HEADER "A,H100,8,8,NVLink4 8-GPU; scale-out 400Gb/s IB per GPU," LLAMA
                                            "NeMo 24.12,,3.5,,,,verbatim,test\n");
    assert_int_equal(row->status, SP_STUDY_EXPRESSED);
    assert_string_equal(row->metric, "step_time_s");
    assert_true(row->full && !row->recompute_assumed);
    assert_true(row->predicted > 1 && row->predicted < 10);
    assert_true(fabs(row->ape - fabs(row->predicted - 3.5) / 3.5) < 1e-12);
    assert_true(fabs(row->slow - (row->predicted / 3.5 - 1)) < 1e-12);
    contains(row->machine, "switch:8@450GB/s");
    contains(row->plan, "dp=8");
}

/* Where a row states fewer metrics, the same prediction is compared in another unit: all agree on how wrong it is. */
static void metrics_are_one_prediction(void **state)
{
    fixture *f = *state;
    const double tokens = 64.0 * 8192 / 8;
    double step = one(f, HEADER "A,H100,8,8,," LLAMA "NeMo,,1,,,,,\n")->predicted;
    const sp_study_row *row = one(f, HEADER "A,H100,8,8,," LLAMA "NeMo,,,1000,,,,\n");
    assert_string_equal(row->metric, "tok_s_chip");
    assert_true(fabs(row->predicted * step / tokens - 1) < 1e-9);
    assert_true((row->slow < 0) == (row->predicted > 1000));
    row = one(f, HEADER "A,H100,8,8,," LLAMA "torchtitan,,,,400,,,\n");
    assert_string_equal(row->metric, "tflops_chip");
    /* 6 FLOPs a parameter and token (8.03e9, of which the embedding's 0.53e9 multiply nothing) and causal attention */
    double flop = 6 * (8.03e9 - 0.525e9) + 6.0 * 32 * 4096 * 8192;
    assert_true(fabs(row->predicted * 1e12 * step / tokens / flop - 1) < 0.2);
}

/* The fabric's text sets the rate of the network, by chip or by node. */
static void fabrics_are_read(void **state)
{
    static const struct { const char *text, *rate; } cases[] = {
        {"NVLink4 8-GPU; scale-out 400Gb/s IB per GPU", "clos:2@50GB/s"}, {"1600 Gbps node-node interconnect (RoCE)", "clos:2@25GB/s"},
        {"NVLink3 600GB/s 8-GPU; 8x200Gb/s HDR IB per node", "clos:2@25GB/s"}, {"GCP A3 TCPX 200Gb/s x4 per VM", "clos:2@12.5GB/s"},
        {"32x100Gb/s EFA per node (3200Gb/s)", "clos:2@"}, {"", "clos:2@50GB/s"}, {"8-NPU HCCS; RoCE", "clos:2@50GB/s"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER "A,H100,16,8,%s," LLAMA "NeMo,,1,,,,,\n", cases[i].text);
        const sp_study_row *row = one(f, text);
        contains(row->machine, cases[i].rate);
    }
}

/* Tables of one field spell a class of hardware in several ways. */
static void classes_are_read_as_spelled(void **state)
{
    static const struct { const char *spelled, *table; } cases[] = {{"h100", "H100"}, {"A100 40G", "A100-40G"}, {"Ascend910B", "Ascend-910B"}, {"TPUv5p", "TPU-v5p"}, {"TPU v6e", "TPU-v6e"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER "A,%s,8,8,," LLAMA "NeMo,,1,,,,,\n", cases[i].table);
        double predicted = one(f, text)->predicted;
        snprintf(text, sizeof text, HEADER "A,%s,8,8,," LLAMA "NeMo,,1,,,,,\n", cases[i].spelled);
        const sp_study_row *row = one(f, text);
        assert_int_equal(row->status, SP_STUDY_EXPRESSED);
        assert_true(predicted > 0 && row->predicted == predicted);
    }
    contains(one(f, HEADER "A,Ascend-910C?,8,8,," LLAMA "NeMo,,1,,,,,\n")->reason, "Ascend-910C, which the row doubts");
}

/* What tables write in a column, and the plan or the assumption that it becomes. */
static void words_become_plans(void **state)
{
    static const struct { const char *sharding, *precision, *recompute, *framework, *plan, *reason; } cases[] = {
        {"", "BF16", "yes", "NeMo", "recompute=full ", NULL}, {"", "BF16", "True", "NeMo", "recompute=full ", NULL},
        {"", "BF16", "activation checkpointing", "NeMo", "recompute=full ", NULL}, {"", "BF16", "no activation checkpointing", "NeMo", "recompute=none ", NULL},
        {"", "BF16", "full, block 5 layers", "NeMo", "recompute=full recompute-layers=5 ", NULL}, {"", "BF16", "5 layers", "NeMo", "recompute=full recompute-layers=5 ", NULL},
        {"", "BF16", "granularity=full; method=block; num-layers=40", "NeMo", "recompute=full ", NULL},   /* more than there are: all */
        {"", "BF16", "core_attn", "NeMo", "recompute=selective ", NULL}, {"", "BF16", "minimal", "MaxText", "recompute=selective ", NULL},
        {"", "BF16", "custom", "MaxText", "recompute=full ", "full recompute for custom"}, {"", "BF16", "use-mc2; sequence-parallel", "ModelLink", "recompute=none ", NULL},
        {"", "BF16", "unknown", "NeMo", "recompute=selective ", "'unknown' says nothing"}, {"", "BF16", "as usual", "NeMo", "recompute=selective ", "'as usual' says nothing"},
        {"", "half", "none", "NeMo", "precision=fp16 ", NULL}, {"", "E4M3", "none", "NeMo", "precision=fp8 ", NULL}, {"", "float8", "none", "NeMo", "precision=fp8 ", NULL},
        {"", "FP32", "none", "NeMo", "precision=fp32 ", NULL}, {"", "decimal", "none", "NeMo", "precision=bf16 ", "'decimal' is no format"},
        {"ZeRO-3", "BF16", "none", "NeMo", "zero=3 ", NULL}, {"zero 2", "BF16", "none", "NeMo", "zero=2 ", NULL}, {"FULL_SHARD", "BF16", "none", "NeMo", "zero=3 ", NULL},
        {"NO_SHARD", "BF16", "none", "torchtitan", "zero=0 ", NULL}, {"DDP", "BF16", "none", "torchtitan", "zero=0 ", NULL}, {"HSDP 4", "BF16", "none", "torchtitan", "zero-group=4 ", NULL},
        {"HYBRID_SHARD", "BF16", "none", "torchtitan", "zero-group=8 ", NULL},
        {"", "BF16", "none", "NVIDIA NeMo Framework 25.04", "software=megatron-bridge", NULL}, {"", "BF16", "none", "MCore r0.9", "software=megatron-bridge", NULL},
        {"", "BF16", "none", "Megatron LM", "software=megatron-lm", NULL}, {"", "BF16", "none", "Composer", "software=llm-foundry", NULL},
        {"", "BF16", "none", "MindFormers", "software=mindformers", NULL}, {"", "BF16", "none", "Homemade", "", "no product line that is known here (Homemade)"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER "A,H100,16,8,,Llama3.1-8B,32,4096,32,8,14336,128256,8192,1,1,1,,,,%s,1,64,%s,\"%s\",%s,,1,,,,,\n", cases[i].sharding,
                 cases[i].precision, cases[i].recompute, cases[i].framework);
        const sp_study_row *row = one(f, text);
        assert_int_equal(row->status, SP_STUDY_EXPRESSED);
        contains(row->plan, cases[i].plan);
        if (cases[i].reason)
            contains(row->reason, cases[i].reason);
        assert_int_equal(row->recompute_assumed, cases[i].reason && strstr(cases[i].reason, "says nothing"));
    }
    contains(one(f, HEADER "A,H100,16,8,,Llama3.1-8B,32,4096,32,8,14336,128256,8192,1,1,2,,,,,1,64,BF16,none,HAI-LLM,,1,,,,,\n")->plan, "schedule=dualpipe");
    contains(one(f, HEADER "A,H100,16,8,,Llama3.1-8B,32,4096,32,8,14336,128256,8192,1,1,2,,,,,1,64,BF16,none,NeMo,DualPipe,1,,,,,\n")->plan, "schedule=dualpipe");
    /* where ranks do not divide the sequence there is no sequence parallelism */
    const sp_study_row *row = one(f, HEADER "A,H100,12,6,,Llama3.1-8B,32,4096,32,8,14336,128256,8194,4,1,1,,,,,1,63,BF16,none,Homemade,,1,,,,,\n");
    contains(row->plan, "sp=no");
    contains(row->reason, "do not divide the sequence");
}

static void reasons_are_clear(void **state)
{
    static const struct { const char *row, *part; } cases[] = {
        {"A,Abacus,8,8,," LLAMA "NeMo,,1,,,,,", "no chip in the catalog for hardware class 'Abacus'"},
        {"A,H100,,8,," LLAMA "NeMo,,1,,,,,", "how many chips"},
        {"A,H100,8,8,," LLAMA "NeMo,,,,,,,", "no step time"},
        {"A,H100,8,8,,Nobody-7B,,,,,,,8192,1,1,1,,,,,1,64,BF16,none,NeMo,,1,,,,,", "does not give its layers"},
        {"A,H100,8,8,,Llama3.1-8B,32,4096,32,8,14336,128256,,1,1,1,,,,,1,64,BF16,none,NeMo,,1,,,,,", "sequence length"},
        {"A,H100,8,8,,Llama3.1-8B,32,4096,32,8,14336,128256,8192,3,1,1,,,,,1,64,BF16,none,NeMo,,1,,,,,", "does not divide 8 chips"},
        {"A,H100,8,8,,Llama3.1-8B,32,4096,32,8,14336,128256,8192,,,,,,,,1,64,BF16,none,NeMo,,1,,,,,", "parallel layout"},
        {"A,H100,8,8,,Llama3.1-8B,32,4096,32,8,14336,128256,8192,1,1,1,,,,,1,60,BF16,none,NeMo,,1,,,,,", "does not divide over 8"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER "%s\n", cases[i].row);
        const sp_study_row *row = one(f, text);
        assert_int_equal(row->status, SP_STUDY_UNEXPRESSED);
        assert_true(isnan(row->predicted));
        contains(row->reason, cases[i].part);
        assert_int_equal(f->study.summary.rows, 1);
        assert_int_equal(f->study.summary.expressed, 0);
    }
}

/* What a row does not say is said in its result. */
static void assumptions_are_said(void **state)
{
    fixture *f = *state;
    const sp_study_row *row = one(f, HEADER "A,H100,1024,8,,Llama3.1-405B,126,16384,128,8,53248,128256,8192,8,1,16,,,,,,1024,BF16,,"
                                            "Meta internal,,20,,,,verbatim,s\n");
    assert_int_equal(row->status, SP_STUDY_EXPRESSED);
    assert_true(row->recompute_assumed && !row->full);
    contains(row->reason, "micro-batch 1");
    contains(row->reason, "recompute none");
    assert_int_equal(f->study.recompute_assumed.expressed, 1);
    assert_int_equal(f->study.recompute_stated.expressed, 0);
}

/* Layers that do not divide leave the last chunk short in one line's layouts, and in no other's. */
static void chunks_fill_from_the_front(void **state)
{
    static const struct { const char *sizes, *line; uint32_t last; } cases[] = {
        {"DeepSeek-V3,61,7168,128,128,18432,129280,4096,1,1,16,1,8", "Megatron-Bridge/NeMo", 1},
        {"DeepSeek-V3,61,7168,128,128,18432,129280,4096,1,1,8,1,8", "Megatron-Bridge/NeMo", 5},
        {"DeepSeek-V3,61,7168,128,128,18432,129280,4096,1,1,16,1,8", "MindSpeed-LLM", 0},
        {"Qwen3-235B-A22B,94,4096,64,4,12288,151936,4096,1,1,8,1,8", "Megatron-Bridge/NeMo", 0},   /* with embedding and loss 96: even */
        {"Llama3.1-405B,126,16384,128,8,53248,128256,4096,1,1,16,1,", "Megatron-Bridge/NeMo", 0}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER "A,B300,256,8,,%s,,,1,4096,BF16,full,%s,,20,,,,verbatim,s\n", cases[i].sizes, cases[i].line);
        const sp_study_row *row = one(f, text);
        if (row->status != SP_STUDY_EXPRESSED)
            fail_msg("%s", row->reason);
        assert_int_equal(row->run->plan.last_layers, cases[i].last);
        if (cases[i].last)
            contains(row->reason, "in the last");
    }
}

/* A proxy with fewer layers takes less time, in proportion but for the vocabulary. */
static void proxies_keep_the_shape(void **state)
{
    fixture *f = *state;
    double whole = one(f, HEADER "A,H100,8,8,," LLAMA "NeMo,,1,,,,,\n")->predicted;
    double half = one(f, HEADER "A,H100,8,8,,Llama3.1-8B,16,4096,32,8,14336,128256,8192,1,1,1,,,,,1,64,BF16,none,NeMo,,1,,,,,\n")->predicted;
    assert_true(half > 0.5 * whole && half < 0.65 * whole);
}

static void secondary_evidence_is_apart(void **state)
{
    fixture *f = *state;
    sp_error err;
    assert_int_equal(validate(f, HEADER "A,H100,8,8,," LLAMA "NeMo,,6,,,,verbatim,s\nB,H100,8,8,," LLAMA "NeMo,,300,,,,secondary,s\n", &err), SP_OK);
    assert_int_equal(f->study.summary.rows, 1);
    assert_int_equal(f->study.secondary.rows, 1);
    assert_int_equal(f->study.n_groups, 1);
    assert_true(f->study.summary.p90_ape < 1);
}

static void collectives_and_mlperf(void **state)
{
    fixture *f = *state;
    const sp_study_row *row = one(f, "id,hw_class,op,ranks,nodes,ranks_per_scaleup,size_bytes,time_us,algbw_gbs,busbw_gbs,source\n"
                                     "C,H100,all_reduce,8,1,8,1073741824,,,400,s\n");
    assert_int_equal(row->status, SP_STUDY_EXPRESSED);
    assert_string_equal(row->metric, "busbw_gbs");
    assert_true(row->predicted > 100 && row->predicted < 900);
    row = one(f, "id,hw_class,accelerators,accel_per_node,benchmark,gbs,tp,pp,cp,train_step_time_median_s,accelerator,round\n"
                 "T,H100,64,8,llama31_8b,64,1,1,1,0.9,NVIDIA H100,v5.1\n");
    assert_int_equal(row->status, SP_STUDY_EXPRESSED);
    contains(row->source, "v5.1");
    row = one(f, "id,hw_class,accelerators,accel_per_node,benchmark,gbs,tp,pp,cp,train_step_time_median_s,accelerator,round\n"
                 "T,H100,64,8,resnet,64,1,1,1,0.9,NVIDIA H100,v5.1\n");
    contains(row->reason, "not a language model");
}

/* The page and its plots are written whole, with texts escaped; a name that is none is refused. */
static void a_page_is_written(void **state)
{
    fixture *f = *state;
    sp_error err;
    assert_int_equal(validate(f, HEADER "A,H100,8,8,," LLAMA "NeMo,,3,,,,verbatim,a <source> | b\nB,Abacus,8,8,," LLAMA "NeMo,,3,,,,,s\n", &err), SP_OK);
    char folder[] = "/tmp/superpod-page-XXXXXX", path[64], text[32768];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/v.md", folder);
    assert_int_equal(sp_study_page(path, &f->study, &err), SP_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    contains(text, "H100, a &lt;source&gt; &#124; b | 1 | 1 |");
    contains(text, "(v/training-h100.svg)");
    contains(text, "hardware class 'Abacus'");
    snprintf(path, sizeof path, "%s/v/training-h100.svg", folder);
    file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    contains(text, "<circle");
    contains(text, "</svg>");
    unlink(path);
    snprintf(path, sizeof path, "%s/v", folder);
    assert_int_equal(rmdir(path), 0);   /* nothing else was left */
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(sp_study_page("report.txt", &f->study, &err), SP_E_INVAL);
    assert_int_equal(sp_study_page("/no/such/folder/v.md", &f->study, &err), SP_E_IO);
}

/* ---- bad tables ---------------------------------------------------------------------------------------------------- */

static void bad_tables(void **state)
{
    static const struct { const char *text; uint32_t line, column; const char *part; } cases[] = {
        {"a,b\n1,2\n", 1, 1, "none of the columns"},
        {"id,model\n1,x\n", 1, 1, "column 'hw_class' is missing"},
        {HEADER "A,H100,many,8,," LLAMA "NeMo,,1,,,,,\n", 2, 8, "found 'many' in column 'chips'"},
        {HEADER "A,H100,-8,8,," LLAMA "NeMo,,1,,,,,\n", 2, 8, "expected nothing below 0"},
        {HEADER ",H100,8,8,," LLAMA "NeMo,,1,,,,,\n", 2, 1, "no id"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sp_error err;
        assert_int_not_equal(validate(f, cases[i].text, &err), SP_OK);
        assert_int_equal(err.line, cases[i].line);
        assert_int_equal(err.column, cases[i].column);
        contains(err.text, cases[i].part);
    }
}

/* ---- scores --------------------------------------------------------------------------------------------------------- */

static bool all(const sp_study_row *row, void *context)
{
    (void)row;
    (void)context;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Percentiles against their definition: at least that share of the values does not exceed them. */
static void scores_by_definition(void **state)
{
    fixture *f = *state;
    sp_rng rng = sp_rng_make(3, 1);
    for (uint32_t n = 1; n <= 40; n++) {
        sp_study_row rows[40];
        double ape[40];
        memset(rows, 0, sizeof rows);
        for (uint32_t i = 0; i < n; i++) {
            rows[i].ape = ape[i] = sp_rng_unit(&rng);
            rows[i].slow = i % 2 ? ape[i] : -ape[i];
        }
        sp_study_score s = sp_study_score_rows(rows, n, all, NULL, f->arena);
        assert_int_equal(s.expressed, n);
        uint32_t below = 0, at_most = 0, at_most_p90 = 0, under_p90 = 0;
        for (uint32_t i = 0; i < n; i++) {
            below += ape[i] < s.median_ape;
            at_most += ape[i] <= s.median_ape;
            at_most_p90 += ape[i] <= s.p90_ape;
            under_p90 += ape[i] < s.p90_ape;
        }
        assert_true(2 * below <= n && 2 * at_most >= n);
        assert_true(at_most_p90 >= 0.9 * n && under_p90 < 0.9 * n);
        qsort(ape, n, sizeof ape[0], by_value);
        assert_true(s.p90_ape >= s.median_ape && s.p90_ape <= ape[n - 1]);
    }
    sp_study_score none = sp_study_score_rows(NULL, 0, all, NULL, f->arena);
    assert_true(none.rows == 0 && isnan(none.median_ape));
}

/* Numbers that no run can have are listed with their row; the others are predicted. */
static void senseless_numbers_are_listed(void **state)
{
    static const struct { const char *sizes, *part; } cases[] = {
        {"8192,1,1,1,,,,,1,0", "found gbs 0"},           {"8192,1,1,1,,,,,1,18446744073709551616", "found gbs 1.84467"},
        {"8192,1.5,1,1,,,,,1,64", "found tp 1.5"},       {"8192,4294967297,1,1,,,,,1,64", "found tp 4294967297"},
        {"8192,1,1,1,,,,,1e18,64", "found mbs 1e+18"},   {"0,1,1,1,,,,,1,64", "found seq 0"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEADER "A,H100,8,8,,Llama3.1-8B,32,4096,32,8,14336,128256,%s,BF16,none,NeMo,,1,,,,,\n", cases[i].sizes);
        const sp_study_row *row = one(f, text);
        assert_int_equal(row->status, SP_STUDY_UNEXPRESSED);
        contains(row->reason, cases[i].part);
    }
    static const char *const ranks[] = {"1000000000000", "7.5", "0"};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "id,hw_class,op,size_bytes,ranks,time_us\nA,H100,all_reduce,1048576,%s,1\n", ranks[i]);
        assert_int_equal(one(f, text)->status, SP_STUDY_UNEXPRESSED);
    }
    contains(one(f, "id,hw_class,op,size_bytes,ranks,time_us\nA,H100,all_reduce,1e30,8,1\n")->reason, "found 1e+30 bytes");
    contains(one(f, "id,hw_class,kernel,dtype,m,n,k,tflops\nA,H100,gemm,bf99,1,1,1,1\n")->reason, "dtype");
    contains(one(f, "id,hw_class,kernel,dtype,m,n,k,tflops\nA,H100,gemm,bf16,4096,0,4096,1\n")->reason, "m, n and k");
    contains(one(f, "id,hw_class,kernel,dtype,m,n,k,tflops\nA,H100,gemm,bf16,4096,4096,4096,0\n")->reason, "no tflops");
    sp_error err;
    assert_int_equal(validate(f, "id,hw_class,op,size_bytes,ranks,time_us\nA,H100,all_reduce,1048576,8,1\nA,H100,all_reduce,1048576,8,1\n", &err), SP_OK);
    assert_int_equal(f->study.rows[0].status, SP_STUDY_EXPRESSED);
    contains(f->study.rows[1].reason, "stands already in line 2");
}

#define MLPERF "id,hw_class,accelerators,accel_per_node,benchmark,gbs,grad_accum,tp,pp,cp,config_file,framework,minutes_olympic_mean," \
               "train_step_time_median_s,accelerator,round\nA,B200,%u,8,llama2_70b_lora,%u,%s,NVIDIA B200,v5.1\n"

/* What a row leaves open of its layout comes from the name of its configuration, or from how often it accumulates; else it is refused. */
static void open_layouts_are_closed(void **state)
{
    static const struct { const char *rest, *reason; uint32_t chips, tp, cp, mbs; bool assumed; } cases[] = {
        {"4,4,,1,config_DGXB200_1x8x4xtp4pp1cp1.sh,nemo,,1.5", NULL, 8, 4, 1, 1, false},
        {"2,,,,config_DGXB200_1x8x2xtp2pp1cp2.sh,nemo,,1.5", NULL, 8, 2, 2, 1, false},
        {"1,,,,,nemo,,1.5", NULL, 8, 1, 1, 1, true},
        {",,,,,nemo,,1.5", "parallel layout", 8, 0, 0, 0, false},
        {"1,4294967294,,,,nemo,,1.5", "no parallel layout that the row leaves open", 8, 0, 0, 0, false},
        {"1,,,,,NGC PyTorch DeepSpeed,,1.5", "no product line", 8, 0, 0, 0, false},
        {"3,,,,,nemo,,1.5", "no parallel layout that the row leaves open", 8, 0, 0, 0, false}};   /* 8 sequences are not accumulated thrice */
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, MLPERF, cases[i].chips, 8, cases[i].rest);
        const sp_study_row *row = one(f, text);
        assert_int_equal(row->layout_assumed, cases[i].assumed);
        assert_int_equal(row->status, cases[i].reason ? SP_STUDY_UNEXPRESSED : SP_STUDY_EXPRESSED);
        if (cases[i].reason) {
            contains(row->reason, cases[i].reason);
            continue;
        }
        assert_true(row->run->plan.tp == cases[i].tp && row->run->plan.cp == cases[i].cp && row->run->plan.mbs == cases[i].mbs);
        assert_int_equal(f->study.layout_assumed.expressed, cases[i].assumed);
    }
}

/* Minutes to the target are the steps to it, of the published samples; of a batch that none is published of, nothing. */
static void minutes_are_steps_to_the_target(void **state)
{
    static const struct { uint32_t gbs; double samples; } cases[] = {{8, 3187.2}, {12, (3187.2 + 4051.2) / 2}, {16, 4051.2}, {256, 0}, {4, 0}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        double step_s;
        snprintf(text, sizeof text, MLPERF, cases[i].gbs, cases[i].gbs, "1,1,1,1,,nemo,,1.5");
        const sp_study_row *row = one(f, text);
        assert_string_equal(row->metric, "step_time_s");
        step_s = row->predicted;
        snprintf(text, sizeof text, MLPERF, cases[i].gbs, cases[i].gbs, "1,1,1,1,,nemo,9.5,");
        row = one(f, text);
        assert_int_equal(row->status, cases[i].samples > 0 ? SP_STUDY_EXPRESSED : SP_STUDY_UNEXPRESSED);
        if (cases[i].samples > 0) {
            assert_string_equal(row->metric, "minutes");
            assert_true(fabs(row->predicted - step_s * cases[i].samples / cases[i].gbs / 60) < 1e-9 * row->predicted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_row_is_predicted), cmocka_unit_test(metrics_are_one_prediction), cmocka_unit_test(fabrics_are_read),
        cmocka_unit_test(classes_are_read_as_spelled), cmocka_unit_test(words_become_plans), cmocka_unit_test(reasons_are_clear), cmocka_unit_test(assumptions_are_said), cmocka_unit_test(chunks_fill_from_the_front), cmocka_unit_test(proxies_keep_the_shape),
        cmocka_unit_test(secondary_evidence_is_apart), cmocka_unit_test(collectives_and_mlperf), cmocka_unit_test(a_page_is_written), cmocka_unit_test(bad_tables),
        cmocka_unit_test(senseless_numbers_are_listed), cmocka_unit_test(open_layouts_are_closed), cmocka_unit_test(minutes_are_steps_to_the_target),
        cmocka_unit_test(scores_by_definition)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
