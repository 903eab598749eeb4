/* The page of a validation: what was compared, how well, where it fails, and what the figures do not cover. Everything in it
 * comes out of the study; nothing is typed in but the explanations. */
#include "page_i.h"
#include "whole_file.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

void sp_i_page_text(FILE *file, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", file); break;
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '"': fputs("&quot;", file); break;
        case '|': fputs("&#124;", file); break;
        case '\n': case '\r': fputc(' ', file); break;
        default: fputc(*text, file);
        }
}

static void percent(FILE *file, double fraction, bool sign)
{
    if (isfinite(fraction))
        fprintf(file, sign ? " %+.1f %% |" : " %.1f %% |", 100 * fraction);
    else
        fputs(" – |", file);
}

static void score_cells(FILE *file, const sp_study_score *s)
{
    fprintf(file, " %u | %u |", s->rows, s->expressed);
    percent(file, s->median_ape, false);
    percent(file, s->p90_ape, false);
    percent(file, s->bias, true);
    fputc('\n', file);
}

static void score_line(FILE *file, const char *name, const sp_study_score *s)
{
    fprintf(file, "| %s |", name);
    score_cells(file, s);
}

static void head(FILE *file, const char *first)
{
    fprintf(file, "| %s | rows | expressed | median error | 90th percentile | bias |\n|---|---:|---:|---:|---:|---:|\n", first);
}

static void totals(FILE *file, const sp_study *study)
{
    fputs("## In one table\n\nAn error is |predicted − measured| / measured; the bias is the median of predicted / measured − 1 of the "
          "*time* (rates are turned round), so that + always means predicted too slow. Rows with secondary evidence are counted in "
          "their own line alone.\n\n", file);
    head(file, "rows");
    score_line(file, "all", &study->summary);
    for (sp_study_kind k = 0; k < SP_STUDY_KINDS; k++)
        if (study->kind[k].rows)
            score_line(file, sp_study_kind_name(k), &study->kind[k]);
    score_line(file, "training, complete configuration¹", &study->full);
    score_line(file, "training, recompute stated", &study->recompute_stated);
    score_line(file, "training, recompute assumed²", &study->recompute_assumed);
    score_line(file, "layout assumed⁴", &study->layout_assumed);
    score_line(file, "training, peak memory³", &study->memory);
    score_line(file, "secondary evidence", &study->secondary);
    fprintf(file, "\n¹ layers, sequence, global and micro-batch, TP, PP, chips and a metric are all stated. ² the software's stated default, "
                  "or the least recompute that fits in memory. ³ of the fullest chip, where a row prints one; + is predicted too much; counted "
                  "in no other line. ⁴ in part or whole: the fastest predicted that the batch allows and that fits.\n\nConstants fitted to measurements: %u (catalog values of grade "
                  "`fitted`).\n\n", study->constants_fitted);
}

static void effects(FILE *file, const sp_study *study)
{
    const sp_study_pair *pair = study->pair;
    if (study->n_pairs == 0)
        return;
    fputs("## Series and differences\n\nThroughput of a chip at the last row of a series against its first, and with a technique against without. "
          "A series holds within 5 points, a difference within 30 % of itself.\n\n| what | rows | predicted | measured | holds |\n|---|---|---:|---:|---|\n", file);
    for (uint32_t i = 0; i < study->n_pairs; i++)
        fprintf(file, "| %s | %s, %s | %+.1f %% | %+.1f %% | %s |\n", pair[i].what, pair[i].from, pair[i].to, 100 * pair[i].predicted,
                100 * pair[i].measured, pair[i].within ? "yes" : pair[i].sign ? "no" : "no, sign wrong");
    fputs("\nWhy some do not: [models/calibration.md](models/calibration.md#series-and-differences).\n\n", file);
}

static void not_covered(FILE *file)
{
    fputs("## What these figures do not cover\n\n"
          "- Most collective rows are all-reduce; no sweep by size of all-gather, reduce-scatter or all-to-all on NVIDIA or AMD, none "
          "at all of HCCL, none of TPU interconnects is public. EP rows are dispatch and combine kernels at one size each.\n"
          "- Kernels: no sweep by shape on any Ascend chip; attention rows are NVIDIA's but for two.\n"
          "- Many Megatron-Bridge rows do not state recompute, offload or overlap settings; MoE rows run with forced balanced routing.\n"
          "- Ascend training rows take their layout from scripts that may have changed after the measurement.\n"
          "- MLPerf precision is not in the logs, and interleaving only sometimes in the file names.\n"
          "- Rows whose model's shape is not public are listed as not expressed.\n\n"
          "What the residuals say is missing: [models/validation.md](models/validation.md#what-the-residuals-say).\n\n", file);
}

