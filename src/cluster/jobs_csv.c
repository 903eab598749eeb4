/* Tables of jobs with a header line and a map from our names to the table's: Philly, Helios, Acme and others differ only in those. */
#include "jobs_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { C_SUBMIT, C_RUN, C_CHIPS, C_ESTIMATE, C_DEADLINE, C_PRIORITY, C_REPLICA, C_STEPS, C_TOKENS, C_ID, C_USER, C_MODEL, C_PLAN, C_N };   /* from id on they are names */
static const char *const ours[C_N] = {"submit", "run", "chips", "estimate", "deadline", "priority", "replica", "steps", "tokens", "id", "user", "model", "plan"};
#define CELLS 256
#define CELL_TEXT 1024   /* a plan in words takes 300 */

/* Next cell of a line; quotes may hold commas, "" is a quote. Longer cells are cut: they are no numbers. */
static const char *next_cell(const char *at, const char *end, char out[CELL_TEXT])
{
    size_t n = 0;
    bool quoted = at < end && *at == '"';
    if (quoted) at++;
    for (; at < end; at++) {
        if (quoted && *at == '"') {
            if (at + 1 < end && at[1] == '"') at++;
            else {
                quoted = false;
                continue;
            }
        } else if (!quoted && *at == ',') {
            break;
        }
        if (n + 1 < CELL_TEXT && *at != '\r') out[n++] = *at;
    }
    out[n] = '\0';
    return at < end ? at + 1 : NULL;
}

/* Name that the map gives our column (its own without an entry), into `out`; false: malformed. */
static bool mapped(const char *map, int column, char out[CELL_TEXT])
{
    size_t n = strlen(ours[column]);
    strcpy(out, ours[column]);
    for (const char *at = map; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (strncmp(at, ours[column], n) == 0 && at[n] == '=' && length > n + 1 && length - n - 1 < CELL_TEXT) {
            memcpy(out, at + n + 1, length - n - 1);
            out[length - n - 1] = '\0';
            return true;
        }
        at += length + (at[length] == ',');
    }
    return false;
}

static sp_status check_map(const char *map, sp_error *err)
{
    for (const char *at = map; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ","), name = strcspn(at, "=");
        bool known = false;
        for (int i = 0; i < C_N; i++) known = known || (name == strlen(ours[i]) && strncmp(at, ours[i], name) == 0 && length > name + 1);
        if (!known)
            return sp_error_set(err, SP_E_PARSE, "--map", 1, (uint32_t)(at - map) + 1, "found '%.*s'; expected submit=, run=, chips=, estimate=, deadline=, priority=, replica=, id=, user=, model=, plan=, steps= or tokens= with a column's name",
                                (int)length, at);
        at += length + (at[length] == ',');
    }
    return SP_OK;
}

static sp_status read_header(const char *at, const char *end, const char *name, const char *map, int column[C_N], sp_error *err)
{
    char cell[CELL_TEXT], want[CELL_TEXT];
    const char *line_begin = at;
    for (int i = 0; i < C_N; i++) column[i] = -1;
    for (int c = 0; at != NULL && c < CELLS; c++) {
        uint32_t from = (uint32_t)(at - line_begin) + 1;
        at = next_cell(at, end, cell);
        for (int i = 0; i < C_N; i++) {
            mapped(map, i, want);
            if (strcmp(cell, want) != 0) continue;
            if (column[i] >= 0)
                return sp_error_set(err, SP_E_PARSE, name, 1, from, "column '%.40s' stands twice, as columns %d and %d; drop or rename one", cell, column[i] + 1, c + 1);
            column[i] = c;
        }
    }
    for (int i = 0; i < C_N; i++) {
        bool given = mapped(map, i, want);
        bool needed = i == C_SUBMIT || (i <= C_CHIPS && column[C_MODEL] < 0);   /* a model may say how long and on how many */
        if (column[i] < 0 && (given || needed))
            return sp_error_set(err, SP_E_PARSE, name, 1, 0, "no column '%s'; name the one with %s by --map %s=COLUMN", want,
                                i == C_SUBMIT ? "submit times in seconds" : i == C_RUN ? "run times in seconds" : i == C_CHIPS ? "numbers of chips" : ours[i], ours[i]);
    }
    return SP_OK;
}

/* A user's number: as it stands, or FNV-1a of a name (2^-32 that two names share one). */
static uint32_t user_of(const char *cell)
{
    uint32_t hash = 2166136261u;
    if (cell[0] != '\0' && strlen(cell) < 10 && strspn(cell, "0123456789") == strlen(cell)) return (uint32_t)strtoul(cell, NULL, 10);
    for (; *cell != '\0'; cell++) hash = (hash ^ (unsigned char)*cell) * 16777619u;
    return hash;
}

typedef struct row { double value[C_N]; uint32_t user; char model[CELL_TEXT], plan[CELL_TEXT]; } row;

