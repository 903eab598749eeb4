/* Which job has which chips, and until when: a line "NAME IDS [TIME]" each, as "j17 0-63,128 3h". */
#include "cli.h"
#include "superpod/cluster.h"
#include "superpod/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX ((size_t)256 << 20)   /* every other chip of 16 million by its number is 70 MB */

static sp_status take(const sp_idset *set, const char *name, sp_cluster *cluster, uint32_t owner, uint32_t *list, sp_error *err)
{
    for (size_t r = 0; r < set->n; r++)
        for (uint64_t id = set->range[2 * r]; id <= set->range[2 * r + 1]; id++) {
            if (!sp_cluster_chip_free(cluster, (uint32_t)id))
                return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "job %.40s: chip %llu is taken by another, or down; each chip has one job", name, (unsigned long long)id);
            if (!sp_cluster_take(cluster, (uint32_t)id, owner, list)) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
        }
    return SP_OK;
}

/* Blank lines and what follows # are skipped. *at: the word that is wrong, if one is. */
static sp_status read_line(cli_run *cli, char *line, sp_cluster *cluster, cli_running *jobs, const char **at, sp_error *err)
{
    uint32_t chips = sp_cluster_shape_get(cluster)->chips;
    line[strcspn(line, "#")] = '\0';
    char *name = strtok(line, " \t\r\n"), *ids = strtok(NULL, " \t\r\n"), *ends = strtok(NULL, " \t\r\n"), *more = strtok(NULL, " \t\r\n");
    sp_idset set;
    *at = more != NULL ? more : ids != NULL ? ids : name;
    if (name == NULL) return SP_OK;
    if (ids == NULL) return sp_error_set(err, SP_E_PARSE, NULL, 0, 0, "found '%.40s' alone; expected a job's name and its chips, as \"j17 0-63,128\"", name);
    if (more != NULL)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, 0, "job %.40s: found '%.40s' after its chips and its time; expected a name, its chips without spaces and, if need be, the time it still runs: "
                            "\"j17 0-63,128 3h\"", name, more);
    if (sp_idset_parse(cli->arena, ids, chips - 1, &set, err) != SP_OK)
        return sp_error_set(err, SP_E_PARSE, NULL, 0, 0, "job %.40s: ids '%.40s'; expected chips of 0 to %u, as 0-63,128", name, ids, chips - 1);
    double ends_s = INFINITY;
    *at = ends;
    if (ends != NULL && (sp_unit_parse(ends, SP_UNIT_SECONDS, &ends_s, err) != SP_OK || !(ends_s >= 0)))
        return sp_error_set(err, SP_E_PARSE, NULL, 0, 0, "job %.40s: found '%.40s' after its chips; expected the time that it still runs, as 3h, or nothing", name, ends);
    if (jobs->n == jobs->room) return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "more than %u jobs", jobs->room);
    *at = ids;
    jobs->name[jobs->n] = sp_arena_strdup(cli->arena, name);
    if (jobs->name[jobs->n] == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    jobs->ends_s[jobs->n] = ends_s;
    jobs->list[jobs->n] = SP_NOWHERE;
    sp_status status = take(&set, name, cluster, jobs->n, &jobs->list[jobs->n], err);
    if (status == SP_OK) jobs->n++;
    return status;
}

/* ---- each name once -------------------------------------------------------------------------------------------------- */

typedef struct named { const char *name; uint32_t line; } named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : x->line < y->line ? -1 : x->line > y->line;
}

/* A name that stands twice would be two jobs that are moved, and restart, apart. */
static sp_status names_differ(cli_run *cli, const char *path, const cli_running *jobs, const uint32_t *line, sp_error *err)
{
    named *all = sp_arena_alloc(cli->arena, jobs->n + (size_t)1, sizeof *all);
    const named *first = NULL;
    if (all == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    for (uint32_t i = 0; i < jobs->n; i++) all[i] = (named){jobs->name[i], line[i]};
    qsort(all, jobs->n, sizeof *all, by_name);
    for (uint32_t i = 0; i + 1 < jobs->n; i++)
        if (strcmp(all[i].name, all[i + 1].name) == 0 && (first == NULL || all[i + 1].line < first[1].line)) first = &all[i];
    if (first == NULL) return SP_OK;
    return sp_error_set(err, SP_E_INVAL, path, first[1].line, 1, "job %.40s stands in line %u too; a name is one job: give all its chips in one line, as \"j17 0-63,128\", or rename one",
                        first->name, first->line);
}

/* Cuts `text` into lines, and these into words. */
static sp_status read_lines(cli_run *cli, const char *path, char *text, sp_cluster *cluster, cli_running *out, uint32_t *lines, sp_error *err)
{
    sp_status status = SP_OK;
    uint32_t number = 1;
    for (char *line = text, *next; status == SP_OK && line != NULL; line = next, number++) {
        if ((next = strchr(line, '\n')) != NULL) *next++ = '\0';
        const char *at = NULL;
        uint32_t known = out->n;
        status = read_line(cli, line, cluster, out, &at, err);
        if (out->n != known) lines[known] = number;
        if (status == SP_OK || err == NULL) continue;
        snprintf(err->file, sizeof err->file, "%s", path);
        err->line = number;
        err->column = at != NULL ? (uint32_t)(at - line) + 1 : 0;
    }
    return status;
}

sp_status cli_running_read(cli_run *cli, const char *path, sp_cluster *cluster, cli_running *out, sp_error *err)
{
    uint32_t room = sp_cluster_shape_get(cluster)->chips;
    *out = (cli_running){.room = room, .name = sp_arena_alloc(cli->arena, room, sizeof *out->name), .list = sp_arena_alloc(cli->arena, room, sizeof *out->list),
                         .ends_s = sp_arena_alloc(cli->arena, room, sizeof *out->ends_s)};
    uint32_t *lines = sp_arena_alloc(cli->arena, room, sizeof *lines);
    if (out->name == NULL || out->list == NULL || out->ends_s == NULL || lines == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    char *text = NULL;
    size_t length = 0;
    sp_status status = sp_text_read_file(path, LIST_BYTES_MAX, &text, &length, err);
    if (status == SP_OK && strlen(text) != length)
        status = sp_error_set(err, SP_E_PARSE, path, 0, 0, "found a NUL byte; expected lines of text: a job's name and its chips, as \"j17 0-63,128\"");
    if (status == SP_OK) status = read_lines(cli, path, text, cluster, out, lines, err);
    free(text);
    if (status == SP_OK) status = names_differ(cli, path, out, lines, err);
    if (status == SP_OK) cli_input_add(cli, path);
    return status;
}
