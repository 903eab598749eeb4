/* fit-kernels: the committed calibration of the chip model on the open rows of validation/kernels.csv.
 *
 *   fit-kernels [--rows] [--fit] [--check] [--catalog DIR] [FILE.csv]
 *
 * Prints the error of every group of rows with the constants of the catalog. With --fit it also fits the constants of the
 * table below, each shared by whole families and each on all rows it touches, by coordinate descent on the mean of
 * |ln(predicted / measured)| (a row counts at most 0.5, so that one odd row cannot pull a constant), and prints them beside
 * those in the catalog. Deterministic; nothing is keyed on a row. --rows lists every row. --check fits and exits 1 when a
 * constant of the catalog is further than 3 % from its fit or rests on too few rows. */
#include "superpod/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096
#define CHIPS_MAX 64
#define ERROR_CAP 0.5
#define ROWS_FOR_A_CONSTANT 15

typedef struct constant {
    const char *name;
    size_t offset;               /* of the sp_value in sp_chip_fit */
    const char *families;        /* space-separated, or "all"      */
    double step;                 /* first step, relative           */
    double high;                 /* a fraction stops at 1          */
} constant;

#define FIT(member) offsetof(sp_chip_fit, member)
static const constant constants[] = {
    {"gemm_peak_fraction", FIT(gemm_peak_fraction), " ampere ", 0.1, 1.0},
    {"gemm_fill", FIT(gemm_fill_s), " ampere ", 0.3, 1e-4},
    {"gemm_fill", FIT(gemm_fill_s), " hopper ", 0.3, 1e-4},
    {"gemm_fp8_fraction", FIT(gemm_fp8_fraction), " hopper ", 0.1, 1.0},
    {"attention_fwd_fraction", FIT(attention_fwd_fraction), " hopper ", 0.1, 1.0},
    {"attention_previous", FIT(attention_previous), " hopper ", 0.1, 1.0},
    {"attention_fill", FIT(attention_fill), "all", 0.3, 2000.0},
    {"mem_fraction", FIT(mem_fraction), "all", 0.1, 1.0},
    {"launch", FIT(launch_s), " ampere hopper blackwell ", 0.3, 1e-3},
};
#define N_CONSTANTS (sizeof constants / sizeof *constants)

typedef struct study {
    sp_csv *csv;
    sp_arena *arena;
    sp_chip *chip[CHIPS_MAX];
    size_t n_chips;
    sp_study_kernel row[ROWS_MAX];
    sp_chip *row_chip[ROWS_MAX];
    bool use[ROWS_MAX];          /* open, and read in its source: counts in the fit */
    size_t n_rows;
} study;

static int complain(const sp_error *err)
{
    char text[1200];
    sp_error_format(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 2;
}

static sp_chip *find_chip(study *s, const char *catalog, const char *name, sp_error *err)
{
    for (size_t i = 0; i < s->n_chips; i++)
        if (strcmp(s->chip[i]->name, name) == 0)
            return s->chip[i];
    char path[1024];
    const sp_chip *found;
    snprintf(path, sizeof path, "%s/chips/%s.yaml", catalog, name);
    if (s->n_chips >= CHIPS_MAX || sp_chip_load(path, s->arena, &found, err) != SP_OK)
        return NULL;
    sp_chip *copy = sp_arena_alloc(s->arena, 1, sizeof *copy);
    if (copy) {
        *copy = *found;
        s->chip[s->n_chips++] = copy;
    }
    return copy;
}

static sp_status read_rows(study *s, const char *catalog, sp_error *err)
{
    for (size_t i = 0; i < sp_csv_rows(s->csv) && s->n_rows < ROWS_MAX; i++) {
        sp_study_kernel *row = &s->row[s->n_rows];
        sp_status status = sp_study_kernel_row(s->csv, i, row, err);
        if (status != SP_OK)
            return status;
        if (row->skip) {
            printf("skipped %s (%s): %s\n", row->id, row->kernel, row->skip);
            continue;
        }
        s->row_chip[s->n_rows] = find_chip(s, catalog, row->chip, err);
        if (!s->row_chip[s->n_rows])
            return SP_E_NOTFOUND;
        s->use[s->n_rows] = strcmp(row->split, "open") == 0 && strcmp(row->evidence, "secondary") != 0;
        s->n_rows++;
    }
    return SP_OK;
}

static double predicted(const study *s, size_t i)
{
    double value = NAN;
    sp_study_kernel_predict(s->row_chip[i], &s->row[i], &value);
    return value;
}

static double loss(const study *s)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (!s->use[i])
            continue;
        sum += fmin(fabs(log(predicted(s, i) / s->row[i].measured)), ERROR_CAP);
        n++;
    }
    return n ? sum / (double)n : 0.0;
}

