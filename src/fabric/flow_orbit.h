/* Symmetries that a placed program and its machine share: moves of single digits of the rank (docs/models/quotient.md). */
#ifndef SP_FABRIC_FLOW_ORBIT_H
#define SP_FABRIC_FLOW_ORBIT_H

#include "flow_program.h"

#define SP_I_ATOMS_MAX 64

typedef enum sp_i_move { SP_I_MOVE_NONE, SP_I_MOVE_TURN, SP_I_MOVE_XOR } sp_i_move;

/* A digit of the rank, laid along part of one dim of one tier. Where move is not NONE, moving it is a symmetry. */
typedef struct sp_i_atom {
    uint32_t rank_stride, size;
    uint32_t tier, tdim;
    uint64_t dim_stride;     /* chips from one coordinate of the tier dim to the next */
    uint32_t extent;         /* coordinates of the tier dim                           */
    uint32_t first;          /* coordinate of rank 0                                  */
    uint32_t gap;            /* coordinates a step                                    */
    bool ring;
    sp_i_move move;
} sp_i_atom;

typedef struct sp_i_orbits {
    uint32_t n; sp_i_atom atom[SP_I_ATOMS_MAX];
    uint64_t group;          /* moves in all: ranks of an orbit */
    uint32_t n_reps;         /* orbits of ranks                 */
} sp_i_orbits;

/* false, with the reason, when no symmetry is known. */
bool sp_i_orbits_find(const sp_i_flow_case *c, sp_i_orbits *out, const char **why);
/* Orbits are numbered by the digits that do not move; rank <-> number of its orbit. */
uint32_t sp_i_orbit_of(const sp_i_orbits *o, uint32_t rank);
uint32_t sp_i_orbit_rep(const sp_i_orbits *o, uint32_t orbit);
/* The move that takes `anchor` to where all moving digits are 0, applied to `chip`. */
uint32_t sp_i_orbit_chip(const sp_i_orbits *o, uint32_t anchor, uint32_t chip);
/* `chip` with moving digit i one further. */
uint32_t sp_i_orbit_step(const sp_i_atom *atom, uint32_t chip);

/* Makes c's problem the quotient; *lifted false, with the reason, when it is too large. Errors: NOMEM, INTERNAL. */
sp_status sp_i_flow_lift(sp_i_flow_case *c, const sp_i_orbits *orbits, bool *lifted, const char **why, sp_error *err);

#endif
