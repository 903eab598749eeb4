/* The entrance for models: tells a Hugging Face configuration from a catalog entry and keeps nothing of the document. */
#include "model_i.h"
#include "hf_i.h"

#include <string.h>

static bool is_hugging_face(sp_node root)
{
    return sp_node_is(sp_node_get(root, "model_type")) || sp_node_is(sp_node_get(root, "text_config")) || sp_node_is(sp_node_get(root, "architectures"));
}

/* "dir/deepseek-v3.yaml" is deepseek-v3, "GLM-5_config.json" GLM-5; "config.json" takes the name of its folder. */
static const char *name_of_path(sp_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    const char *dot = strrchr(base, '.');
    if (dot && dot != base)
        length = (size_t)(dot - base);
    if (slash && slash != path && length == 6 && !strncmp(base, "config", 6)) {
        const char *start = slash;
        while (start != path && start[-1] != '/')
            start--;
        return sp_arena_strndup(arena, start, (size_t)(slash - start));
    }
    if (length > 7 && !strncmp(base + length - 7, "_config", 7))
        length -= 7;
    return sp_arena_strndup(arena, base, length);
}

sp_status sp_model_parse(sp_node root, const char *assume, sp_arena *arena, const sp_model **out, sp_error *err)
{
    if (sp_node_kind_of(root) != SP_NODE_MAP)
        return sp_node_fail(root, SP_E_PARSE, err, "not a model: expected a map, a Hugging Face config.json or a catalog entry with name and stack");
    sp_model *model = sp_arena_alloc(arena, 1, sizeof *model);
    if (!model)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the model");
    const bool catalog = sp_node_is(sp_node_get(root, "stack")) || sp_node_is(sp_node_get(root, "layers"));
    sp_status status = is_hugging_face(root) || (assume && !catalog) ? sp_i_hf_parse(root, assume, arena, model, err)
                                                                     : sp_i_model_catalog_parse(root, arena, model, err);
    if (status != SP_OK)
        return status;
    if (!model->name)
        model->name = name_of_path(arena, sp_doc_name(root.doc));
    if (!model->name)
        return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the model");
    sp_error fault;
    if (sp_model_check(model, &fault) != SP_OK)
        return sp_node_fail(root, SP_E_INVAL, err, "%s", fault.text);
    *out = model;
    return SP_OK;
}

sp_status sp_model_load(const char *path, const char *assume, sp_arena *arena, const sp_model **out, sp_error *err)
{
    sp_doc *doc;
    sp_status status = sp_doc_load(path, &doc, err);
    if (status != SP_OK)
        return status;
    status = sp_model_parse(sp_doc_root(doc), assume, arena, out, err);
    sp_doc_destroy(doc);
    return status;
}
