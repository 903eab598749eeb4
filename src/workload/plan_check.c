/* Does a plan make sense for this model and machine? One rule a function; the message offers values that would do. */
#include "superpod/workload.h"

#include <stdio.h>
#include <string.h>

typedef struct subject { const sp_plan *plan; const sp_model *model; const sp_machine *machine; sp_error *err; } subject;

/* Divisors of n up to `most`, as "1, 2, 4 …" */
static const char *divisors(uint64_t n, char *out, size_t room)
{
    size_t used = 0;
    uint32_t shown = 0;
    out[0] = '\0';
    for (uint64_t d = 1; d <= n && d <= 100000 && shown < 14 && used + 24 < room; d++)
        if (n % d == 0) {
            used += (size_t)snprintf(out + used, room - used, "%s%llu", shown ? ", " : "", (unsigned long long)d);
            shown++;
        }
    return out;
}

static sp_status divides(const subject *s, const char *what, uint64_t value, const char *whole, uint64_t total)
{
    char list[256];
    if (value && total % value == 0)
        return SP_OK;
    if (!s->err)
        return SP_E_INVAL;   /* searches ask without wanting the words */
    return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found %s %llu, which does not divide %s %llu; expected one of %s", what,
                        (unsigned long long)value, whole, (unsigned long long)total, divisors(total, list, sizeof list));
}

static sp_status check_counts(const subject *s)
{
    const sp_plan *p = s->plan;
    const struct { const char *name; uint64_t value; } counts[] = {
        {"tp", p->tp}, {"cp", p->cp}, {"ep", p->ep}, {"etp", p->etp}, {"pp", p->pp}, {"vpp", p->vpp}, {"dp", p->dp},
        {"mbs", p->mbs}, {"gbs", p->gbs}, {"seq", p->seq}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i].value == 0)
            return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found %s 0, expected at least 1", counts[i].name);
    if (p->zero > 3)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found zero %u, expected 0 to 3", p->zero);
    if (p->seq > 1ull << 30 || p->gbs > 1ull << 30)
        return sp_error_set(s->err, SP_E_RANGE, NULL, 0, 0, "found seq %llu and gbs %llu, expected at most 2^30 each",
                            (unsigned long long)p->seq, (unsigned long long)p->gbs);
    return SP_OK;
}

static sp_status check_chips(const subject *s)
{
    const sp_plan *p = s->plan;
    uint64_t chips = 1;
    bool fits = sp_mul_u64(p->tp, p->cp, &chips) && sp_mul_u64(chips, p->dp, &chips) && sp_mul_u64(chips, p->pp, &chips);
    if (!fits || chips > s->machine->chips)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found a plan for %llu chips (tp %u x cp %u x dp %u x pp %u), but %s has %u; lower one of them",
                            (unsigned long long)chips, p->tp, p->cp, p->dp, p->pp, s->machine->name, s->machine->chips);
    uint64_t inner = (uint64_t)p->tp * p->cp * p->dp, expert = (uint64_t)p->ep * p->etp;
    char list[256];
    if (inner % expert != 0 && !s->err)
        return SP_E_INVAL;
    if (inner % expert != 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found ep %u x etp %u, which does not divide tp x cp x dp = %llu; expected ep one of %s", p->ep,
                            p->etp, (unsigned long long)inner, divisors(inner, list, sizeof list));
    return SP_OK;
}

static sp_status check_attention(const subject *s)
{
    for (uint32_t k = 0; k < s->model->n_kinds; k++) {
        const sp_attn *attn = &s->model->kinds[k].attn;
        if (attn->kind == SP_ATTN_NONE)
            continue;
        sp_status status = divides(s, "tp", s->plan->tp, "the model's attention heads", attn->heads);
        if (status == SP_OK && s->plan->cp_way == SP_CP_ULYSSES && (uint64_t)attn->heads % ((uint64_t)s->plan->tp * s->plan->cp) != 0)
            status = sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found tp %u x cp %u, which does not divide the model's %u heads, that "
                                  "cp-way=ulysses trades for the sequence; use cp-way=ring or a smaller cp", s->plan->tp, s->plan->cp, attn->heads);
        if (status != SP_OK)
            return status;
        if (attn->kind == SP_ATTN_GQA && attn->kv_heads % s->plan->tp != 0 && s->plan->tp % attn->kv_heads != 0)
            return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                                "found tp %u, which neither divides nor is a multiple of the model's %u key/value heads",
                                s->plan->tp, attn->kv_heads);
    }
    return SP_OK;
}

