/* What the parts of the calibration share: constants, the rows they are fitted on, and one descent for all. Private to study.
 *
 * A part (kernels, layouts, training) fills a fit: rows with what was measured, and constants with the places in the
 * calibration's own copies of chips and product lines where the model reads them. Values are kept on a grid of three digits and
 * start where the part says, never at what the catalog holds, so that what is fitted is what is printed, and fitting again
 * gives the same.
 *
 * What is least is sum over rows of weight x ln(1 + (e / SCALE)^2), e = ln(predicted / measured), plus over constants with a
 * `width` (ln(value / start) / width)^2: likelihood of rows with heavy tails (a row that the model cannot explain, twice off,
 * hardly pulls), and of constants that stay near a middle unless rows say otherwise. It is smooth: a descent by coordinates on sums of
 * |e| stops at the first kink, wherever it started. */
#ifndef SP_FIT_I_H
#define SP_FIT_I_H

#include "run_i.h"

#define SP_I_FIT_LEAST_ROWS 15u      /* for one constant                                                        */
#define SP_I_FIT_CAP 0.5             /* of one row's error in the errors told                                    */
#define SP_I_FIT_SPOTS 512u
#define SP_I_FIT_PLACES 16u

/* How an event run follows a constant, beside the closed form: as (value / at) ^ extra. */
typedef struct sp_i_fit_follow { uint32_t constant; double at, extra, slope; /* slope: d ln run / d ln value */ } sp_i_fit_follow;
#define SP_I_FIT_FOLLOWS 8u

typedef struct sp_i_fit_row {
    const char *by[SP_STUDY_LEAVES]; /* its group, source and class: rows of one are left out together  */
    double measured, predicted;      /* in one unit                                                    */
    double ratio;                    /* of the event run to the closed form, where a part has both     */
    double weight;
    uint32_t twin;                   /* an earlier row of the same prediction; itself: none            */
    double error, error_left_out;    /* |ln(predicted / measured)|, capped                             */
    bool out;                        /* left out now                                                   */
    sp_i_fit_follow follow[SP_I_FIT_FOLLOWS]; uint32_t n_follows;
} sp_i_fit_row;

typedef struct sp_i_fit_constant {
    const char *of, *key;            /* family or product line; key in its file                        */
    const char *unit; double scale;  /* "us", 1e-6: the number written times scale is what models read  */
    const char *origin;              /* what the rows are, for the source in the file                   */
    double start, low, high;         /* numbers as written                                             */
    double width;                    /* of ln(value / start) before the rows have spoken; 0: any value is as good */
    double otherwise; const char *why;   /* value when too few rows depend on it, and what that value is */
    sp_study_place place[SP_I_FIT_PLACES]; uint32_t n_places;
    struct { double *at, times; } spot[SP_I_FIT_SPOTS]; uint32_t n_spots;   /* each takes value x scale x times */
    double value, least, most;       /* fitted; and its extremes when groups are left out               */
    double catalog;                  /* in the catalog now                                             */
    uint32_t *row, n_rows;           /* that it may touch                                              */
    uint32_t n_speak;                /* of those, whose prediction moves with it                        */
    double error, error_left_out;    /* means over its rows                                            */
} sp_i_fit_constant;

typedef struct sp_i_fit sp_i_fit;
struct sp_i_fit {
    sp_arena *arena;
    sp_i_fit_row *row; uint32_t n_rows;
    sp_i_fit_constant *constant; uint32_t n_constants, n_mute, room;   /* the fitted, then those too few rows depend on */
    uint32_t cycles, rounds;         /* the step is halved `rounds` times, then large again, `cycles` times */
    double first_step;
    double (*predict)(sp_i_fit *fit, uint32_t row);   /* closed form, times row.ratio                   */
    double (*run)(sp_i_fit *fit, uint32_t row);       /* the event run; NULL: predict is exact           */
    bool (*touches)(const sp_i_fit *fit, const sp_i_fit_constant *constant, uint32_t row);
    void *own;                       /* the part's                                                     */
    sp_study_leave leave;            /* what is left out                                               */
    sp_study_left *left; uint32_t n_left;
};

/* Adds a constant with the rows it touches. A constant of too few rows is not added: it keeps what the catalog says. */
sp_status sp_i_fit_add(sp_i_fit *fit, const sp_i_fit_constant *constant, sp_error *err);
void sp_i_fit_spot(sp_i_fit_constant *constant, double *at, double times);
void sp_i_fit_place(sp_i_fit_constant *constant, const char *file, const char *under, double times);   /* once each */
/* Is the name in a list "nccl, deepep"? "all" has every name. */
bool sp_i_in_list(const char *list, const char *name);
void sp_i_fit_set(sp_i_fit_constant *constant, double value);   /* on the grid, and into its places */
/* Fits all constants, drops those on which fewer than SP_I_FIT_LEAST_ROWS rows depend, then leaves out one set of rows after the other. */
void sp_i_fit_all(sp_i_fit *fit);

/* The calibration's own copies, which fits write into: never the catalog's. */
typedef struct sp_i_own {
    sp_catalog *catalog;
    sp_arena *arena;
    struct { const sp_chip *of; sp_chip *mine; } *chip; uint32_t n_chips, chip_room;   /* the catalog's first  */
    sp_software **software; uint32_t n_software;       /* every product line                                   */
    struct { const sp_machine *of; sp_machine *mine; } *machine; uint32_t n_machines, machine_room;
    struct { const sp_stack *of; sp_stack *mine; } *stack; const sp_stack **stacks; uint32_t n_stacks;   /* every one, by family */
    double efa_catalog_s, efa_latency_s;               /* one way through EFA, as the catalog has it and as it is fitted */
} sp_i_own;
#define SP_I_EFA_MACHINE "aws-p5"
sp_status sp_i_own_create(sp_catalog *catalog, sp_arena *arena, sp_i_own *out, sp_error *err);
/* The copy of a machine: its chip and product lines are the calibration's own, its chip's memory is without end, so that every
 * plan has a price. */
sp_machine *sp_i_own_machine(sp_i_own *own, const sp_machine *machine);
const sp_stack *sp_i_own_stack(const sp_i_own *own, const sp_stack *stack);
/* Where a copy of a machine has EFA's latency, which tells it: no other network has it. NULL: its outer tier is another. */
double *sp_i_own_efa(const sp_i_own *own, sp_machine *copy);

/* The places of a value of sp_chip_fit in all chips of the families, and the families' files. */
void sp_i_family_spots(const sp_i_own *own, sp_i_fit_constant *constant, const char *families, size_t offset);

/* A part: what it is called, the file it reads (told by its columns), and what it does. */
typedef struct sp_i_fit_part {
    const char *name;
    const char *column;              /* only its files have it */
    const char *standard;            /* file beside the catalog that is read when none is given; NULL: none */
    sp_status (*make)(sp_i_own *own, const char *const *paths, uint32_t n_paths, sp_i_fit *fit, sp_error *err);
    void (*done)(sp_i_fit *fit, sp_study_calibration *out);   /* after the fit: frees what `own` holds; may add figures */
} sp_i_fit_part;
extern const sp_i_fit_part sp_i_fit_kernels, sp_i_fit_collectives, sp_i_fit_training, sp_i_fit_layouts;

#endif
