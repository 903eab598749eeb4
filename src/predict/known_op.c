/* Operators whose seconds are known already: a search lowers thousands of shapes made of few different operators (recomputed
 * ones are the forward's, overlap changes none). A direct-mapped table: what falls on a taken place replaces it. */
#include "price.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 4096u   /* about 0.7 MB; a shape has some hundred operators */

struct sp_i_known_op { sp_op op; const sp_software *software; double time_s, flop; uint64_t renewals; };

static uint64_t bits(double value)
{
    uint64_t out;
    memcpy(&out, &value, sizeof out);
    return out;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;   /* Fibonacci hashing: 2^64 over the golden ratio */
    return hash ^ (hash >> 29);
}

static uint32_t place_of(const sp_op *op)
{
    uint64_t hash = mix((uint64_t)op->kind << 16 | (uint64_t)op->format << 8 | (uint64_t)op->backward, op->m);
    hash = mix(hash, op->n);
    hash = mix(hash, op->k ^ (uint64_t)op->groups << 40);
    hash = mix(hash, op->batch ^ op->kv_len << 32);
    hash = mix(hash, bits(op->bytes));
    return (uint32_t)(mix(hash, bits(op->flop) ^ bits(op->count)) >> 32) & (ROOM - 1);
}

static bool same_sizes(const sp_op *a, const sp_op *b)
{
    return a->groups == b->groups && a->m == b->m && a->n == b->n && a->k == b->k && a->batch == b->batch && a->heads == b->heads &&
           a->kv_heads == b->kv_heads && a->q_len == b->q_len && a->kv_len == b->kv_len && a->d_qk == b->d_qk && a->d_v == b->d_v &&
           a->window == b->window && a->kv_element_bytes == b->kv_element_bytes && a->bytes == b->bytes && a->flop == b->flop && a->count == b->count;
}

/* Labels are static text: the same label is the same pointer, or is priced once more. */
static bool same_op(const sp_op *a, const sp_op *b)
{
    return a->kind == b->kind && a->label == b->label && a->format == b->format && a->out_format == b->out_format &&
           a->accumulate == b->accumulate && a->causal == b->causal && a->backward == b->backward && a->v_in_k == b->v_in_k && same_sizes(a, b);
}

bool sp_i_known_op_make(sp_pricer *pricer)
{
    return (pricer->known_ops = calloc(ROOM, sizeof *pricer->known_ops)) != NULL;
}

bool sp_i_known_op_get(const sp_pricer *pricer, const sp_op *op, const sp_software *software, double *time_s, double *flop)
{
    const sp_i_known_op *known = &pricer->known_ops[place_of(op)];
    if (!known->op.label || known->software != software || known->renewals != pricer->renewals || !same_op(&known->op, op))
        return false;
    *time_s = known->time_s;
    *flop = known->flop;
    return true;
}

void sp_i_known_op_put(sp_pricer *pricer, const sp_op *op, const sp_software *software, double time_s, double flop)
{
    pricer->known_ops[place_of(op)] = (sp_i_known_op){*op, software, time_s, flop, pricer->renewals};
}