static void by_source(FILE *file, const sp_study *study)
{
    fputs("## By class and source\n\n", file);
    for (sp_study_kind k = 0; k < SP_STUDY_KINDS; k++) {
        if (study->kind[k].rows == 0)
            continue;
        fprintf(file, "### %s\n\n", sp_study_kind_name(k));
        head(file, "class, source");
        for (uint32_t i = 0; i < study->n_groups; i++)
            if (study->groups[i].kind == k) {
                fprintf(file, "| %s, ", study->groups[i].hw_class);
                sp_i_page_text(file, study->groups[i].source);
                fputs(" |", file);
                score_cells(file, &study->groups[i].score);
            }
        fputc('\n', file);
    }
}

static void unexpressed(FILE *file, const sp_study *study)
{
    fputs("## Rows that are not expressed\n\n| row | class | what | reason |\n|---|---|---|---|\n", file);
    for (uint32_t i = 0; i < study->n_rows; i++) {
        const sp_study_row *row = &study->rows[i];
        if (row->status != SP_STUDY_UNEXPRESSED)
            continue;
        fprintf(file, "| %s | %s | ", row->id, row->hw_class);
        sp_i_page_text(file, row->label);
        fputs(" | ", file);
        sp_i_page_text(file, row->reason ? row->reason : "");
        fputs(" |\n", file);
    }
}

static void files(FILE *file, const sp_study *study)
{
    fputs("# How well superpod predicts what was measured\n\nGenerated by `superpod validate --report docs/validation.md validation/*.csv`; "
          "do not edit. Every row is predicted from its configuration columns alone. How rows are read: "
          "[models/validation.md](models/validation.md).\n\n| file | SHA-256 |\n|---|---|\n", file);
    for (uint32_t i = 0; i < study->n_files; i++) {
        const char *slash = strrchr(study->files[i].path, '/');
        fputs("| ", file);
        sp_i_page_text(file, slash ? slash + 1 : study->files[i].path);
        fprintf(file, " | %.16s… |\n", study->files[i].sha256);
    }
    fputc('\n', file);
}

/* ---- files on disk ------------------------------------------------------------------------------------------------ */

typedef struct page { char folder[512]; const char *folder_name; sp_error *err; } page;

static sp_status io_fail(sp_error *err, const char *path)
{
    return sp_error_set(err, SP_E_IO, path, 0, 0, "cannot write: %s", strerror(errno));
}

static void plot_name(const sp_study_group *class, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s-%s.svg", sp_study_kind_name(class->kind), class->hw_class);
    for (char *p = out; *p; p++)
        *p = isalnum((unsigned char)*p) || *p == '-' || *p == '.' ? (char)tolower((unsigned char)*p) : '_';
}

static sp_status plots(FILE *file, const page *where, const sp_study *study)
{
    fputs("## By class\n\nEach point is a row; 1 is exact, above is predicted too slow.\n\n", file);
    for (uint32_t i = 0; i < study->n_classes; i++) {
        const sp_study_group *class = &study->classes[i];
        char name[128], path[700];
        if (class->score.expressed == 0)
            continue;
        plot_name(class, name, sizeof name);
        snprintf(path, sizeof path, "%s/%s", where->folder, name);
        sp_i_whole svg;
        sp_status status = sp_i_whole_open(path, &svg, where->err);
        if (status != SP_OK)
            return status;
        sp_i_page_scatter(svg.file, study, class);
        status = sp_i_whole_close(&svg, where->err);
        if (status != SP_OK)
            return status;
        fprintf(file, "![%s on %s](%s/%s)\n\n", sp_study_kind_name(class->kind), class->hw_class, where->folder_name, name);
    }
    return SP_OK;
}

sp_status sp_study_page(const char *path, const sp_study *study, sp_error *err)
{
    page where = {.err = err};
    size_t n = strlen(path);
    if (n < 4 || n > 480 || strcmp(path + n - 3, ".md") != 0)
        return sp_error_set(err, SP_E_INVAL, path, 0, 0, "the report's name must end in .md: its plots go to the folder of that name");
    snprintf(where.folder, sizeof where.folder, "%.*s", (int)(n - 3), path);
    const char *slash = strrchr(where.folder, '/');
    where.folder_name = slash ? slash + 1 : where.folder;
    if (mkdir(where.folder, 0777) != 0 && errno != EEXIST)
        return io_fail(err, where.folder);
    sp_i_whole out;
    sp_status status = sp_i_whole_open(path, &out, err);
    if (status != SP_OK)
        return status;
    FILE *file = out.file;
    files(file, study);
    totals(file, study);
    effects(file, study);
    not_covered(file);
    status = plots(file, &where, study);
    by_source(file, study);
    unexpressed(file, study);
    if (status != SP_OK) {
        sp_i_whole_drop(&out);
        return status;
    }
    return sp_i_whole_close(&out, err);
}
