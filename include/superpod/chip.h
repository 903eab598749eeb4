/* superpod/chip.h: one accelerator chip: what it is (catalog text) and the time, bytes and energy of one operator on it.
 * Model page: docs/models/chip.md. */
#ifndef SUPERPOD_CHIP_H
#define SUPERPOD_CHIP_H

#include "superpod/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Number formats of operands. MX/NV formats carry block scales; HIF8/HIF4 are Huawei's. */
typedef enum sp_format {
    SP_FMT_FP32, SP_FMT_TF32, SP_FMT_BF16, SP_FMT_FP16, SP_FMT_FP8, SP_FMT_INT8, SP_FMT_MXFP8, SP_FMT_HIF8,
    SP_FMT_FP6, SP_FMT_MXFP4, SP_FMT_NVFP4, SP_FMT_HIF4, SP_FMT_N
} sp_format;

const char *sp_format_name(sp_format format);                        /* "bf16", "mxfp8", …                         */
sp_status sp_format_parse(const char *text, sp_format *out, sp_error *err);
double sp_format_bytes(sp_format format);                            /* bytes an element, block scales included    */

#define SP_CHIP_DATES 4

/* Efficiency of one family (catalog/families/NAME.yaml): fitted by `superpod calibrate`, or graded guess by analogy.
 * The formulas that use each constant are in docs/models/chip.md. */
typedef struct sp_chip_fit {
    sp_value gemm_peak_fraction;      /* largest fraction of a 16-bit format's peak a big GEMM reaches, (0, 1]      */
    sp_value gemm_fill_s;             /* time that filling and draining one output tile adds to its matrix work     */
    sp_value gemm_fp8_fraction;       /* extra factor for 8-bit formats (power, scales, promotion), (0, 1]          */
    sp_value gemm_fp4_fraction;       /* extra factor for 4- and 6-bit formats                                      */
    sp_value attention_fwd_fraction;  /* of the matrix peak while the matrix unit works in fused attention          */
    sp_value attention_bwd_fraction;
    sp_value attention_previous;      /* rate of attention kernels written for the generation before, of its own    */
    sp_value attention_fill;          /* key columns' worth of work to start and end one block of queries           */
    sp_value attention_exp_overlap;   /* share of the exponentials hidden behind matrix work, [0, 1]                */
    sp_value mem_fraction;            /* achievable fraction of memory bandwidth, streaming                         */
    sp_value gather_fraction;         /* of that, for random rows                                                   */
    sp_value launch_s;                /* device-side cost of starting and draining one kernel                       */
    sp_value energy_pj_per_flop;      /* of the whole chip in a training step, 16-bit matrix work: with the chip's power it is
                                       * the matrix rate that the clocks sustain. Grade NONE: no limit. sp_chip_op_cost, of a
                                       * kernel alone, leaves it out                                                   */
    sp_value energy_narrow_pj_per_flop; /* the same with 8- and 4-bit formats                                          */
} sp_chip_fit;

/* One graded value of a chip or of its family's fit, for listings and for counting guesses. */
typedef struct sp_chip_fact { const char *key; sp_unit unit; sp_value value; } sp_chip_fact;

typedef struct sp_chip {
    const char *name;                 /* catalog name, "ascend-950dt"                                               */
    const char *file;                 /* of one's own, as it was given to sp_catalog_chip; NULL: the catalog's          */
    const char *title;                /* printed name                                                               */
    const char *vendor, *family;      /* family keys the efficiency fit: "ascend-950", "hopper", …                  */
    const char *host_cpu;
    const char *note;                 /* may be NULL */
    uint32_t dies;
    struct { const char *date; const char *what; const char *source; } available[SP_CHIP_DATES]; /* newest reading first */
    uint32_t n_available;             /* date: "2026-10" or "2026Q4" */
    sp_value matrix_flop_per_s[SP_FMT_N];  /* dense, matrix units alone: makes times; grade NONE: not supported     */
    sp_value advertised_flop_per_s[SP_FMT_N]; /* dense, as the vendor prints it: totals and MFU. Equal to the matrix
                                       * rate except on Ascend 950, where the vendor adds the vector units          */
    sp_value vector_flop_per_s;            /* FP32 vector unit                                                      */
    sp_value exp_per_s;                    /* exponentials: what softmax asks of the special-function units         */
    sp_value mem_bytes, mem_bw_bytes_per_s, l2_bytes;
    uint32_t cores;                   /* matrix cores that take tiles independently (SMs, cubes, MXUs)              */
    uint32_t tile_m, tile_n;          /* output tile of one core for a large GEMM                                   */
    uint32_t ports;                   /* scale-up ports, 0 when not known                                           */
    sp_value port_bw_bytes_per_s;     /* per port per direction, raw                                                */
    uint32_t uboe_ports_taken, pcie_ports_taken; /* scale-up ports whose pins these functions occupy when used     */
    sp_value scaleup_bw_bytes_per_s;  /* per direction, raw                                                         */
    sp_value scaleout_bw_bytes_per_s; /* NIC per chip per direction, raw                                            */
    sp_value payload_fraction;        /* of raw port rate left for payload (headers, FEC, flow control)             */
    sp_value host_bw_bytes_per_s;          /* link to the host, per direction (PCIe, NVLink-C2C); may be absent     */
    sp_value host_mem_bw_bytes_per_s;      /* a chip's share of its host's memory bandwidth; may be absent          */
    sp_value tdp_w, idle_w, price_usd;     /* price_usd may be absent (grade NONE)                                 */
    sp_chip_fit fit;
    uint32_t own_fit;                 /* bit i: the i-th value of `fit` is the chip's own, not its family's: calibration leaves it */
    const sp_chip_fact *facts; uint32_t n_facts;   /* every graded value above, in file order, fit last             */
} sp_chip;