static sp_status check_experts(const subject *s)
{
    bool moe = false;
    for (uint32_t k = 0; k < s->model->n_kinds; k++) {
        const sp_ffn *ffn = &s->model->kinds[k].ffn;
        if (ffn->kind != SP_FFN_MOE)
            continue;
        moe = true;
        sp_status status = divides(s, "ep", s->plan->ep, "the model's routed experts", ffn->experts);
        if (status == SP_OK)
            status = divides(s, "etp", s->plan->etp, "the experts' width", ffn->expert_inner);
        if (status != SP_OK)
            return status;
    }
    if (s->plan->expert_load && (!moe || s->plan->expert_load < 100 || s->plan->expert_load > 100u * s->plan->ep))
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found expert-load %u, expected 100 to %u per cent of the mean over ep %u, of a model "
                            "with experts", s->plan->expert_load, 100u * s->plan->ep, s->plan->ep);
    if (!moe && (s->plan->ep > 1 || s->plan->etp > 1))
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found ep %u and etp %u for %s, which has no experts; expected 1",
                            s->plan->ep, s->plan->etp, s->model->name);
    return SP_OK;
}

static sp_status check_batch(const subject *s)
{
    const sp_plan *p = s->plan;
    uint64_t replica = (uint64_t)p->mbs * p->dp;
    if (p->gbs % replica != 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found gbs %llu, which is not a multiple of mbs %u x dp %u = %llu; expected for instance gbs %llu",
                            (unsigned long long)p->gbs, p->mbs, p->dp, (unsigned long long)replica,
                            (unsigned long long)((p->gbs + replica - 1) / replica * replica));
    uint64_t split = (uint64_t)p->cp * (p->cp > 1 ? 2 : 1) * (p->sequence_parallel ? p->tp : 1);
    if (p->seq % split != 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found seq %llu, which cannot be split over cp %u (two chunks each) and sequence-parallel tp %u; "
                            "expected a multiple of %llu",
                            (unsigned long long)p->seq, p->cp, p->tp, (unsigned long long)split);
    return SP_OK;
}

static sp_status check_pipeline(const subject *s)
{
    const sp_plan *p = s->plan;
    uint64_t slots = (uint64_t)p->pp * p->vpp, micro = p->gbs / ((uint64_t)p->mbs * p->dp);
    if (s->model->n_layers == 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found model %s without transformer layers; expected a language model", s->model->name);
    if (slots > s->model->n_layers)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found pp %u x vpp %u = %llu pipeline chunks, more than the model's %u layers; lower pp or vpp",
                            p->pp, p->vpp, (unsigned long long)slots, s->model->n_layers);
    if (p->pp > SP_STAGES_MAX)
        return sp_error_set(s->err, SP_E_RANGE, NULL, 0, 0, "found pp %u, expected at most %u stages", p->pp, SP_STAGES_MAX);
    uint64_t named = (p->first_layers > 0) + (p->last_layers > 0), given = (uint64_t)p->first_layers + p->last_layers;
    if (slots == 1 ? given > 0 : given + (slots - named) > s->model->n_layers || (slots == named && given != s->model->n_layers))
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found first-layers %u and last-layers %u, which leave %llu other pipeline chunks without one of the model's %u layers "
                            "each; lower them, or raise pp above 1", p->first_layers, p->last_layers, (unsigned long long)(slots - named), s->model->n_layers);
    if (sp_schedule_is_vee(p->schedule) && p->vpp != 2)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found vpp %u with schedule %s, whose stages hold two chunks; expected vpp 2",
                            p->vpp, sp_schedule_name(p->schedule));
    if (p->vpp > 1 && p->schedule != SP_SCHEDULE_INTERLEAVED && !sp_schedule_is_vee(p->schedule))
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found vpp %u with schedule %s; expected schedule interleaved",
                            p->vpp, sp_schedule_name(p->schedule));
    if (p->schedule == SP_SCHEDULE_INTERLEAVED && p->vpp > 1 && micro % p->pp != 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found %llu micro-batches with pp %u; the interleaved schedule expects a multiple of pp",
                            (unsigned long long)micro, p->pp);
    if (p->vpp > 1 && p->pp == 1 && !sp_schedule_is_vee(p->schedule))
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found vpp %u with pp 1; expected vpp 1 without a pipeline", p->vpp);
    if (p->zero >= 2 && p->pp > 1)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found zero %u with pp %u; gradients and weights are gathered once a micro-batch there: expected zero 0 or 1",
                            p->zero, p->pp);
    if (p->lora_rank > s->model->hidden)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found lora-rank %u, expected at most the hidden size %u", p->lora_rank, s->model->hidden);
    if (p->gradient_bytes && p->gradient_bytes != 2 && p->gradient_bytes != 4)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found gradient-bytes %u, expected 2 (BF16) or 4 (FP32)", p->gradient_bytes);
    if (p->recompute_layers && p->recompute != SP_RECOMPUTE_FULL)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found recompute-layers %u with recompute %s; expected recompute full",
                            p->recompute_layers, sp_recompute_name(p->recompute));
    return SP_OK;
}

