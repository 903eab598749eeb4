/* A plan in words, and as the command that asks for it again. */
#include "report_private.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *sp_i_machine_title(const sp_machine *machine)
{
    if (machine->title && *machine->title)
        return machine->title;
    return strcmp(machine->name, "custom") == 0 ? "a custom machine" : machine->name;
}

void sp_i_words_layers(const sp_plan *plan, const sp_model *model, uint32_t stage, char *out, size_t out_size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t chunk = 0; chunk < plan->vpp && model->n_layers && stage < plan->pp; chunk++) {
        uint32_t first, count;
        sp_plan_chunk_layers(plan, model->n_layers, stage, chunk, &first, &count);
        if (count == 0)
            continue;
        char range[40];
        snprintf(range, sizeof range, count == 1 ? "%u" : "%u-%u", first, first + count - 1);
        const char *before = used ? ", " : plan->vpp > 1 || count > 1 ? "layers " : "layer ";
        int more = snprintf(out + used, out_size - used, "%s%s", before, range);
        if (more < 0 || used + (size_t)more >= out_size) {
            snprintf(out + used, out_size - used, "%s", out_size - used > 5 ? ", ..." : "");
            return;
        }
        used += (size_t)more;
    }
}

/* ---- in words ------------------------------------------------------------------------------------------------------- */

static void item(sp_i_out *out, const char *head, uint64_t count, const char *text)
{
    char number[SP_I_NUMBER];
    sp_i_out_printf(out, "<li><b>%s %s</b>: %s</li>\n", head, sp_i_count(count, number), text);
}

static void write_axes(sp_i_out *out, const sp_i_subject *s)
{
    const sp_plan *plan = s->plan;
    char text[256], micro[SP_I_NUMBER];
    uint64_t micro_batches = plan->gbs / ((uint64_t)plan->dp * plan->mbs);
    if (plan->pp > 1) {
        snprintf(text, sizeof text, "the %u layers are cut into %u pipeline stages%s, schedule %s", s->model->n_layers,
                 plan->pp, plan->vpp > 1 ? " of several chunks each" : "", sp_schedule_name(plan->schedule));
        item(out, "PP", plan->pp, text);
        if (plan->vpp > 1)
            item(out, "VPP", plan->vpp, "chunks of layers a stage holds, so that the pipeline fills and drains faster");
    }
    if (plan->tp > 1)
        item(out, "TP", plan->tp, plan->sequence_parallel
             ? "every matrix is split over these chips, and so are the activations between them (sequence parallel)"
             : "every matrix is split over these chips");
    if (plan->cp > 1)
        item(out, "CP", plan->cp, "every sequence is split over these chips");
    if (plan->ep > 1) {
        snprintf(text, sizeof text, "the experts of a layer are spread over these chips%s",
                 plan->etp > 1 ? ", and each expert's matrices are split too" : "");
        item(out, "EP", plan->ep, text);
    }
    if (plan->etp > 1)
        item(out, "ETP", plan->etp, "chips that share the matrices of one expert");
    static const char *const sharing[] = {"each with all of the optimizer's state", "which share out the optimizer's state",
                                          "which share out optimizer state and gradients",
                                          "which share out optimizer state, gradients and weights"};
    snprintf(text, sizeof text, "replicas, each taking %s micro-batches of %u sequence%s a step, %s (ZeRO-%u)",
             sp_i_count(micro_batches, micro), plan->mbs, plan->mbs == 1 ? "" : "s", sharing[plan->zero & 3], plan->zero);
    item(out, "DP", plan->dp, text);
}

