/* Recursive vector halving with distance doubling, and back (Rabenseifner 2004; Thakur, Rabenseifner & Gropp 2005): log2 n
 * steps each way, nearest partner first, so that the large messages stay inside. All-to-all by the same partners (the
 * power-of-two form of Bruck et al. 1997). Groups of 2^k ranks; bruck does the others. */
#include "collective_private.h"

/* Digit of `count` bits from bit `low` of the axis up. */
static sp_digit bits(const sp_i_stage *stage, uint32_t low, uint32_t count)
{
    return (sp_digit){stage->axis.stride << low, 1u << count};
}

static uint32_t n_bits(const sp_i_stage *stage)
{
    return (uint32_t)__builtin_ctz(stage->axis.size);
}

/* Every step waits for the previous one: its own send and its partner's. */
static void chain(sp_i_stage *stage, uint32_t id, sp_rank_map partner)
{
    sp_i_stage_wait(stage, id, 1);
    sp_dep arrival = sp_i_dep_last(id, partner);
    sp_i_stage_gate(stage, id, &arrival);
    stage->phase++;
}

void sp_i_along_halving(sp_i_stage *stage, bool gather, uint32_t shift)
{
    (void)shift;
    uint32_t n = n_bits(stage);
    double smallest = sp_i_stage_units(stage);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bit = gather ? n - 1 - i : i;
        sp_rank_map partner = sp_i_map(bits(stage, bit, 1), SP_MAP_XOR, 1, 0);
        uint32_t id = sp_i_stage_transfer(stage, gather ? "all-gather" : "reduce-scatter",
                                          gather ? SP_EFFECT_COPY : SP_EFFECT_REDUCE, partner, 1, 1,
                                          smallest * (stage->axis.size >> (bit + 1)));
        uint32_t kept = gather ? bit + 1 : bit;
        if (kept)
            sp_i_data_shift(stage->builder, id, bits(stage, 0, kept), 0, 0, 0, 1);
        if (!gather)
            sp_i_data_shift(stage->builder, id, bits(stage, bit, 1), 1, 0, 0, 1);
        chain(stage, id, partner);
    }
}

/* After step i a rank holds blocks for destinations that share its low i + 1 bits, from sources that share the rest: always
 * half of its blocks move. */
void sp_i_exchange_halving(sp_i_stage *stage)
{
    for (uint32_t bit = 0, n = n_bits(stage); bit < n; bit++) {
        sp_rank_map partner = sp_i_map(bits(stage, bit, 1), SP_MAP_XOR, 1, 0);
        uint32_t id = sp_i_stage_transfer(stage, "all-to-all", SP_EFFECT_MOVE, partner, 1, 1, stage->n_own / 2.0);
        if (bit)
            sp_i_data_shift(stage->builder, id, bits(stage, 0, bit), 0, 0, 0, 1);
        sp_i_data_shift(stage->builder, id, bits(stage, bit, 1), 1, 0, 0, 1);
        chain(stage, id, partner);
    }
}

bool sp_i_halving_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    if (!sp_i_several(group, why))
        return false;
    *why = op == SP_COLL_BROADCAST || op == SP_COLL_SEND_RECV ? "partners exchange both ways; use tree or direct" :
           !sp_i_power_of_two(sp_group_ranks(group)) ? "the number of ranks is not a power of two; use bruck" : NULL;
    return !*why;
}

sp_status sp_i_halving_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    if (!sp_i_halving_applicable(op, group, &why))
        return sp_i_refuse("halving-doubling", op, why, err);
    sp_digit whole = sp_i_whole(group);
    sp_i_stage stage = sp_i_stage_start(arena, "halving-doubling", group, whole.size, 1);
    if (!stage.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a halving-doubling %s", sp_coll_op_name(op));
    stage.axis = whole;
    if (op == SP_COLL_ALL_TO_ALL)
        sp_i_exchange_halving(&stage);
    else
        sp_i_visit(&stage, op, &whole, 1, 0, sp_i_along_halving);
    return sp_i_stage_finish(&stage, out, err);
}
