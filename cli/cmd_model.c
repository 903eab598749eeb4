/* superpod model list | show MODEL | check [MODEL] */
#include "output.h"
#include "superpod/workload.h"

#include <math.h>
#include <string.h>

#define SEQ_STANDARD 4096
#define PARAMS_TOLERANCE 0.01   /* counted against published, beyond the published rounding */

static uint64_t seq_of(const cli_run *cli, const sp_model *model)
{
    if (cli_given(cli, CLI_O_SEQ)) return cli_count(cli, CLI_O_SEQ);
    return model->default_seq != 0 ? model->default_seq : SEQ_STANDARD;
}

/* Counted against published: relative error, 0 when nothing was published. */
static double params_error(const sp_model *model, const sp_model_params *params)
{
    return model->published_params == 0 ? 0 : params->total / model->published_params - 1;
}

/* Within 1 %, or within the rounding of the published figure ("7B"). */
static bool params_agree(const sp_model *model, const sp_model_params *params)
{
    double off = fabs(params->total - model->published_params);
    return model->published_params == 0 || off <= PARAMS_TOLERANCE * model->published_params
           || off <= model->published_rounding;
}

static const char *count_text(cli_run *cli, double count) { return cli_quantity(cli, count, SP_UNIT_COUNT); }

/* ---- list ---------------------------------------------------------------------------------------------------- */

static int model_list(cli_run *cli)
{
    sp_error err = {0};
    bool json = cli_given(cli, CLI_O_JSON), quiet = cli_given(cli, CLI_O_QUIET) && !json;
    cli_table *table =
        cli_table_begin(cli, "lrrrrl", (const char *const[]){"model", "parameters", "active", "layers", "hidden", "family"});
    json_t *array = json_array();
    for (size_t i = 0; i < sp_catalog_model_count(cli->catalog); i++) {
        const char *name = sp_catalog_model_name(cli->catalog, i);
        const sp_model *model;
        sp_model_params params;
        if (quiet) {
            fprintf(cli->out, "%s\n", name);
            continue;
        }
        if (cli_model(cli, name, &model, &err) != SP_OK) {
            json_decref(array);
            return cli_fail(cli, &err);
        }
        sp_model_count(model, &params);
        cli_table_cell(table, "%s", name);
        cli_table_cell(table, "%s", count_text(cli, params.total));
        cli_table_cell(table, "%s", count_text(cli, params.active));
        cli_table_cell(table, "%u", model->n_layers != 0 ? model->n_layers : model->n_aux);
        if (model->hidden != 0) cli_table_cell(table, "%u", model->hidden);
        else cli_table_cell(table, "-");
        cli_table_cell(table, "%s", model->family);
        json_array_append_new(array, json_pack("{s:o, s:o, s:f, s:f}", "name", cli_json_text(name), "family",
                                               cli_json_text(model->family), "params", params.total, "params_active",
                                               params.active));
    }
    if (!json) {
        json_decref(array);
        if (!quiet) cli_table_end(table);
        return CLI_EXIT_OK;
    }
    if (cli_json_emit(cli, json_pack("{s:s, s:o}", "action", "list", "models", array), &err) != SP_OK)
        return cli_fail(cli, &err);
    return CLI_EXIT_OK;
}

/* ---- show ---------------------------------------------------------------------------------------------------- */

static const struct { const char *label; size_t offset; } part[] = {
    {"embedding", offsetof(sp_model_params, embedding)},   {"head", offsetof(sp_model_params, head)},
    {"norm", offsetof(sp_model_params, norm)},             {"attention", offsetof(sp_model_params, attention)},
    {"dense_ffn", offsetof(sp_model_params, dense_ffn)},   {"experts", offsetof(sp_model_params, experts)},
    {"shared_experts", offsetof(sp_model_params, shared_experts)},
    {"router", offsetof(sp_model_params, router)},         {"other", offsetof(sp_model_params, other)},
};
#define N_PARTS (sizeof part / sizeof part[0])

static double part_of(const sp_model_params *params, size_t i)
{
    return *(const double *)((const char *)params + part[i].offset);
}

