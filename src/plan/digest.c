/* Digests of what a plan is made for: all that predictions are made from, written in one order, names of files, comments, titles and
 * sources left out. So that a field is not forgotten, sizes of the structs are asserted: who adds one writes it here. */
#include "digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LP64_SIZE(type, bytes) _Static_assert(sizeof(void *) != 8 || sizeof(type) == (bytes), #type " has changed: write its fields below")
LP64_SIZE(sp_attn, 88);
LP64_SIZE(sp_ffn, 36);
LP64_SIZE(sp_block, 136);
LP64_SIZE(sp_model, 176);
LP64_SIZE(sp_chip, 2296);
LP64_SIZE(sp_tier, 216);
LP64_SIZE(sp_protocol, 296);
LP64_SIZE(sp_stack, 2832);
LP64_SIZE(sp_software, 496);
LP64_SIZE(sp_machine, 7216);

typedef struct scribe { FILE *file; } scribe;

static void word(scribe *s, const char *text) { fprintf(s->file, "%s\n", text ? text : "-"); }

static void value(scribe *s, const sp_value *v)
{
    if (v->grade == SP_GRADE_NONE)
        word(s, NULL);
    else
        fprintf(s->file, "%.17g %.17g %.17g\n", v->low, v->nominal, v->high);
}

static void values(scribe *s, const sp_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        value(s, &v[i]);
}

/* ---- model --------------------------------------------------------------------------------------------------------- */

static void write_block(scribe *s, const sp_block *b)
{
    const sp_attn *a = &b->attn;
    const sp_ffn *f = &b->ffn;
    fprintf(s->file, "attention %d %u %u %u %u %u %u %u %llu %d %u %u %u", a->kind, a->heads, a->kv_heads, a->d_qk, a->d_v, a->q_lora, a->kv_lora, a->d_rope,
            (unsigned long long)a->window, a->chunked, a->index_heads, a->index_dim, a->index_topk);
    fprintf(s->file, " %d %d %d %d %d %d %d %d %d %u %u %u %u\n", a->bias, a->out_bias, a->output_gate, a->sinks, a->yarn, a->qk_norm, a->qk_norm_all, a->k_eq_v,
            a->kv_shared, a->o_groups, a->o_lora, a->compress, a->conv);
    fprintf(s->file, "ffn %d %d %d %u %u %u %u %u %u %d %d %d norms %u %d %d %d\n", f->kind, f->gated, f->bias, f->inner, f->experts, f->topk, f->expert_inner,
            f->expert_hidden, f->shared_inner, f->shared_gate, f->dense_parallel, f->router_bias, b->norms, b->norm_bias, b->wide,
            b->parallel);
}

/* Layers of other kinds than language are not trained by plans. */
static void write_model(scribe *s, const void *what)
{
    const sp_model *m = what;
    fprintf(s->file, "model %u %u %u %d %d %u %u %u %u %llu\n", m->hidden, m->vocab, m->max_positions, m->tied_embeddings, m->learned_positions,
            m->n_layers, m->mtp_layers, m->per_layer_embedding, m->hyper_streams, (unsigned long long)m->extra_params);
    fprintf(s->file, "%llu %llu\n", (unsigned long long)m->default_seq, (unsigned long long)m->default_gbs);
    word(s, m->weight_format);
    for (uint32_t k = 0; k < m->n_kinds; k++)
        write_block(s, &m->kinds[k]);
    for (uint32_t l = 0; l < m->n_layers; l++)
        fprintf(s->file, "%u ", m->layer_kind[l]);
}

/* ---- chip ---------------------------------------------------------------------------------------------------------- */

static void write_chip(scribe *s, const void *what)
{
    const sp_chip *c = what;
    const sp_value *const alone[] = {&c->vector_flop_per_s, &c->exp_per_s, &c->mem_bytes, &c->mem_bw_bytes_per_s, &c->l2_bytes, &c->port_bw_bytes_per_s,
        &c->scaleup_bw_bytes_per_s, &c->scaleout_bw_bytes_per_s, &c->payload_fraction, &c->host_bw_bytes_per_s,
        &c->host_mem_bw_bytes_per_s, &c->tdp_w, &c->idle_w, &c->price_usd};
    word(s, c->vendor);
    word(s, c->family);
    fprintf(s->file, "chip %u %u %u %u %u %u %u\n", c->dies, c->cores, c->tile_m, c->tile_n, c->ports, c->uboe_ports_taken, c->pcie_ports_taken);
    values(s, c->matrix_flop_per_s, SP_FMT_N);
    values(s, c->advertised_flop_per_s, SP_FMT_N);
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++)
        value(s, alone[i]);
    _Static_assert(sizeof c->fit % sizeof(sp_value) == 0, "a fit is nothing but values");
    values(s, (const sp_value *)&c->fit, sizeof c->fit / sizeof(sp_value));
}