static sp_status read_cells(const char *at, const char *end, const char *name, uint32_t line, const int column[C_N], row *out, sp_error *err)
{
    char cell[CELL_TEXT];
    const char *line_begin = at;
    for (int c = 0; at != NULL && c < CELLS; c++) {
        uint32_t from = (uint32_t)(at - line_begin) + 1;
        at = next_cell(at, end, cell);
        for (int i = 0; i < C_ID; i++) {
            if (column[i] != c || cell[0] == '\0') continue;
            char *stop;
            out->value[i] = strtod(cell, &stop);
            if (*stop != '\0' || !isfinite(out->value[i]))
                return sp_error_set(err, SP_E_PARSE, name, line, from, "found '%.40s' in column %d (%s); expected a number", cell, c + 1, ours[i]);
            if (out->value[i] < 0 && out->value[i] != -1 && i != C_PRIORITY)
                return sp_error_set(err, SP_E_RANGE, name, line, from, "found '%.40s' in column %d (%s); expected 0 or more, or -1 for unknown", cell, c + 1, ours[i]);
        }
        if (column[C_ID] == c && cell[0] != '\0') out->value[C_ID] = strspn(cell, "0123456789") == strlen(cell) ? strtod(cell, NULL) : -1;
        if (column[C_USER] == c) out->user = user_of(cell);
        if (column[C_MODEL] == c) strcpy(out->model, cell);
        if (column[C_PLAN] == c) strcpy(out->plan, cell);
    }
    return SP_OK;
}

/* Size and run time of a job with a model: those of its kind, for its steps. */
static sp_status read_kind(const sp_kind_source *kinds, const char *name, uint32_t line, row *r, uint32_t *number, sp_error *err)
{
    sp_job_kind kind;
    double chips = r->value[C_CHIPS], steps = r->value[C_STEPS];
    if (kinds == NULL) return sp_error_set(err, SP_E_INVAL, name, line, 0, "found model '%.100s'; jobs with a model need a machine to predict them on", r->model);
    if (chips > 0 && (chips != floor(chips) || chips > UINT32_MAX)) return sp_error_set(err, SP_E_RANGE, name, line, 0, "a job of %g chips; expected a whole number", chips);
    sp_status status = kinds->find(kinds->context, r->model, r->plan, chips > 0 ? (uint32_t)chips : 0, number, &kind, err);
    if (status != SP_OK) return sp_error_set(err, status == SP_E_UNFIT ? SP_E_INVAL : status, name, line, 0, "model '%.60s': %s", r->model, err == NULL ? "" : err->text);
    if (steps <= 0 && r->value[C_TOKENS] > 0) steps = ceil(r->value[C_TOKENS] / kind.tokens_per_step);
    if (steps <= 0 && r->value[C_RUN] <= 0) return sp_error_set(err, SP_E_INVAL, name, line, 0, "model '%.60s' without steps, tokens or run; expected one of them", r->model);
    if (steps > 0) r->value[C_RUN] = steps * kind.step_time_s;
    if (r->value[C_ESTIMATE] <= 0) r->value[C_ESTIMATE] = r->value[C_RUN];
    r->value[C_CHIPS] = kind.chips;
    return SP_OK;
}

static sp_status read_row(sp_i_job_list *list, const char *at, const char *end, const char *name, uint32_t line, const int column[C_N],
                          uint32_t most, const sp_kind_source *kinds, sp_error *err)
{
    row r = {.value = {-1, -1, -1, -1, -1, 0, -1, -1, -1, -1}};
    uint32_t number = 0, before = list->jobs.n;
    sp_status status = read_cells(at, end, name, line, column, &r, err);
    if (status == SP_OK && r.model[0] != '\0') status = read_kind(kinds, name, line, &r, &number, err);
    if (status != SP_OK) return status;
    const double *v = r.value;
    sp_i_record record = {.id = v[C_ID], .submit_s = v[C_SUBMIT], .run_s = v[C_RUN], .estimate_s = column[C_ESTIMATE] < 0 ? v[C_RUN] : v[C_ESTIMATE],
                          .used_chips = v[C_CHIPS], .asked_chips = v[C_CHIPS], .deadline_s = v[C_DEADLINE], .priority = v[C_PRIORITY], .replica_chips = v[C_REPLICA], .user = r.user};
    status = sp_i_job_record(list, name, line, &record, most, err);
    if (status == SP_OK && list->jobs.n > before) list->jobs.job[before].kind = number;
    return status;
}

sp_status sp_jobs_parse_csv(const char *text, size_t length, const char *name, const char *map, uint32_t most_chips, const sp_kind_source *kinds, sp_jobs *out,
                            sp_error *err)
{
    sp_i_job_list list = {0};
    int column[C_N];
    uint32_t line = 1;
    sp_status status = check_map(map, err);
    for (const char *at = text, *end = text + length; at < end && status == SP_OK; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        const char *nul = memchr(at, '\0', (size_t)(stop - at));
        if (nul != NULL) status = sp_error_set(err, SP_E_PARSE, name, line, (uint32_t)(nul - at) + 1, "found a NUL byte; expected text: is this a table?");
        else if (line == 1) status = read_header(at, stop, name, map, column, err);
        else if (stop > at && !(stop == at + 1 && *at == '\r')) status = read_row(&list, at, stop, name, line, column, most_chips, kinds, err);
        at = stop < end ? stop + 1 : end;
    }
    if (status == SP_OK) status = sp_i_jobs_finish(&list, name, out, err);
    sp_i_job_list_free(&list);
    return status;
}
