/* Tables of jobs with a header line and a map from our names to the table's: Philly, Helios, Acme and others differ only in those. */
#include "jobs_i.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { C_SUBMIT, C_RUN, C_CHIPS, C_ESTIMATE, C_DEADLINE, C_PRIORITY, C_REPLICA, C_ID, C_USER, C_N };   /* the last two are names */
static const char *const ours[C_N] = {"submit", "run", "chips", "estimate", "deadline", "priority", "replica", "id", "user"};
#define CELLS 256
#define CELL_TEXT 128

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
            return sp_error_set(err, SP_E_PARSE, "--map", 1, (uint32_t)(at - map) + 1, "found '%.*s'; expected submit=, run=, chips=, estimate=, deadline=, priority=, replica=, id= or user= with a column's name",
                                (int)length, at);
        at += length + (at[length] == ',');
    }
    return SP_OK;
}

static sp_status read_header(const char *at, const char *end, const char *name, const char *map, int column[C_N], sp_error *err)
{
    char cell[CELL_TEXT], want[CELL_TEXT];
    for (int i = 0; i < C_N; i++) column[i] = -1;
    for (int c = 0; at != NULL && c < CELLS; c++) {
        at = next_cell(at, end, cell);
        for (int i = 0; i < C_N; i++) {
            mapped(map, i, want);
            if (strcmp(cell, want) == 0) column[i] = c;
        }
    }
    for (int i = 0; i < C_N; i++) {
        bool given = mapped(map, i, want);
        if (column[i] < 0 && (given || i <= C_CHIPS))
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

static sp_status read_row(sp_i_job_list *list, const char *at, const char *end, const char *name, uint32_t line, const int column[C_N],
                          uint32_t most, sp_error *err)
{
    char cell[CELL_TEXT];
    double value[C_N] = {-1, -1, -1, -1, -1, 0, -1, -1, 0};
    uint32_t user = 0;
    for (int c = 0; at != NULL && c < CELLS; c++) {
        at = next_cell(at, end, cell);
        for (int i = 0; i < C_ID; i++) {
            if (column[i] != c || cell[0] == '\0') continue;
            char *stop;
            value[i] = strtod(cell, &stop);
            if (*stop != '\0' || !isfinite(value[i]))
                return sp_error_set(err, SP_E_PARSE, name, line, (uint32_t)c + 1, "found '%.40s' in column %d (%s); expected a number", cell, c + 1, ours[i]);
        }
        if (column[C_ID] == c && cell[0] != '\0') value[C_ID] = strspn(cell, "0123456789") == strlen(cell) ? strtod(cell, NULL) : -1;
        if (column[C_USER] == c) user = user_of(cell);
    }
    sp_i_record record = {.id = value[C_ID], .submit_s = value[C_SUBMIT], .run_s = value[C_RUN], .estimate_s = column[C_ESTIMATE] < 0 ? value[C_RUN] : value[C_ESTIMATE],
                          .used_chips = value[C_CHIPS], .asked_chips = value[C_CHIPS], .deadline_s = value[C_DEADLINE], .priority = value[C_PRIORITY], .replica_chips = value[C_REPLICA], .user = user};
    return sp_i_job_record(list, name, line, &record, most, err);
}

sp_status sp_jobs_parse_csv(const char *text, size_t length, const char *name, const char *map, uint32_t most_chips, sp_jobs *out, sp_error *err)
{
    sp_i_job_list list = {0};
    int column[C_N];
    uint32_t line = 1;
    sp_status status = check_map(map, err);
    for (const char *at = text, *end = text + length; at < end && status == SP_OK; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        if (line == 1) status = read_header(at, stop, name, map, column, err);
        else if (stop > at && !(stop == at + 1 && *at == '\r')) status = read_row(&list, at, stop, name, line, column, most_chips, err);
        at = stop < end ? stop + 1 : end;
    }
    if (status == SP_OK) status = sp_i_jobs_finish(&list, name, out, err);
    sp_i_job_list_free(&list);
    return status;
}