/* ---- machine ------------------------------------------------------------------------------------------------------- */

static void write_tier(scribe *s, const sp_tier *t)
{
    fprintf(s->file, "tier %d %u %u %u %u %u %u %d %d %d %d", t->kind, t->size, t->stride, t->spares, t->planes, t->switches, t->radix, t->twisted, t->shared,
            t->plus, t->nic);
    for (uint32_t d = 0; d < t->n_dims; d++)
        fprintf(s->file, " %u", t->dims[d]);
    for (uint32_t l = 0; l < t->n_levels; l++)
        fprintf(s->file, " /%u", t->levels[l]);
    fputc('\n', s->file);
    value(s, &t->bw_bytes_per_s);
    value(s, &t->latency_s);
    value(s, &t->taper);
}

static void named_value(void *context, const char *path, const sp_value *v, sp_unit unit)
{
    (void)unit;
    word(context, path);
    value(context, v);
}

static void write_stack(scribe *s, const sp_stack *k)
{
    word(s, k->name);
    word(s, k->default_for);
    fprintf(s->file, "stack %d %d %.17g\n", k->rails, k->overlap, k->message_bytes);
    sp_stack_each_value(k, named_value, s);
    for (uint32_t i = 0; i < k->n_protocols; i++)
        fprintf(s->file, "%s %d\n", k->protocol[i].name, k->protocol[i].in_switch);
    for (uint32_t i = 0; i < k->n_runs; i++)
        fprintf(s->file, "%s %s %d %d\n", k->run[i].op, k->run[i].algo, k->run[i].in_switch, k->run[i].between);
}

static void write_software(scribe *s, const sp_software *w)
{
    word(s, w->name);
    word(s, w->default_for);
    word(s, w->attention_family);
    word(s, w->dispatch);
    fprintf(s->file, "software %.17g %d\n", w->gradient_bytes, w->dispatch_dense);
    sp_software_each_value(w, named_value, s);
}

/* Its chip apart; libraries as far as they are for that chip. */
static void write_machine(scribe *s, const void *what)
{
    const sp_machine *m = what;
    fprintf(s->file, "machine %u %u %u %u %u %d %d\n", m->chips, m->chips_per_host, m->chips_per_rack, m->spares_per_rack, m->n, m->uses_uboe, m->uses_pcie);
    value(s, &m->power_w);
    value(s, &m->overhead_w_per_chip);
    value(s, &m->price_usd);
    for (uint32_t p = 0; p < m->n_planes; p++)
        for (uint32_t t = 0; t < m->planes[p].n_tiers; t++)
            write_tier(s, &m->planes[p].tiers[t]);
    for (uint32_t i = 0; i < m->n_stacks; i++)
        if (!m->stacks[i]->family || strcmp(m->stacks[i]->family, m->chip->family) == 0)
            write_stack(s, m->stacks[i]);
    for (uint32_t i = 0; i < m->n_software; i++)
        write_software(s, m->software[i]);
}

/* ---- digest -------------------------------------------------------------------------------------------------------- */

static sp_status digest(void (*write)(scribe *, const void *), const void *what, char out[65], sp_error *err)
{
    char *text = NULL;
    size_t length = 0;
    scribe s = {.file = open_memstream(&text, &length)};
    bool ok = s.file != NULL;
    if (ok) {
        write(&s, what);
        ok = ferror(s.file) == 0;
        ok = fclose(s.file) == 0 && ok;
    }
    if (ok)
        sp_text_sha256(text, length, out);
    free(text);
    return ok ? SP_OK : sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the digest of what a plan is made for");
}

sp_status sp_i_digests(const sp_machine *machine, const sp_model *model, sp_i_digest *out, sp_error *err)
{
    sp_status status = digest(write_model, model, out->model, err);
    if (status == SP_OK)
        status = digest(write_machine, machine, out->machine, err);
    return status == SP_OK ? digest(write_chip, machine->chip, out->chip, err) : status;
}
