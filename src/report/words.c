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
                            plan->overlap_ep || (plan->ep > 1 && sp_schedule_joins(plan->schedule)) ? "expert" : NULL};
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

/* Fields of a plan that `superpod train` has options for; all others are words of --set. */
static bool has_option(const char *key, size_t length)
{
    static const char *const own[] = {"tp", "cp", "ep", "etp", "pp", "vpp", "dp", "zero", "mbs", "gbs", "seq", "precision", "recompute", "schedule",
                                      "place", "order", "stack"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strlen(own[i]) == length && strncmp(own[i], key, length) == 0)
            return true;
    return false;
}

static bool has_word(const char *text, const char *word, size_t length)
{
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* Counts are told whether they are as usual or not. */
static bool told(const char *word, size_t key)
{
    return !(key == 3 && strncmp(word, "etp", key) == 0) && !(key == 5 && strncmp(word, "order", key) == 0);
}

static void write_options(sp_i_out *out, const sp_plan *plan)
{
    const sp_plan standard = sp_plan_default();
    char text[1024], usual[1024], set[1024] = "";
    size_t used = 0;
    sp_plan_format(plan, text, sizeof text);
    sp_plan_format(&standard, usual, sizeof usual);
    for (char *word = text, *next; *word; word = next) {
        size_t length = strcspn(word, " ");
        next = word + length + (word[length] != '\0');
        word[length] = '\0';
        size_t key = strcspn(word, "=");
        char name[32];
        bool as_usual = has_word(usual, word, length);
        snprintf(name, sizeof name, "%.*s", (int)key, word);
        if (!has_option(word, key) && !as_usual)
            used += (size_t)snprintf(set + used, sizeof set - used, "%s%s", used ? " " : "", word);
        else if (has_option(word, key) && (told(word, key) || !as_usual))
            option(out, name, "%s", word + key + 1);
    }
    if (used)
        option(out, "set", "%s", set);
}

void sp_i_words_command(sp_i_out *out, const sp_i_subject *s)
{
    sp_i_out_text(out, "superpod train");
    for (uint32_t i = 0; i < s->n_asked; i++) {
        sp_i_out_text(out, " ");
        shell_word(out, s->asked[i]);
    }
    write_options(out, s->plan);
}