static sp_status check_offload(const subject *s)
{
    const sp_plan *p = s->plan;
    const sp_chip *chip = s->machine->chip;
    const struct { bool asked; const char *what; const sp_value *value; const char *key; } needs[] = {
        {p->offload_optimizer, "offload-optimizer", &chip->host_bw_bytes_per_s, "host_bw"},
        {p->offload_optimizer, "offload-optimizer", &chip->host_mem_bw_bytes_per_s, "host_memory_bw"},
        {p->offload_activations > 0, "offload-activations", &chip->host_bw_bytes_per_s, "host_bw"}};
    if (p->offload_activations > 100)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found offload-activations %u, expected 0 to 100 per cent", p->offload_activations);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (needs[i].asked && needs[i].value->grade == SP_GRADE_NONE)
            return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found %s on %s, whose %s nobody has published; expected a chip with one, or add it to its file "
                                "with a source", needs[i].what, chip->name, needs[i].key);
    return SP_OK;
}

static sp_status check_shards(const subject *s)
{
    const sp_plan *p = s->plan;
    uint64_t ranks = (uint64_t)p->dp * p->cp, replicas;
    if (p->zero_group == 0)
        return SP_OK;
    if (p->zero == 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found zero-group %u with zero 0, which shares nothing out; expected zero 1 to 3", p->zero_group);
    sp_status status = divides(s, "zero-group", p->zero_group, "dp x cp", ranks);
    if (status != SP_OK)
        return status;
    replicas = ranks / p->zero_group;
    uint64_t experts = (uint64_t)p->tp * ranks / ((uint64_t)p->ep * p->etp);
    if (experts % replicas != 0)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found zero-group %u, which makes %llu replicas of %llu ranks that hold an expert; expected a larger zero-group, or a smaller ep",
                            p->zero_group, (unsigned long long)replicas, (unsigned long long)experts);
    return SP_OK;
}

/* The bidirectional schedule fills and drains from both ends (dualpipe.py and dualpipev.py assert the same), and hides expert traffic by itself. */
static sp_status check_dualpipe(const subject *s)
{
    const sp_plan *p = s->plan;
    uint64_t micro = p->gbs / ((uint64_t)p->mbs * p->dp);
    bool folded = p->schedule == SP_SCHEDULE_DUALPIPEV;
    if (p->pp % 2 && !folded)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found pp %u with schedule dualpipe; expected an even pp, for instance %u", p->pp, p->pp + 1);
    if ((micro % 2 && !folded) || micro < 2ull * p->pp)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found %llu micro-batches with schedule %s and pp %u; expected %s at least twice pp: raise gbs, or lower mbs, dp or pp",
                            (unsigned long long)micro, sp_schedule_name(p->schedule), p->pp, folded ? "a number" : "an even number,");
    if (p->overlap_ep && p->ep > 1)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0,
                            "found overlap-ep with schedule %s, whose slots hide expert traffic under the other direction's; expected overlap-ep=no",
                            sp_schedule_name(p->schedule));
    return SP_OK;
}

