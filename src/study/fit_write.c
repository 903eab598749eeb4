/* Catalog files with fitted values: the text of a file with the lines of its constants made anew, everything else as it is. */
#include "fit_i.h"
#include "whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20)
#define FOLLOWS "where it is fitted"   /* how the source of a guess says that it is a copy of a fitted value */

static const char *read_all(const char *path, sp_arena *arena, sp_error *err)
{
    char *text;
    size_t n;
    if (sp_text_read_file(path, FILE_MAX, &text, &n, err) != SP_OK)
        return NULL;
    const char *kept = sp_arena_strdup(arena, text);
    bool cut = strlen(text) != n;
    free(text);
    if (!kept || cut)
        sp_error_set(err, kept ? SP_E_PARSE : SP_E_NOMEM, path, 0, 0, kept ? "found a NUL byte; expected text" : "no memory for the file");
    return cut ? NULL : kept;
}

static const char *line_end(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end : line + strlen(line);
}

/* The line "key: {value: …}" of a constant, below the line `under`; *end is the line's end. */
static const char *find_line(const char *text, const char *under, const char *key, const char **end)
{
    size_t n = strlen(key), n_under = under ? strlen(under) : 0;
    bool below = under == NULL;
    for (const char *line = text; *line; line = **end ? *end + 1 : *end) {
        const char *at = line + strspn(line, " ");
        *end = line_end(line);
        if (!below)
            below = (size_t)(*end - at) == n_under && strncmp(at, under, n_under) == 0;
        else if (strncmp(at, key, n) == 0 && strncmp(at + n, ": {value: ", 10) == 0)
            return line;
    }
    return NULL;
}

static bool has(const char *line, const char *end, const char *word)
{
    const char *at = strstr(line, word);
    return at && at < end;
}

/* What the source says after its first semicolon, without the closing quote; "" when nothing. */
static const char *remark(const char *line, const char *end, int *length)
{
    const char *at = has(line, end, "grade: fitted") ? memchr(line, ';', (size_t)(end - line)) : NULL;
    const char *quote = end;
    while (quote > line && *quote != '"')
        quote--;
    *length = at && quote > at ? (int)(quote - at) : 0;
    return at ? at : "";
}

/* A value that is another's multiple, or a guess that is a copy of a fitted one, keeps what its line says. */
static char *new_line(const sp_study_constant *c, const sp_study_place *place, const char *line, const char *end, sp_arena *arena)
{
    char triple[128];
    const char *u = c->unit;
    double times = place->times;
    snprintf(triple, sizeof triple, "[%.4g%s, %.4g%s, %.4g%s]", times * c->low, u, times * c->value, u, times * c->high, u);
    int indent = (int)strspn(line, " "), length;
    if (times != 1 || has(line, end, FOLLOWS)) {
        const char *grade = strstr(line, ", grade:");
        return sp_arena_printf(arena, "%*s%s: {value: %s%.*s", indent, "", c->key, triple, grade && grade < end ? (int)(end - grade) : 0,
                               grade);
    }
    const char *cited = has(line, end, "source: \"FIT: ") ? "FIT: " : "";   /* files with a list of sources name one of it */
    if (c->kept)
        return sp_arena_printf(arena, "%*s%s: {value: %s, grade: guess, source: \"%s%s: only %u rows of %s depend on it\"}", indent, "", c->key,
                               triple, cited, c->kept, c->rows, c->origin);
    const char *said = remark(line, end, &length);
    return sp_arena_printf(arena, "%*s%s: {value: %s, grade: fitted, source: \"%ssuperpod calibrate on %s: %u rows, %s%.*s\"}", indent, "",
                           c->key, triple, cited, c->origin, c->rows, c->of, length, said);
}

static const char *renew(const sp_study_constant *c, const sp_study_place *place, const char *path, const char *text, sp_arena *arena,
                         sp_error *err)
{
    const char *end, *line = find_line(text, place->under, c->key, &end);
    if (!line) {
        sp_error_set(err, SP_E_NOTFOUND, path, 0, 0, "no line '%s: {value: ...}'%s%s%s, expected one to put the fitted value in", c->key,
                     place->under ? " below '" : "", place->under ? place->under : "", place->under ? "'" : "");
        return NULL;
    }
    const char *made = new_line(c, place, line, end, arena);
    text = made ? sp_arena_printf(arena, "%.*s%s%s", (int)(line - text), text, made, end) : NULL;
    if (!text)
        sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory for the file");
    return text;
}

/* The text of a file with all its constants. */
static const char *new_text(const sp_study_calibration *all, const char *file, const char *path, const char *text, sp_arena *arena,
                            sp_error *err)
{
    for (uint32_t k = 0; k < all->n_constants; k++) {
        const sp_study_constant *c = &all->constants[k];
        for (uint32_t p = 0; text && p < c->n_places; p++)
            if (strcmp(c->places[p].file, file) == 0)
                text = renew(c, &c->places[p], path, text, arena, err);
    }
    return text;
}

static sp_status put(const char *to, const char *file, const char *text, sp_arena *arena, sp_error *err)
{
    const char *path = sp_arena_printf(arena, "%s/%s", to, file);
    const char *folder = sp_arena_printf(arena, "%s/%.*s", to, (int)strcspn(file, "/"), file);
    if (!path || !folder)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a name");
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return sp_error_set(err, SP_E_IO, folder, 0, 0, "cannot make the folder: %s", strerror(errno));
    sp_i_whole out;
    sp_status status = sp_i_whole_open(path, &out, err);
    if (status != SP_OK)
        return status;
    fputs(text, out.file);
    return sp_i_whole_close(&out, err);
}

static bool seen_before(const sp_study_calibration *all, uint32_t constant, uint32_t place)
{
    const char *file = all->constants[constant].places[place].file;
    for (uint32_t k = 0; k <= constant; k++)
        for (uint32_t p = 0; p < (k < constant ? all->constants[k].n_places : place); p++)
            if (strcmp(all->constants[k].places[p].file, file) == 0)
                return true;
    return false;
}

static sp_status renew_file(const sp_study_calibration *all, const char *file, const char *from, const char *to, sp_arena *arena,
                            uint32_t *changed, sp_error *err)
{
    const char *path = sp_arena_printf(arena, "%s/%s", from, file);
    if (!path)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for a name");
    const char *was = read_all(path, arena, err), *now = was ? new_text(all, file, path, was, arena, err) : NULL;
    if (!now)
        return err->status;
    *changed += strcmp(was, now) != 0;
    return to ? put(to, file, now, arena, err) : SP_OK;
}

sp_status sp_study_calibration_write(const sp_study_calibration *calibration, const char *from, const char *to, sp_arena *arena,
                                     uint32_t *n_changed, sp_error *err)
{
    uint32_t changed = 0;
    for (uint32_t k = 0; k < calibration->n_constants; k++)
        for (uint32_t p = 0; p < calibration->constants[k].n_places; p++) {
            sp_status status = seen_before(calibration, k, p)
                                   ? SP_OK : renew_file(calibration, calibration->constants[k].places[p].file, from, to, arena, &changed, err);
            if (status != SP_OK)
                return status;
        }
    *n_changed = changed;
    return SP_OK;
}
