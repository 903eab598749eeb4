/* The table of scores that is committed: a changed prediction shows as a changed line. */
#include "superpod/study.h"
#include "whole_file.h"

#include <math.h>

static void number(FILE *file, double fraction)
{
    if (isfinite(fraction))
        fprintf(file, ",%.3f", fraction);
    else
        fputc(',', file);
}

static void line(FILE *file, sp_study_kind kind, const char *class, const sp_study_score *s)
{
    fprintf(file, "%s,%s,%u,%u", sp_study_kind_name(kind), class, s->rows, s->expressed);
    number(file, s->median_ape);
    number(file, s->p90_ape);
    fputc('\n', file);
}

sp_status sp_study_scores_write(const char *path, const sp_study *study, sp_error *err)
{
    sp_i_whole out;
    sp_status status = sp_i_whole_open(path, &out, err);
    if (status != SP_OK)
        return status;
    fputs("kind,class,rows,expressed,median_ape,p90_ape\n", out.file);
    for (sp_study_kind k = 0; k < SP_STUDY_KINDS; k++) {
        if (study->kind[k].rows)
            line(out.file, k, "all", &study->kind[k]);
        if (k == SP_STUDY_TRAINING && study->full.rows)
            line(out.file, k, "complete", &study->full);
        for (uint32_t i = 0; i < study->n_classes; i++)
            if (study->classes[i].kind == k)
                line(out.file, k, study->classes[i].hw_class, &study->classes[i].score);
    }
    return sp_i_whole_close(&out, err);
}