void sp_i_words_plan(sp_i_out *out, const sp_i_subject *s)
{
    const sp_plan *plan = s->plan;
    char a[SP_I_NUMBER], b[SP_I_NUMBER], c[SP_I_NUMBER], d[SP_I_NUMBER], e[SP_I_NUMBER];
    sp_i_out_printf(out, "<p>A step trains %s sequences of %s tokens (%s tokens in all) on %s of the machine's %s chips.</p>\n<ul>\n",
                    sp_i_count(plan->gbs, a), sp_i_count(plan->seq, b), sp_i_quantity((double)plan->gbs * (double)plan->seq, SP_UNIT_COUNT, c),
                    sp_i_count(s->report->chips, d), sp_i_count(s->machine->chips, e));
    write_axes(out, s);
    static const char *const recompute[] = {
        "<b>No recomputation</b>: every activation is kept until its backward pass",
        "<b>Selective recomputation</b>: what is large but cheap is computed again in the backward pass",
        "<b>Alternate recomputation</b>: of matrix products every second output is kept, and attention's; the rest is computed again in the backward pass",
        "<b>Full recomputation</b>: only the inputs of blocks are kept; the forward pass runs again"};
    sp_i_out_printf(out, "<li>%s", recompute[plan->recompute < SP_RECOMPUTES ? plan->recompute : 0]);
    if (plan->recompute == SP_RECOMPUTE_FULL && plan->recompute_layers)
        sp_i_out_printf(out, ", in %u layer%s of each chunk", plan->recompute_layers, plan->recompute_layers == 1 ? "" : "s");
    sp_i_out_printf(out, "</li>\n<li><b>Matrix products in %s</b>", sp_format_name(plan->precision));
    const sp_stack *stack = sp_machine_stack(s->machine, plan->stack);
    const char *name = stack ? stack->name : plan->stack;
    if (name) {
        sp_i_out_text(out, ", communication through ");
        sp_i_html(out, name);
    }
    sp_i_out_text(out, "</li>\n<li><b>Hidden under compute</b> where the order of work allows: ");
    const char *hidden[] = {plan->overlap_dp ? "data parallel" : NULL, plan->overlap_tp ? "tensor parallel" : NULL,
                            plan->overlap_ep || (plan->ep > 1 && plan->schedule == SP_SCHEDULE_DUALPIPE) ? "expert" : NULL};
    uint32_t n = 0;
    for (uint32_t i = 0; i < 3; i++)
        if (hidden[i])
            sp_i_out_printf(out, "%s%s", n++ ? ", " : "", hidden[i]);
    sp_i_out_text(out, n ? " traffic</li>\n</ul>\n" : "nothing</li>\n</ul>\n");
}

/* ---- as a command ---------------------------------------------------------------------------------------------------- */

static bool is_plain(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("_.:/@%+=,-", *at))
            return false;
    return *text != '\0';
}

/* A word of a POSIX shell. */
static void shell_word(sp_i_out *out, const char *text)
{
    if (is_plain(text)) {
        sp_i_html(out, text);
        return;
    }
    sp_i_out_text(out, "&#39;");
    for (const char *at = text; *at;) {
        char piece[256];
        size_t n = strcspn(at, "'");
        n = n < sizeof piece ? n : sizeof piece - 1;
        snprintf(piece, sizeof piece, "%.*s", (int)n, at);
        sp_i_html(out, piece);
        at += n;
        if (*at == '\'') {
            sp_i_out_text(out, "&#39;\\&#39;&#39;");
            at++;
        }
    }
    sp_i_out_text(out, "&#39;");
}

static void machine_word(sp_i_out *out, const sp_machine *machine)
{
    int n = strcmp(machine->name, "custom") == 0 ? sp_machine_format(machine, NULL, 0) : -1;
    char *text = n > 0 ? malloc((size_t)n + 1) : NULL;
    if (text)
        sp_machine_format(machine, text, (size_t)n + 1);
    shell_word(out, text ? text : machine->name);
    free(text);
}

