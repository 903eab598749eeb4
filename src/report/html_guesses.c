/* What the answer rests on without a publisher's word: the guessed and derived values of chip, machine and software. */
#include "report_private.h"

typedef struct field { const char *what; size_t offset; sp_unit unit; } field;

static const field chip_fields[] = {
    {"vector rate", offsetof(sp_chip, vector_flop_per_s), SP_UNIT_FLOP_PER_S},
    {"memory", offsetof(sp_chip, mem_bytes), SP_UNIT_BYTES},
    {"memory bandwidth", offsetof(sp_chip, mem_bw_bytes_per_s), SP_UNIT_BYTES_PER_S},
    {"L2 cache", offsetof(sp_chip, l2_bytes), SP_UNIT_BYTES},
    {"rate of a port", offsetof(sp_chip, port_bw_bytes_per_s), SP_UNIT_BYTES_PER_S},
    {"payload of the raw link rate", offsetof(sp_chip, payload_fraction), SP_UNIT_NONE},
    {"power at full load", offsetof(sp_chip, tdp_w), SP_UNIT_WATT},
    {"idle power", offsetof(sp_chip, idle_w), SP_UNIT_WATT},
    {"price", offsetof(sp_chip, price_usd), SP_UNIT_USD},
    {"GEMM: best fraction of peak", offsetof(sp_chip, fit.gemm_peak_fraction), SP_UNIT_NONE},
    {"GEMM: filling and draining a tile", offsetof(sp_chip, fit.gemm_fill_s), SP_UNIT_SECONDS},
    {"attention forward: fraction of peak", offsetof(sp_chip, fit.attention_fwd_fraction), SP_UNIT_NONE},
    {"attention backward: fraction of peak", offsetof(sp_chip, fit.attention_bwd_fraction), SP_UNIT_NONE},
    {"memory: fraction of bandwidth reached", offsetof(sp_chip, fit.mem_fraction), SP_UNIT_NONE},
    {"launch of a kernel", offsetof(sp_chip, fit.launch_s), SP_UNIT_SECONDS},
};
static const field fp8_fields[] = {{"GEMM: factor of 8-bit formats", offsetof(sp_chip, fit.gemm_fp8_fraction), SP_UNIT_NONE}};
static const field fp4_fields[] = {{"GEMM: factor of 4-bit formats", offsetof(sp_chip, fit.gemm_fp4_fraction), SP_UNIT_NONE}};
static const field tier_fields[] = {
    {"bandwidth", offsetof(sp_tier, bw_bytes_per_s), SP_UNIT_BYTES_PER_S},
    {"latency", offsetof(sp_tier, latency_s), SP_UNIT_SECONDS},
    {"taper", offsetof(sp_tier, taper), SP_UNIT_NONE},
};
static const field machine_fields[] = {
    {"power", offsetof(sp_machine, power_w), SP_UNIT_WATT},
    {"hosts, network and cooling, per chip", offsetof(sp_machine, overhead_w_per_chip), SP_UNIT_WATT},
    {"price", offsetof(sp_machine, price_usd), SP_UNIT_USD},
};
static const field stack_fields[] = {
    {"launch of a collective", offsetof(sp_stack, launch_s), SP_UNIT_SECONDS},
    {"a step of a collective", offsetof(sp_stack, step_s), SP_UNIT_SECONDS},
    {"fraction of payload rate reached", offsetof(sp_stack, bw_fraction), SP_UNIT_NONE},
    {"reduction: fraction of memory bandwidth", offsetof(sp_stack, reduce_bw_fraction), SP_UNIT_NONE},
};
#define N_OF(list) (sizeof(list) / sizeof(list)[0])

typedef struct table { sp_i_out *out; sp_grade grade; uint32_t n; } table;   /* rows of one grade at a time */

static void open_table(table *t)
{
    if (t->n++ == 0)
        sp_i_out_printf(t->out, "<h3>%s</h3>\n<div class=\"scroll\"><table><tr><th>of</th><th>what</th><th class=\"n\">low</th>"
                        "<th class=\"n\">nominal</th><th class=\"n\">high</th><th>why</th></tr>\n",
                        t->grade == SP_GRADE_GUESS ? "Guesses" : "Derived values");
}

