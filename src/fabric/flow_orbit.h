/* Symmetries that placed programs, their machine and its faults share: moves of single digits of the rank
 * (docs/models/quotient.md). */
#ifndef SP_FABRIC_FLOW_ORBIT_H
#define SP_FABRIC_FLOW_ORBIT_H

#include "flow_program.h"

#define SP_I_ATOMS_MAX 64

/* PERM: all permutations that leave the digits of faults where they are. */
typedef enum sp_i_move { SP_I_MOVE_NONE, SP_I_MOVE_TURN, SP_I_MOVE_XOR, SP_I_MOVE_PERM } sp_i_move;

/* A digit of the rank, laid along part of one dim of one tier. Where move is not NONE, moving it is a symmetry. */
typedef struct sp_i_atom {
    uint32_t rank_stride, size;
    uint32_t tier, tdim;
    uint64_t dim_stride;     /* chips from one coordinate of the tier dim to the next */
    uint32_t extent;         /* coordinates of the tier dim                           */
    uint32_t first;          /* coordinate of rank 0                                  */
    uint32_t gap;            /* coordinates a step                                    */
    bool ring, locked;       /* locked: cut unevenly, cannot move                     */
    sp_i_move move;
    int32_t *digit_of;       /* [extent] digit of a coordinate; -1: stays where it is */
    uint32_t n_cells;        /* orbits of the digit                                   */
    uint32_t *cell_of;       /* [size] PERM: those of faults first, the others last   */
    uint32_t *rep_of;        /* [n_cells] PERM                                        */
    uint32_t second, n_free; /* PERM: another digit of the last cell; its digits      */
} sp_i_atom;

typedef struct sp_i_orbits {
    uint32_t n; sp_i_atom atom[SP_I_ATOMS_MAX];
    uint32_t n_reps;         /* orbits of ranks                 */
    bool perm;               /* some atom is permuted           */
} sp_i_orbits;

/* Of all jobs together. */
typedef struct sp_i_symmetry sp_i_symmetry;
struct sp_i_symmetry {
    uint32_t n_jobs; sp_i_orbits *job;
    uint32_t n_moves; const sp_i_atom *move[SP_I_ATOMS_MAX];   /* each once */
};

struct sp_i_lift {
    const sp_i_symmetry *sym;
    const sp_i_orbits *o;    /* of the job                                                             */
    uint32_t *place;         /* [n_classes * n_reps] position of an orbit in a class's domain           */
    bool *exchange;          /* [n_classes] chunks name peers: they change with permutations            */
    struct sp_i_note { uint32_t id, n; uint64_t orbit; double share; uint32_t hop; } *note;   /* [hops_max] scratch   */
};

/* false, with the reason, when no symmetry is known or there is no memory; close in any case. */
bool sp_i_symmetry_find(const sp_i_flow_case *jobs, uint32_t n_jobs, sp_i_symmetry *out, const char **why);
void sp_i_symmetry_close(sp_i_symmetry *sym);

/* Atoms of one job: lanes of the placement, cut where the program's digits and the trees' blocks begin and end. */
bool sp_i_atoms_lay(sp_i_orbits *o, const sp_i_flow_case *c, const char **why);
/* What commutes with the program. PERM: with all permutations of the digit. */
bool sp_i_atom_commutes(const sp_program *program, const sp_i_atom *atom, sp_i_move move);
/* Is the peer of some exchange picked along it? */
bool sp_i_atom_is_exchanged(const sp_program *program, const sp_i_atom *atom);
/* Every rank to every other along one digit, which contains the atom or has nothing to do with it. */
bool sp_i_exchanges(const sp_task_class *task);

/* Orbits are numbered by the cells of their digits; rank <-> number of its orbit. */
uint32_t sp_i_orbit_of(const sp_i_orbits *o, uint32_t rank);
uint32_t sp_i_orbit_rep(const sp_i_orbits *o, uint32_t orbit);
/* Ranks x and y, moved together to where x is a representative and y the first of all such. */
void sp_i_orbit_pair(const sp_i_orbits *o, uint32_t *x, uint32_t *y);
/* The same for chips, by moves of all jobs; returns how many pairs are alike. */
uint64_t sp_i_chips_pair(const sp_i_symmetry *sym, uint32_t *x, uint32_t *y);
/* The bundle that stands for those of its orbit, `anchor` being a chip below it; *orbit: how many are alike. */
uint32_t sp_i_bundle_orbit(const sp_i_symmetry *sym, const sp_router *router, uint32_t id, uint32_t anchor, uint64_t *orbit);

#endif
