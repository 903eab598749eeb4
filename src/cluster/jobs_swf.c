/* Standard Workload Format 2.2 (Chapin et al. 1999; Feitelson's Parallel Workloads Archive), read leniently: NASA's original file has -1
 * for every request, others leave fields away at the end of lines. */
#include "jobs_i.h"
#include "superpod/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SWF_JOB, SWF_SUBMIT, SWF_WAIT, SWF_RUN, SWF_USED, SWF_CPU, SWF_MEMORY, SWF_ASKED, SWF_ESTIMATE, SWF_ASKED_MEMORY, SWF_STATUS, SWF_USER,
       SWF_FIELDS };   /* 0-based; the rest is not used */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Fast path for what SWF consists of: an optional sign and up to 15 digits. */
static const char *read_number(const char *at, const char *end, double *out)
{
    bool minus = at < end && *at == '-';
    const char *p = at + minus, *digits = p;
    uint64_t value = 0;
    while (p < end && *p >= '0' && *p <= '9' && p - digits < 15) value = value * 10 + (uint64_t)(*p++ - '0');
    if (p > digits && (p == end || is_blank(*p))) {
        *out = minus ? -(double)value : (double)value;
        return p;
    }
    char word[64];
    size_t n = 0;
    for (p = at; p < end && !is_blank(*p) && n + 1 < sizeof word; p++) word[n++] = *p;
    word[n] = '\0';
    char *stop;
    *out = strtod(word, &stop);
    bool whole = n > 0 && *stop == '\0' && isfinite(*out) && strcspn(word, "xXnN") == n && (p == end || is_blank(*p));
    return whole ? p : NULL;
}

static sp_status read_line(sp_i_job_list *list, const char *at, const char *end, const char *name, uint32_t line, uint32_t most, sp_error *err)
{
    double field[SWF_FIELDS];
    const char *begin = at;
    uint32_t n = 0;
    for (; n < SWF_FIELDS; n++) {
        while (at < end && is_blank(*at)) at++;
        if (at == end) break;
        const char *next = read_number(at, end, &field[n]);
        if (next == NULL) {
            int word = 0;
            while (word < 30 && at + word < end && !is_blank(at[word])) word++;
            return sp_error_set(err, SP_E_PARSE, name, line, (uint32_t)(at - begin) + 1, "found '%.*s' as field %u; expected a number, -1 for unknown", word, at, n + 1);
        }
        at = next;
    }
    if (n == 0) return SP_OK;
    if (n <= SWF_USED)
        return sp_error_set(err, SP_E_PARSE, name, line, 0, "found %u fields; expected 18, or at least the first 5: job, submit, wait, run time, processors", n);
    while (n < SWF_FIELDS) field[n++] = -1;
    if (field[SWF_STATUS] >= 2 && field[SWF_STATUS] <= 4) {   /* a part of a job that was stopped and went on: its summary line has all of it */
        list->jobs.skipped++;
        return SP_OK;
    }
    sp_i_record record = {.id = field[SWF_JOB], .submit_s = field[SWF_SUBMIT], .run_s = field[SWF_RUN], .estimate_s = field[SWF_ESTIMATE],
                          .used_chips = field[SWF_USED], .asked_chips = field[SWF_ASKED], .deadline_s = -1,
                          .user = field[SWF_USER] > 0 && field[SWF_USER] < 4e9 ? (uint32_t)field[SWF_USER] : 0};
    return sp_i_job_record(list, name, line, &record, most, err);
}

sp_status sp_jobs_parse_swf(const char *text, size_t length, const char *name, uint32_t most_chips, sp_jobs *out, sp_error *err)
{
    sp_i_job_list list = {0};
    sp_status status = SP_OK;
    uint32_t line = 1;
    for (const char *at = text, *end = text + length; at < end && status == SP_OK; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        const char *first = at;
        while (first < stop && is_blank(*first)) first++;
        if (first < stop && *first != ';' && *first != '#') status = read_line(&list, at, stop, name, line, most_chips, err);
        at = stop < end ? stop + 1 : end;
    }
    if (status == SP_OK) status = sp_i_jobs_finish(&list, name, out, err);
    sp_i_job_list_free(&list);
    return status;
}

#define JOBS_BYTES_MAX ((size_t)2 << 30)   /* LCG's 188,041 jobs are 15 MB */

sp_status sp_jobs_read(const char *path, const char *map, uint32_t most_chips, const sp_kind_source *kinds, sp_jobs *out, sp_error *err)
{
    char *text = NULL;
    size_t length = 0, n = strlen(path);
    sp_status status = sp_text_read_file(path, JOBS_BYTES_MAX, &text, &length, err);
    if (status != SP_OK) return status;
    if (map != NULL || (n > 4 && strcmp(path + n - 4, ".csv") == 0)) status = sp_jobs_parse_csv(text, length, path, map, most_chips, kinds, out, err);
    else status = sp_jobs_parse_swf(text, length, path, most_chips, out, err);
    free(text);
    return status;
}