/* Options do not break at the end of a line between their dashes and their value. */
static void option(sp_i_out *out, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void option(sp_i_out *out, const char *name, const char *format, ...)
{
    char value[512];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    sp_i_out_printf(out, " <span>--%s ", name);
    shell_word(out, value);
    sp_i_out_text(out, "</span>");
}

typedef struct words { char text[512]; size_t used; } words;

static void append(words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(words *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->text + w->used, sizeof w->text - w->used, format, args);
    va_end(args);
    if (n > 0 && w->used + (size_t)n < sizeof w->text)
        w->used += (size_t)n;
}

static void append_tiers(words *w, const char *axis, uint32_t tiers)
{
    const char *before = w->used ? "," : "";
    for (uint32_t t = 0, n = 0; t < SP_TIERS_MAX; t++)
        if (tiers >> t & 1) {
            if (n++ == 0)
                append(w, "%s%s=%u", before, axis, t);
            else
                append(w, "+%u", t);
        }
}

static void option_place(sp_i_out *out, const sp_plan *plan)
{
    words w = {.used = 0};
    append_tiers(&w, "tp", plan->place[SP_AXIS_TP]);
    append_tiers(&w, "cp", plan->place[SP_AXIS_CP]);
    append_tiers(&w, "dp", plan->place[SP_AXIS_DP]);
    append_tiers(&w, "pp", plan->place[SP_AXIS_PP]);
    append_tiers(&w, "ep", plan->place_ep);
    if (w.used)
        option(out, "place", "%s", w.text);
}

static void option_order(sp_i_out *out, const sp_plan *plan, const sp_plan *standard)
{
    static const char *const axis[SP_AXES] = {[SP_AXIS_TP] = "tp", [SP_AXIS_CP] = "cp", [SP_AXIS_DP] = "dp", [SP_AXIS_PP] = "pp"};
    if (memcmp(plan->order, standard->order, sizeof plan->order) == 0)
        return;
    words w = {.used = 0};
    for (uint32_t i = 0; i < SP_AXES; i++)
        append(&w, "%s%s", i ? "," : "", axis[plan->order[i] % SP_AXES]);
    option(out, "order", "%s", w.text);
}

/* Fields without an option of their own: the words of sp_plan_parse. */
static void option_set(sp_i_out *out, const sp_plan *plan, const sp_plan *standard)
{
    const struct { const char *key; bool value, standard; } flag[] = {
        {"sp", plan->sequence_parallel, standard->sequence_parallel}, {"overlap-dp", plan->overlap_dp, standard->overlap_dp},
        {"overlap-tp", plan->overlap_tp, standard->overlap_tp}, {"overlap-ep", plan->overlap_ep, standard->overlap_ep},
        {"unfused-attention", plan->unfused_attention, standard->unfused_attention}, {"narrow-gather", plan->narrow_gather, standard->narrow_gather}};
    const struct { const char *key; uint32_t value; } count[] = {
        {"recompute-layers", plan->recompute_layers}, {"first-layers", plan->first_layers}, {"last-layers", plan->last_layers},
        {"expert-load", plan->expert_load}, {"lora-rank", plan->lora_rank}, {"gradient-bytes", plan->gradient_bytes}};
    words w = {.used = 0};
    for (size_t i = 0; i < sizeof count / sizeof count[0]; i++)
        if (count[i].value)
            append(&w, "%s%s=%u", w.used ? " " : "", count[i].key, count[i].value);
    if (plan->cp_way != standard->cp_way)
        append(&w, "%scp-way=%s", w.used ? " " : "", sp_cp_way_name(plan->cp_way));
    for (size_t i = 0; i < sizeof flag / sizeof flag[0]; i++)
        if (flag[i].value != flag[i].standard)
            append(&w, "%s%s=%s", w.used ? " " : "", flag[i].key, flag[i].value ? "yes" : "no");
    if (w.used)
        option(out, "set", "%s", w.text);
}

static void option_counts(sp_i_out *out, const sp_plan *plan)
{
    const struct { const char *name; uint64_t value; } count[] = {
        {"gbs", plan->gbs}, {"seq", plan->seq}, {"tp", plan->tp}, {"cp", plan->cp}, {"ep", plan->ep}, {"etp", plan->etp},
        {"pp", plan->pp}, {"vpp", plan->vpp}, {"dp", plan->dp}, {"zero", plan->zero}, {"mbs", plan->mbs}};
    for (size_t i = 0; i < sizeof count / sizeof count[0]; i++)
        if (count[i].value != 1 || strcmp(count[i].name, "etp") != 0)
            option(out, count[i].name, "%" PRIu64, count[i].value);
}

void sp_i_words_command(sp_i_out *out, const sp_i_subject *s)
{
    const sp_plan *plan = s->plan;
    const sp_plan standard = sp_plan_default();
    sp_i_out_text(out, "superpod train ");
    machine_word(out, s->machine);
    sp_i_out_text(out, " ");
    shell_word(out, s->model->name);
    option_counts(out, plan);
    option(out, "precision", "%s", sp_format_name(plan->precision));
    option(out, "recompute", "%s", sp_recompute_name(plan->recompute));
    option(out, "schedule", "%s", sp_schedule_name(plan->schedule));
    option_place(out, plan);
    option_order(out, plan, &standard);
    option_set(out, plan, &standard);
    if (plan->stack)
        option(out, "stack", "%s", plan->stack);
}
