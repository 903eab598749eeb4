/* superpod/exec.h: the evaluator that moves real bytes: runs a data program over in-memory ranks and checks the result
 * of a collective against a straightforward computation. The referee of the symbolic proof. */
#ifndef SUPERPOD_EXEC_H
#define SUPERPOD_EXEC_H

#include "superpod/collective.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Run with uint64 words (`words` a unit, sums modulo 2^64 so that the order of reduction does not matter), in an order of
 * instances drawn from `seed` among those the dependencies allow. *correct says whether every rank holds the promised
 * result. Errors: SP_E_INVAL a deadlock (some instance never becomes ready). */
sp_status sp_exec_collective(const sp_program *program, sp_coll_op op, uint32_t words, uint64_t seed, bool *correct,
                             sp_error *err);

#ifdef __cplusplus
}
#endif
#endif