/* "62 x GQA 128/8 heads, MoE 256 of 2048, top 8" for one kind of block. */
static void show_kind(cli_run *cli, const sp_model *model, uint32_t kind)
{
    static const char *const attn_name[] = {"no attention", "GQA", "MLA", "linear attention"};
    const sp_block *block = &model->kinds[kind];
    uint32_t count = 0;
    char ffn[96] = "no FFN";
    for (uint32_t i = 0; i < model->n_layers; i++) count += model->layer_kind[i] == kind;
    if (block->ffn.kind == SP_FFN_DENSE) snprintf(ffn, sizeof ffn, "dense FFN %u", block->ffn.inner);
    if (block->ffn.kind == SP_FFN_MOE)
        snprintf(ffn, sizeof ffn, "MoE of %u experts of %u, top %u, shared %u", block->ffn.experts, block->ffn.expert_inner,
                 block->ffn.topk, block->ffn.shared_inner);
    cli_line(cli, kind == 0 ? "blocks" : "", "%u x %s %u heads (%u KV), %s", count, attn_name[block->attn.kind],
             block->attn.heads, block->attn.kv_heads, ffn);
}

static void show_text(cli_run *cli, const sp_model *model, const sp_model_params *params)
{
    uint64_t seq = seq_of(cli, model);
    fprintf(cli->out, "%s%s%s  (%s)\n", cli_strong(cli, true), model->name, cli_strong(cli, false), model->family);
    if (model->source != NULL) cli_line(cli, "source", "%s", model->source);
    cli_line(cli, "parameters", "%s, %s active for a token", count_text(cli, params->total), count_text(cli, params->active));
    for (size_t i = 0; i < N_PARTS; i++)
        if (part_of(params, i) != 0)
            fprintf(cli->out, "                  %-15s %7s  %5.1f %%\n", part[i].label, count_text(cli, part_of(params, i)),
                    100 * part_of(params, i) / params->total);
    if (params->mtp != 0) fprintf(cli->out, "                  %-15s %7s  besides\n", "mtp", count_text(cli, params->mtp));
    if (model->published_params != 0)
        cli_line(cli, "published", "%s (counted differs by %+.2f %%)%s%s", count_text(cli, model->published_params),
                 100 * params_error(model, params), model->published_source ? ", " : "",
                 model->published_source ? model->published_source : "");
    if (model->n_layers != 0) {
        cli_line(cli, "shape", "%u layers, hidden %u, vocabulary %u%s", model->n_layers, model->hidden, model->vocab,
                 model->tied_embeddings ? ", tied embeddings" : "");
        for (uint32_t i = 0; i < model->n_kinds; i++) show_kind(cli, model, i);
        cli_line(cli, "work", "%s FLOP forward for a token at sequence %llu%s",
                 count_text(cli, sp_model_flop_per_token(model, seq)), (unsigned long long)seq, model->mtp_layers != 0 ? ", without the MTP modules, which training adds" : "");
    }
    if (model->n_aux != 0)
        cli_line(cli, "layers", "%u besides language, %s FLOP forward for a sample", model->n_aux,
                 count_text(cli, sp_model_flop_per_sample(model)));
    if (model->note != NULL) cli_line(cli, "note", "%s", model->note);
}

static json_t *show_json(const cli_run *cli, const sp_model *model, const sp_model_params *params)
{
    uint64_t seq = seq_of(cli, model);
    json_t *parts = json_object();
    for (size_t i = 0; i < N_PARTS; i++) json_object_set_new(parts, part[i].label, json_real(part_of(params, i)));
    json_object_set_new(parts, "total", json_real(params->total));
    json_object_set_new(parts, "active", json_real(params->active));
    json_object_set_new(parts, "mtp", json_real(params->mtp));
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:f, s:I, s:f, s:f}", "action", "show", "name",
        cli_json_text(model->name), "family", cli_json_text(model->family), "source", cli_json_text(model->source), "layers",
        (json_int_t)model->n_layers, "hidden", (json_int_t)model->hidden, "vocab", (json_int_t)model->vocab, "params", parts,
        "published_params", model->published_params == 0 ? json_null() : json_real(model->published_params),
        "params_error_fraction", params_error(model, params), "seq", (json_int_t)seq, "flop_per_token",
        model->n_layers == 0 ? 0.0 : sp_model_flop_per_token(model, seq), "flop_per_sample", sp_model_flop_per_sample(model));
}