/* Load a catalog file (catalog/chips/NAME.yaml). The chip lives in `arena`. The fit is the file's own `fit:` map, and
 * what that leaves out FAMILIES_DIR/<family>.yaml's; families_dir NULL means "../families" beside the chip's own folder. */
sp_status sp_chip_load(const char *path, sp_arena *arena, const sp_chip **out, sp_error *err);
sp_status sp_chip_load_with(const char *path, const char *families_dir, sp_arena *arena, const sp_chip **out, sp_error *err);
/* A document already read; its name (sp_doc_name) is the path that "../families" starts from. */
sp_status sp_chip_parse(sp_node root, sp_arena *arena, const sp_chip **out, sp_error *err);
sp_status sp_chip_parse_with(sp_node root, const char *families_dir, sp_arena *arena, const sp_chip **out, sp_error *err);
/* Invariants beyond syntax: ports x port rate = scale-up rate within 2 %, positive memory, fractions in (0,1], …
 * Errors: SP_E_INVAL a value that cannot be; SP_E_UNFIT ports that do not add up. */
sp_status sp_chip_check(const sp_chip *chip, sp_error *err);

/* Does the chip have this format natively? If not, *fallback is the format its GEMMs run in (bf16 for fp8 on A100). */
bool sp_chip_has_format(const sp_chip *chip, sp_format format, sp_format *fallback);

/* ---- operators ------------------------------------------------------------------------------------------- */

typedef enum sp_op_kind {
    SP_OP_GEMM,        /* groups x (m x k) . (k x n)                                                               */
    SP_OP_ATTENTION,   /* fused softmax(QK^T)V: batch x heads, q_len x kv_len, window, causal                      */
    SP_OP_VECTOR,      /* bandwidth-bound element-wise / norm / optimizer work: bytes moved and FLOPs              */
    SP_OP_GATHER,      /* random reads/writes: bytes at a lower fraction of bandwidth                              */
    SP_OP_KINDS
} sp_op_kind;

typedef struct sp_op {
    sp_op_kind kind;
    const char *label;            /* "qkv", "expert_up", …; for breakdowns; not owned                              */
    sp_format format;             /* of the matrix operands                                                        */
    sp_format out_format;
    uint32_t groups;              /* GEMM: independent matrices (grouped GEMM), >= 1                                */
    uint64_t m, n, k;             /* GEMM, per group                                                               */
    bool accumulate;              /* GEMM: adds to its output (gradients over micro-batches), which is read as well */
    uint64_t batch, heads, kv_heads, q_len, kv_len; /* ATTENTION                                                   */
    uint32_t d_qk, d_v;           /* head sizes                                                                    */
    uint64_t window;              /* 0: full                                                                       */
    bool causal, backward;        /* backward: 5 GEMMs of work instead of 2 (FlashAttention recomputes scores)     */
    bool v_in_k;                  /* ATTENTION: values are part of the keys read (MLA in latent form, k_eq_v)      */
    double kv_element_bytes;      /* ATTENTION: bytes of a stored key or value element; 0: as format               */
    double bytes, flop;           /* VECTOR, GATHER                                                                */
    double count;                 /* how many times it is launched; 0 means 1                                      */
} sp_op;

typedef struct sp_op_cost {
    double time_s;                /* all `count` launches                                                          */
    double flop, bytes;           /* work done and memory traffic                                                  */
    double matrix_time_s, mem_time_s, launch_time_s;  /* the terms that make the time                              */
    double energy_j;              /* idle power, work and traffic; never above TDP x time                          */
    const char *limit;            /* static: "matrix" | "memory" | "launch" | "vector"                             */
} sp_op_cost;

/* Time of one operator alone on one chip. Never zero, never NaN; sizes of zero are SP_E_INVAL.
 * Cost: some tens of ns. Model: docs/models/chip.md. */
sp_status sp_chip_op_cost(const sp_chip *chip, const sp_op *op, sp_op_cost *out);
/* The same with every term as a row under `parent`. */
sp_status sp_chip_op_explain(const sp_chip *chip, const sp_op *op, sp_explain *explain, int32_t parent);
/* Matrix FLOP/s that the chip's power sustains through a training step in this format: power / energy of a FLOP; infinity
 * where the energy is not known. */
double sp_chip_sustained_flop_per_s(const sp_chip *chip, sp_format format);

#ifdef __cplusplus
}
#endif
#endif