static bool applies(const constant *c, const sp_chip *chip)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", chip->family);
    return strcmp(c->families, "all") == 0 || strstr(c->families, word) != NULL;
}

static sp_value *slot(const constant *c, sp_chip *chip)
{
    return (sp_value *)((char *)&chip->fit + c->offset);
}

static void scale(study *s, const constant *c, double factor)
{
    for (size_t i = 0; i < s->n_chips; i++)
        if (applies(c, s->chip[i]))
            slot(c, s->chip[i])->nominal *= factor;
}

static double value_of(study *s, const constant *c)
{
    for (size_t i = 0; i < s->n_chips; i++)
        if (applies(c, s->chip[i]))
            return slot(c, s->chip[i])->nominal;
    return NAN;
}

/* Rows whose prediction moves by more than 0.01 % when the constant moves by 1 %: those that can speak about it. */
static size_t touched(study *s, const constant *c)
{
    static double before[ROWS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s->n_rows; i++)
        before[i] = predicted(s, i);
    scale(s, c, 0.99);
    for (size_t i = 0; i < s->n_rows; i++)
        n += s->use[i] && fabs(predicted(s, i) / before[i] - 1.0) > 1e-4;
    scale(s, c, 1.0 / 0.99);
    return n;
}

/* One value for all families of a constant, then steps up and down, halved when neither helps. */
static void fit(study *s)
{
    double step[N_CONSTANTS];
    for (size_t c = 0; c < N_CONSTANTS; c++) {
        step[c] = constants[c].step;
        double start = value_of(s, &constants[c]);
        for (size_t i = 0; i < s->n_chips; i++)
            if (applies(&constants[c], s->chip[i]))
                slot(&constants[c], s->chip[i])->nominal = start;
    }
    double best = loss(s);
    for (int round = 0; round < 200; round++) {
        for (size_t c = 0; c < N_CONSTANTS; c++) {
            const double try[2] = {1.0 + step[c], 1.0 / (1.0 + step[c])};
            bool better = false;
            for (int t = 0; t < 2 && !better; t++) {
                scale(s, &constants[c], try[t]);
                double here = value_of(s, &constants[c]) <= constants[c].high ? loss(s) : INFINITY;
                better = here < best - 1e-9;
                if (better)
                    best = here;
                else
                    scale(s, &constants[c], 1.0 / try[t]);
            }
            if (!better)
                step[c] = fmax(step[c] * 0.7, 1e-4);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const char *kind_of(const sp_study_kernel *row)
{
    if (row->moved_bytes > 0.0)
        return "layer";
    switch (row->ops[0].kind) {
    case SP_OP_GEMM: return "gemm";
    case SP_OP_ATTENTION: return "attention";
    default: return "memory";
    }
}

/* Median and 90th percentile of |predicted / measured - 1| over rows of a family and kind; NULL: any. */
static void print_group(const study *s, const char *family, const char *kind)
{
    static double error[ROWS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s->n_rows; i++)
        if ((!family || strcmp(s->row_chip[i]->family, family) == 0) && (!kind || strcmp(kind_of(&s->row[i]), kind) == 0))
            error[n++] = fabs(predicted(s, i) / s->row[i].measured - 1.0);
    if (n == 0)
        return;
    qsort(error, n, sizeof *error, by_size);
    double median = n % 2 ? error[n / 2] : 0.5 * (error[n / 2 - 1] + error[n / 2]);
    printf("%-14s %-10s %4zu  %6.1f %%  %6.1f %%\n", family ? family : "all", kind ? kind : "all", n, 100.0 * median,
           100.0 * error[(size_t)(0.9 * (double)(n - 1))]);
}

static void print_groups(const study *s)
{
    static const char *const kinds[] = {"gemm", "attention", "memory", "layer"};
    const char *seen[CHIPS_MAX];
    size_t n_seen = 0;
    printf("%-14s %-10s %4s  %8s  %8s\n", "family", "kind", "rows", "median", "90th");
    for (size_t i = 0; i < s->n_chips; i++) {
        bool known = false;
        for (size_t j = 0; j < n_seen; j++)
            known |= strcmp(seen[j], s->chip[i]->family) == 0;
        if (known)
            continue;
        seen[n_seen++] = s->chip[i]->family;
        for (size_t k = 0; k < 4; k++)
            print_group(s, s->chip[i]->family, kinds[k]);
    }
    for (size_t k = 0; k < 4; k++)
        print_group(s, NULL, kinds[k]);
    print_group(s, NULL, NULL);
}

static void print_rows(const study *s)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        const sp_op *op = &s->row[i].ops[0];
        double p = predicted(s, i), m = s->row[i].measured;
        printf("%s %-11s %-28.28s g%u m%llu n%llu k%llu b%llu h%llu q%llu d%u %-6s measured %.4g predicted %.4g %+.1f %%%s\n",
               s->row[i].id, s->row[i].chip, s->row[i].kernel, op->groups, (unsigned long long)op->m, (unsigned long long)op->n,
               (unsigned long long)op->k, (unsigned long long)op->batch, (unsigned long long)op->heads,
               (unsigned long long)op->q_len, op->d_qk, sp_format_name(op->format), m, p, 100.0 * (p / m - 1.0),
               s->row[i].assumed ? " *" : "");
    }
}

#define CHECK_WITHIN 0.03

/* Returns how many constants of the catalog are not what the rows say. */
static size_t print_constants(study *s, const double *before)
{
    size_t wrong = 0;
    printf("%-24s %-28s %10s %10s %6s\n", "constant", "families", "catalog", "fitted", "rows");
    for (size_t c = 0; c < N_CONSTANTS; c++) {
        size_t n = touched(s, &constants[c]);
        printf("%-24s %-28s %10.4g %10.4g %6zu%s\n", constants[c].name, constants[c].families, before[c],
               value_of(s, &constants[c]), n, n < ROWS_FOR_A_CONSTANT ? "  too few: keep the guess" : "");
        wrong += n < ROWS_FOR_A_CONSTANT || fabs(before[c] / value_of(s, &constants[c]) - 1.0) > CHECK_WITHIN;
    }
    return wrong;
}

int main(int argc, char **argv)
{
    static study s;
    const char *file = "validation/kernels.csv", *catalog = "catalog";
    bool rows = false, fitting = false, checking = false;
    size_t wrong = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rows") == 0)
            rows = true;
        else if (strcmp(argv[i], "--fit") == 0)
            fitting = true;
        else if (strcmp(argv[i], "--check") == 0)
            fitting = checking = true;
        else if (strcmp(argv[i], "--catalog") == 0 && i + 1 < argc)
            catalog = argv[++i];
        else if (argv[i][0] != '-')
            file = argv[i];
        else {
            fprintf(stderr, "usage: fit-kernels [--rows] [--fit] [--check] [--catalog DIR] [FILE.csv]\n");
            return 2;
        }
    }
    sp_error err = {0};
    s.arena = sp_arena_create();
    if (!s.arena || sp_csv_load(file, &s.csv, &err) != SP_OK || read_rows(&s, catalog, &err) != SP_OK)
        return complain(&err);
    print_groups(&s);
    if (fitting) {
        double before[N_CONSTANTS];
        for (size_t c = 0; c < N_CONSTANTS; c++)
            before[c] = value_of(&s, &constants[c]);
        fit(&s);
        printf("\nafter the fit, loss %.4f\n", loss(&s));
        print_groups(&s);
        wrong = print_constants(&s, before);
    }
    if (rows)
        print_rows(&s);
    sp_csv_destroy(s.csv);
    sp_arena_destroy(s.arena);
    return checking && wrong ? 1 : 0;
}
