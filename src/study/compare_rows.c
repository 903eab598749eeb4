/* The rows that stand side by side for the machines of a comparison. */
#include <superpod/study.h>

static sp_range alone(double value) { return (sp_range){value, value, value}; }

static sp_range chips(const sp_compare_entry *e) { return alone(e->chips); }
static sp_range used(const sp_compare_entry *e) { return alone(e->chips_used); }
static sp_range racks(const sp_compare_entry *e) { return alone(e->racks); }
static sp_range tokens(const sp_compare_entry *e) { return e->tokens_per_s; }
static sp_range of_a_chip(const sp_compare_entry *e) { return alone(e->tokens_per_s_chip); }
static sp_range of_a_rack(const sp_compare_entry *e) { return alone(e->tokens_per_s_rack); }
static sp_range of_a_watt(const sp_compare_entry *e) { return e->tokens_per_s_watt; }
static sp_range of_a_dollar(const sp_compare_entry *e) { return e->tokens_per_usd; }
static sp_range mfu(const sp_compare_entry *e) { return alone(100 * e->mfu); }
static sp_range power(const sp_compare_entry *e) { return e->power_w; }
static sp_range capital(const sp_compare_entry *e) { return e->capital_usd; }
static sp_range an_hour(const sp_compare_entry *e) { return e->usd_per_hour; }
static sp_range days(const sp_compare_entry *e) { return e->days; }
static sp_range cost(const sp_compare_entry *e) { return e->cost_usd; }

static const sp_compare_row ROWS[] = {
    {"chips", SP_UNIT_COUNT, false, chips},
    {"chips in the plan", SP_UNIT_COUNT, false, used},
    {"racks", SP_UNIT_COUNT, false, racks},
    {"tokens/s", SP_UNIT_COUNT, true, tokens},
    {"tokens/s a chip", SP_UNIT_COUNT, false, of_a_chip},
    {"tokens/s a rack", SP_UNIT_COUNT, false, of_a_rack},
    {"tokens/s a watt", SP_UNIT_COUNT, true, of_a_watt},
    {"tokens a dollar", SP_UNIT_COUNT, true, of_a_dollar},
    {"MFU, %", SP_UNIT_COUNT, false, mfu},
    {"power", SP_UNIT_WATT, true, power},
    {"to buy", SP_UNIT_USD, true, capital},
    {"an hour", SP_UNIT_USD, true, an_hour},
    {"days to train", SP_UNIT_COUNT, true, days},
    {"cost to train", SP_UNIT_USD, true, cost},
};

const sp_compare_row *sp_compare_rows(uint32_t *n)
{
    *n = sizeof ROWS / sizeof ROWS[0];
    return ROWS;
}
