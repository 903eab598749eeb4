/* Direct: every rank exchanges with every other one of the digit at once. One step whatever the size, each byte crosses one
 * link, and a full mesh has all its links busy. The reduce-scatter + all-gather form of the all-reduce is that of Thakur,
 * Rabenseifner & Gropp (2005), with the pairwise exchanges of one phase done together. */
#include "collective_private.h"

/* Rank 0 sends the whole buffer, to the last rank or to all. */
static void send_whole(sp_i_stage *stage, sp_digit whole, bool to_all)
{
    uint32_t n_chunk = to_all ? whole.size - 1 : 1;
    sp_task_class task = {.label = to_all ? "broadcast" : "send", .kind = SP_TASK_TRANSFER, .domain = whole, .domain_hi = 1,
                          .n_step = 1, .n_mb = 1, .n_chunk = n_chunk, .stream = 1, .effect = SP_EFFECT_COPY, .units = 1};
    task.peer = to_all ? sp_i_map(whole, SP_MAP_SET, 1, 1) : sp_i_map(whole, SP_MAP_SET, (int32_t)whole.size - 1, 0);
    sp_builder_class(stage->builder, &task, 0);
}

bool sp_i_direct_applicable(sp_coll_op op, const sp_group *group, const char **why)
{
    (void)op;
    return sp_i_several(group, why);
}

sp_status sp_i_direct_build(sp_coll_op op, const sp_group *group, sp_arena *arena, const sp_program **out, sp_error *err)
{
    const char *why;
    if (!sp_i_direct_applicable(op, group, &why))
        return sp_i_refuse("direct", op, why, err);
    sp_digit whole = sp_i_whole(group);
    bool one_way = op == SP_COLL_BROADCAST || op == SP_COLL_SEND_RECV;
    sp_i_stage stage = sp_i_stage_start(arena, "direct", group, one_way ? 1 : whole.size, 1);
    if (!stage.builder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a direct %s", sp_coll_op_name(op));
    if (one_way)
        send_whole(&stage, whole, op == SP_COLL_BROADCAST);
    else
        sp_i_visit(&stage, op, &whole, 1, 0, sp_i_along_direct);
    return sp_i_stage_finish(&stage, out, err);
}
