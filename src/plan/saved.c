/* Saved plans: a small YAML file that says what the plan was made for, by name and by digest, and is refused for anything else. */
#include "digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sp_status cannot(const char *what, const char *path, sp_error *err)
{
    return sp_error_set(err, SP_E_IO, path, 0, 0, "cannot %s the plan file; check the folder and free space", what);
}

sp_status sp_plan_save(const char *path, const sp_plan *plan, const sp_machine *machine, const sp_model *model, sp_error *err)
{
    char text[1024], string[1024], temporary[1024];
    sp_i_digest digest;
    sp_status status = sp_i_digests(machine, model, &digest, err);
    if (status != SP_OK)
        return status;
    sp_plan_format(plan, text, sizeof text);
    sp_machine_format(machine, string, sizeof string);
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= sizeof temporary)
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "path of the plan file is too long");
    FILE *file = fopen(temporary, "wx");
    if (!file)
        return cannot("create", path, err);
    fprintf(file, "superpod-plan: 2\nversion: \"%s\"\nmodel: \"%s\"\nmachine: \"%s\"\nchip: \"%s\"\n", SP_VERSION, model->name, string,
            machine->chip->name);
    fprintf(file, "model-sha256: %s\nmachine-sha256: %s\nchip-sha256: %s\nplan: \"%s\"\n", digest.model, digest.machine, digest.chip, text);
    bool written = fflush(file) == 0 && ferror(file) == 0;
    if (fclose(file) != 0 || !written || rename(temporary, path) != 0) {
        remove(temporary);
        return cannot("write", path, err);
    }
    return SP_OK;
}

static sp_status must_equal(sp_node map, const char *key, const char *expected, const char *fix, sp_error *err)
{
    sp_node node;
    const char *text;
    sp_status status = sp_node_need(map, key, &node, err);
    if (status == SP_OK)
        status = sp_node_read_text(node, &text, err);
    if (status == SP_OK && strcmp(text, expected) != 0)
        status = sp_node_fail(node, SP_E_INVAL, err, "found a plan made for %s '%s', expected '%s'; %s", key, text, expected, fix);
    return status;
}

/* The name is the same and the content is not: a file was edited. */
static sp_status must_hold(sp_node map, const char *what, const char *name, const char *digest, sp_error *err)
{
    char key[32];
    sp_node node;
    const char *text;
    snprintf(key, sizeof key, "%s-sha256", what);
    sp_status status = sp_node_need(map, key, &node, err);
    if (status == SP_OK)
        status = sp_node_read_text(node, &text, err);
    if (status == SP_OK && strcmp(text, digest) != 0)
        status = sp_node_fail(node, SP_E_INVAL, err, "found a plan made for %s '%s' when its files said other than now (sha256 %.12s, now %.12s); make the "
                              "plan again, or put the files back", what, name, text, digest);
    return status;
}

static sp_status read_made_for(sp_node root, const sp_machine *machine, const sp_model *model, sp_error *err)
{
    char string[1024];
    sp_i_digest digest;
    sp_machine_format(machine, string, sizeof string);
    sp_status status = sp_i_digests(machine, model, &digest, err);
    if (status == SP_OK)
        status = must_equal(root, "superpod-plan", "2", "make the plan again", err);
    if (status == SP_OK)
        status = must_equal(root, "version", SP_VERSION, "make the plan again with this version", err);
    if (status == SP_OK)
        status = must_equal(root, "model", model->name, "give that model, or make a plan for this one", err);
    if (status == SP_OK)
        status = must_equal(root, "machine", string, "give that machine, or make a plan for this one", err);
    if (status == SP_OK)
        status = must_equal(root, "chip", machine->chip->name, "give a machine of that chip, or make a plan for this one", err);
    if (status == SP_OK)
        status = must_hold(root, "model", model->name, digest.model, err);
    if (status == SP_OK)
        status = must_hold(root, "chip", machine->chip->name, digest.chip, err);
    return status == SP_OK ? must_hold(root, "machine", string, digest.machine, err) : status;
}

static sp_status read_plan(sp_node root, const sp_machine *machine, const sp_model *model, sp_arena *arena, sp_plan *out, sp_error *err)
{
    static const char *const keys[] = {"superpod-plan", "version", "model", "machine", "chip", "model-sha256", "machine-sha256", "chip-sha256", "plan", NULL};
    sp_node node;
    const char *text;
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_PARSE, err, "found no map, expected a saved plan: superpod-plan, version, model, machine, chip, their sha256, plan");
    sp_status status = sp_node_only_keys(root, keys, err);
    if (status == SP_OK)
        status = read_made_for(root, machine, model, err);
    if (status == SP_OK)
        status = sp_node_need(root, "plan", &node, err);
    if (status == SP_OK)
        status = sp_node_read_text(node, &text, err);
    if (status != SP_OK)
        return status;
    sp_plan plan = sp_plan_default();
    sp_error inner = {0};
    status = sp_plan_parse(text, arena, &plan, &inner);
    if (status != SP_OK)
        return sp_node_fail(node, status, err, "%s (character %u of the plan)", inner.text, inner.column);
    *out = plan;
    return SP_OK;
}

sp_status sp_plan_load(const char *path, const sp_machine *machine, const sp_model *model, sp_arena *arena, sp_plan *out, sp_error *err)
{
    sp_doc *doc;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status != SP_OK)
        return status;
    status = read_plan(sp_doc_root(doc), machine, model, arena, out, err);
    sp_doc_destroy(doc);
    return status;
}