static sp_status check_split_backward(const subject *s)
{
    const sp_plan *p = s->plan;
    if (p->schedule < SP_SCHEDULE_ZB_H1)
        return SP_OK;
    if (p->pp == 1)
        return sp_error_set(s->err, SP_E_INVAL, NULL, 0, 0, "found schedule %s with pp 1; expected pp above 1, or schedule 1f1b",
                            sp_schedule_name(p->schedule));
    return sp_schedule_joins(p->schedule) ? check_dualpipe(s) : SP_OK;
}

static sp_status check_software(const subject *s)
{
    if (!s->plan->software || sp_machine_software(s->machine, s->plan->software))
        return SP_OK;
    char names[256] = "";
    for (uint32_t i = 0; i < s->machine->n_software; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", s->machine->software[i]->name);
    return sp_error_set(s->err, SP_E_NOTFOUND, NULL, 0, 0, "found software '%.60s', expected one of %s", s->plan->software,
                        names[0] ? names : "none: this machine's catalog has no software product lines");
}

static sp_status check_stack(const subject *s)
{
    const sp_stack *stack;
    return s->plan->stack ? sp_machine_stack_need(s->machine, s->plan->stack, &stack, s->err) : SP_OK;
}

sp_status sp_plan_check(const sp_plan *plan, const sp_model *model, const sp_machine *machine, sp_error *err)
{
    static sp_status (*const rules[])(const subject *) = {check_counts, check_chips, check_attention, check_experts,
                                                          check_batch, check_pipeline, check_shards, check_offload, check_split_backward, check_software,
                                                          check_stack};
    const subject s = {plan, model, machine, err};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        sp_status status = rules[i](&s);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static uint32_t layers_of_chunk(const sp_plan *plan, uint32_t n_layers, uint32_t slots, uint32_t at)
{
    uint32_t named = (plan->first_layers > 0) + (plan->last_layers > 0), free_slots = slots - named;
    uint32_t left = n_layers - plan->first_layers - plan->last_layers;
    if (at == 0 && plan->first_layers)
        return plan->first_layers;
    if (at == slots - 1 && plan->last_layers)
        return plan->last_layers;
    bool first_free = !plan->first_layers, last_free = !plan->last_layers;
    uint32_t middle = slots > 2 ? slots - 2 : 0;
    uint32_t turn = at == 0 ? middle : at == slots - 1 ? middle + first_free : at - 1;
    if (slots == 1 || !free_slots || (!first_free && !last_free && !middle))
        return left;
    return left / free_slots + (turn < left % free_slots);
}

void sp_plan_chunk_layers(const sp_plan *plan, uint32_t n_layers, uint32_t stage, uint32_t chunk, uint32_t *first, uint32_t *count)
{
    uint32_t slots = plan->pp * plan->vpp, mine = chunk && sp_schedule_is_vee(plan->schedule) ? slots - 1 - stage : chunk * plan->pp + stage;
    *first = 0;
    if (mine > 0) {
        /* the first chunk, then chunks 1 … mine-1, of which the earliest hold one more than the last of the middle */
        uint32_t between = mine - 1, least = slots > 2 ? layers_of_chunk(plan, n_layers, slots, slots - 2) : 0;
        uint32_t most = slots > 2 ? layers_of_chunk(plan, n_layers, slots, 1) : 0, larger = 0;
        if (most > least) {
            uint32_t named = (plan->first_layers > 0) + (plan->last_layers > 0);
            larger = (n_layers - plan->first_layers - plan->last_layers) % (slots - named);
        }
        larger = larger < between ? larger : between;
        *first = layers_of_chunk(plan, n_layers, slots, 0) + between * least + larger;
    }
    *count = layers_of_chunk(plan, n_layers, slots, mine);
}
