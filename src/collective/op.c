/* Operations, groups, sizes. */
#include "superpod/collective.h"

#include <string.h>

static const char *const names[SP_COLL_OPS] = {"all-reduce", "all-gather", "reduce-scatter", "all-to-all", "broadcast",
                                               "send-recv"};

const char *sp_coll_op_name(sp_coll_op op)
{
    return (unsigned)op < SP_COLL_OPS ? names[op] : "unknown";
}

sp_status sp_coll_op_parse(const char *text, sp_coll_op *out, sp_error *err)
{
    for (int op = 0; op < SP_COLL_OPS; op++)
        if (!strcmp(text, names[op])) {
            *out = (sp_coll_op)op;
            return SP_OK;
        }
    return sp_error_set(err, SP_E_PARSE, NULL, 0, 0, "unknown collective \"%s\"; expected one of all-reduce, all-gather, "
                        "reduce-scatter, all-to-all, broadcast, send-recv", text);
}

uint32_t sp_group_ranks(const sp_group *group)
{
    uint64_t ranks = 1;
    for (uint32_t i = 0; i < group->n_dims; i++)
        if ((ranks *= group->dim[i]) > UINT32_MAX)
            return UINT32_MAX;
    return (uint32_t)ranks;
}

double sp_coll_unit_bytes(const sp_program *program, double size_bytes)
{
    return program->n_units ? size_bytes / program->n_units : 0;
}

double sp_coll_bus_factor(sp_coll_op op, uint32_t ranks)
{
    double n = ranks > 1 ? ranks : 1;
    switch (op) {
    case SP_COLL_ALL_REDUCE: return 2 * (n - 1) / n;
    case SP_COLL_ALL_GATHER:
    case SP_COLL_REDUCE_SCATTER:
    case SP_COLL_ALL_TO_ALL: return (n - 1) / n;
    default: return 1;
    }
}