static void show_explain(cli_run *cli, const sp_model *model, const sp_model_params *params)
{
    int32_t root =
        sp_explain_add(cli->explain, -1, "parameters", params->total, SP_UNIT_COUNT, "sum of the parts, MTP modules besides");
    for (size_t i = 0; i < N_PARTS; i++)
        if (part_of(params, i) != 0)
            sp_explain_add(cli->explain, root, part[i].label, part_of(params, i), SP_UNIT_COUNT, "counted from the shapes");
    for (uint32_t k = 0; k < model->n_kinds; k++) {
        double experts, score, flop = sp_block_flop_per_token(model, &model->kinds[k], seq_of(cli, model), &score);
        double all = sp_block_params(model, &model->kinds[k], &experts);
        int32_t row = sp_explain_add(cli->explain, -1, "block", all, SP_UNIT_COUNT, "parameters of one block of kind %u", k);
        sp_explain_add(cli->explain, row, "experts", experts, SP_UNIT_COUNT, "routed experts' share");
        sp_explain_add(cli->explain, row, "FLOP per token", flop, SP_UNIT_COUNT, "forward");
        sp_explain_add(cli->explain, row, "of it scores", score, SP_UNIT_COUNT, "the part that grows with the sequence");
    }
}

static int model_show(cli_run *cli)
{
    sp_error err = {0};
    const sp_model *model;
    sp_model_params params;
    if (cli_model(cli, cli->operand[0], &model, &err) != SP_OK) return cli_fail(cli, &err);
    sp_model_count(model, &params);
    if (cli->explain != NULL) show_explain(cli, model, &params);
    if (cli_given(cli, CLI_O_JSON)) {
        if (cli_json_emit(cli, show_json(cli, model, &params), &err) != SP_OK) return cli_fail(cli, &err);
        return CLI_EXIT_OK;
    }
    show_text(cli, model, &params);
    cli_explain_print(cli);
    return CLI_EXIT_OK;
}

/* ---- check --------------------------------------------------------------------------------------------------- */

static sp_status check_one(cli_run *cli, const char *name, json_t *rows, bool *good, sp_error *err)
{
    const sp_model *model;
    sp_error fault = {0};
    sp_model_params params;
    sp_status status = cli_model(cli, name, &model, err);
    if (status != SP_OK) return status;
    bool ok = sp_model_check(model, &fault) == SP_OK;
    sp_model_count(model, &params);
    if (ok && !params_agree(model, &params)) {
        ok = false;
        sp_error_set(&fault, SP_E_INVAL, NULL, 0, 0, "counts %s parameters; %s were published", count_text(cli, params.total),
                     count_text(cli, model->published_params));
    }
    json_array_append_new(rows,
                          json_pack("{s:o, s:b, s:o, s:f, s:o, s:f}", "name", cli_json_text(name), "ok", ok, "error",
                                    ok ? json_null() : cli_json_text(fault.text), "params", params.total, "published_params",
                                    model->published_params == 0 ? json_null() : json_real(model->published_params),
                                    "params_error_fraction", params_error(model, &params)));
    *good = ok;
    if (cli_given(cli, CLI_O_JSON)) return SP_OK;
    fprintf(cli->out, "%-34s %s%s", name, ok ? "ok" : "FAILED: ", ok ? "" : fault.text);
    if (model->published_params != 0)
        fprintf(cli->out, "  %s counted, %s published, %+.2f %%", count_text(cli, params.total),
                count_text(cli, model->published_params), 100 * params_error(model, &params));
    fputc('\n', cli->out);
    return SP_OK;
}

static int model_check(cli_run *cli)
{
    return cli_check_each(cli, cli->n_operands == 0 ? sp_catalog_model_count(cli->catalog) : 1, sp_catalog_model_name, check_one);
}

int cli_cmd_model(cli_run *cli)
{
    sp_error err = {0};
    if (cli->n_operands == 0 && cli_catalog(cli, &err) != SP_OK) return cli_fail(cli, &err);
    if (strcmp(cli->action, "list") == 0) return model_list(cli);
    return strcmp(cli->action, "show") == 0 ? model_show(cli) : model_check(cli);
}