static void add(table *t, const char *owner, const char *what, sp_unit unit, const sp_value *value)
{
    char low[SP_I_NUMBER], nominal[SP_I_NUMBER], high[SP_I_NUMBER];
    if (value->grade != t->grade)
        return;
    open_table(t);
    sp_i_out_text(t->out, "<tr><td>");
    sp_i_html(t->out, owner);
    sp_i_out_text(t->out, "</td><td>");
    sp_i_html(t->out, what);
    bool certain = value->low == value->high;
    sp_i_out_printf(t->out, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"w\">",
                    certain ? "" : sp_i_quantity(value->low, unit, low), sp_i_quantity(value->nominal, unit, nominal),
                    certain ? "" : sp_i_quantity(value->high, unit, high));
    sp_i_html(t->out, value->source);
    sp_i_out_text(t->out, "</td></tr>\n");
}

static void add_fields(table *t, const char *owner, const void *base, const field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(t, owner, fields[i].what, fields[i].unit, (const sp_value *)(const void *)((const char *)base + fields[i].offset));
}

/* Only what the plan uses: its precision, and BF16 for attention. */
static void add_chip(table *t, const sp_chip *chip, sp_format precision)
{
    const char *owner = chip->title ? chip->title : chip->name;
    sp_format used = precision;
    sp_chip_has_format(chip, precision, &used);
    for (int f = 0; f < SP_FMT_N; f++)
        if ((sp_format)f == used || (sp_format)f == precision || f == SP_FMT_BF16) {
            char what[64];
            snprintf(what, sizeof what, "matrix rate, %s", sp_format_name((sp_format)f));
            add(t, owner, what, SP_UNIT_FLOP_PER_S, &chip->matrix_flop_per_s[f]);
        }
    add_fields(t, owner, chip, chip_fields, N_OF(chip_fields));
    double bytes = sp_format_bytes(used);
    if (bytes < 2 && bytes >= 1)
        add_fields(t, owner, chip, fp8_fields, N_OF(fp8_fields));
    if (bytes < 1)
        add_fields(t, owner, chip, fp4_fields, N_OF(fp4_fields));
}

static void add_all(table *t, const sp_i_subject *s)
{
    const sp_machine *machine = s->machine;
    add_chip(t, machine->chip, s->plan->precision);
    for (uint32_t i = 0; i < machine->planes[0].n_tiers; i++) {
        const sp_tier *tier = &machine->planes[0].tiers[i];
        char owner[96];
        snprintf(owner, sizeof owner, "tier %u, %s", i, tier->name ? tier->name : "");
        add_fields(t, owner, tier, tier_fields, N_OF(tier_fields));
    }
    add_fields(t, sp_i_machine_title(machine), machine, machine_fields, N_OF(machine_fields));
    const sp_stack *stack = s->plan->stack ? sp_stack_find(s->plan->stack) : sp_stack_default(machine->chip);
    if (stack) {
        char owner[64];
        snprintf(owner, sizeof owner, "software %s", stack->name);
        add_fields(t, owner, stack, stack_fields, N_OF(stack_fields));
    }
}

void sp_i_html_guesses(sp_i_out *out, const sp_i_subject *s)
{
    static const sp_grade grades[] = {SP_GRADE_GUESS, SP_GRADE_DERIVED};
    uint32_t n = 0;
    sp_i_out_text(out, "<h2>What the answer rests on</h2>\n<p>Values nobody has published, with the interval they lie in and "
                       "the reason. Everything else comes from a vendor, a paper, the press or a fit, and "
                       "<code>--sources</code> lists it.</p>\n");
    for (size_t g = 0; g < N_OF(grades); g++) {
        table t = {.out = out, .grade = grades[g]};
        add_all(&t, s);
        if (t.n)
            sp_i_out_text(out, "</table></div>\n");
        n += t.n;
    }
    if (n == 0)
        sp_i_out_text(out, "<p>No guesses: every value used has a published source.</p>\n");
}
