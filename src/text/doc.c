#include "text_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEED_CHUNK = 1024, ANCHORS_MAX = 10000, TAG_DIRECTIVES_MAX = 100 };

static const size_t SIZE_MAX_BYTES = (size_t)64 << 20;

static sp_status no_memory(const char *name, sp_error *err)
{
    return sp_error_set(err, SP_E_NOMEM, name, 0, 0, "no memory to read the document");
}

static sp_status too_large(const char *name, sp_error *err)
{
    return sp_error_set(err, SP_E_RANGE, name, 0, 0, "the document is larger than 64 MiB, the most that is read as one piece");
}

/* libyaml's wording says what it met; this adds what to do about it. */
static const char *fix_for(const char *problem)
{
    static const struct { const char *part, *fix; } fixes[] = {
        {"cannot start any token", "; indent with spaces, not tabs, and quote text that starts with @ ` or %"},
        {"mapping values are not allowed", "; quote text that contains ': ', and indent all keys of a map alike"},
        {"could not find expected ':'", "; write each line of a map as 'key: value'"},
        {"did not find expected key", "; indent all keys of a map alike, and separate entries of {...} by commas"},
        {"',' or '}'", "; separate entries by commas and close the map with '}'"},
        {"',' or ']'", "; separate items by commas and close the list with ']'"},
        {"unexpected end of stream", "; close the quote"},
        {"undefined alias", "; define it with & before using it with *, or quote text that starts with *"},
        {"control characters", "; remove the byte"},
        {"UTF-8", "; save the file as UTF-8"},
        {"Unicode character escape", "; write the character itself"},
    };
    for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
        if (problem && strstr(problem, fixes[i].part))
            return fixes[i].fix;
    return "";
}

/* Line and column of a byte of the prepared text: libyaml gives only an offset for bytes it cannot decode. */
static void mark_of_offset(const sp_i_prepared *text, size_t offset, size_t *line, size_t *column)
{
    *line = *column = 0;
    for (size_t i = 0; i < offset && i < text->length; i++) {
        if (text->bytes[i] == '\n') {
            ++*line;
            *column = 0;
        } else if ((text->bytes[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

/* libyaml takes time quadratic in open brackets, anchors and tag directives. It is fed in small pieces, and stopped
 * between two of them when there are more than any honest document has. */
typedef struct feed { const yaml_parser_t *parser; sp_i_prepared rest; const char *excess; } feed;

static int feed_some(void *data, unsigned char *buffer, size_t size, size_t *size_read)
{
    feed *f = data;
    const yaml_parser_t *p = f->parser;
    if (p->flow_level > SP_I_DEPTH_MAX)
        f->excess = "brackets are nested deeper than 200 levels";
    else if (p->aliases.top - p->aliases.start > ANCHORS_MAX)
        f->excess = "more than 10000 anchors (&name); write the values out";
    else if (p->tag_directives.top - p->tag_directives.start > TAG_DIRECTIVES_MAX)
        f->excess = "more than 100 %TAG directives; remove them";
    if (f->excess)
        return 0;
    size_t n = size < FEED_CHUNK ? size : FEED_CHUNK;
    n = n < f->rest.length ? n : f->rest.length;
    memcpy(buffer, f->rest.bytes, n);
    f->rest.bytes += n;
    f->rest.length -= n;
    *size_read = n;
    return 1;
}

static sp_status parser_error(const sp_doc *doc, const yaml_parser_t *parser, const sp_i_prepared *text, const char *excess,
                              sp_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR || parser->error == YAML_NO_ERROR)   /* the loader fails without saying why */
        return no_memory(doc->name, err);
    if (excess)
        return sp_error_set(err, SP_E_PARSE, doc->name, (uint32_t)parser->mark.line + 1,
                            sp_i_text_column(doc, parser->mark.line, parser->mark.column), "%s", excess);
    size_t line = parser->problem_mark.line, column = parser->problem_mark.column;
    if (parser->error == YAML_READER_ERROR)
        mark_of_offset(text, parser->problem_offset, &line, &column);
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    char context[160] = "";
    if (parser->context && parser->context_mark.line != line)
        snprintf(context, sizeof context, " (%s that starts at line %zu)", parser->context, parser->context_mark.line + 1);
    else if (parser->context && !strstr(parser->context, "next token"))
        snprintf(context, sizeof context, " (%s)", parser->context);
    return sp_error_set(err, SP_E_PARSE, doc->name, (uint32_t)line + 1, sp_i_text_column(doc, line, column),
                        "not valid YAML or JSON: %s%s%s", problem, context, fix_for(problem));
}

/* The one document of the text into doc->yaml. */
static sp_status load_one(sp_doc *doc, yaml_parser_t *parser, const sp_i_prepared *text, sp_error *err)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    feed input = {parser, *text, NULL};
    yaml_parser_set_input(parser, feed_some, &input);
    if (!yaml_parser_load(parser, &doc->yaml))
        return parser_error(doc, parser, text, input.excess, err);
    doc->has_yaml = true;
    if (!yaml_document_get_root_node(&doc->yaml))
        return sp_error_set(err, SP_E_PARSE, doc->name, 1, 1, "the document is empty; expected YAML or JSON");
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second))
        return parser_error(doc, parser, text, input.excess, err);
    bool more = yaml_document_get_root_node(&second) != NULL;
    size_t line = second.start_mark.line, column = second.start_mark.column;
    yaml_document_delete(&second);
    if (more)
        return sp_error_set(err, SP_E_PARSE, doc->name, (uint32_t)line + 1, sp_i_text_column(doc, line, column),
                            "a second document starts here; expected one document a file, remove it or the '---'");
    return SP_OK;
}

static sp_status fill(sp_doc *doc, const char *text, size_t length, sp_error *err)
{
    sp_i_prepared prepared;
    sp_status status = sp_i_text_prepare(doc, text, length, &prepared, err);
    if (status)
        return status;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return no_memory(doc->name, err);
    status = load_one(doc, &parser, &prepared, err);
    yaml_parser_delete(&parser);
    return status ? status : sp_i_text_check(doc, err);
}

sp_status sp_doc_parse(const char *text, size_t length, const char *name, sp_doc **out, sp_error *err)
{
    if (length > SIZE_MAX_BYTES)
        return too_large(name, err);
    sp_arena *arena = sp_arena_create();
    sp_doc *doc = arena ? sp_arena_alloc(arena, 1, sizeof *doc) : NULL;
    char *own_name = doc ? sp_arena_strdup(arena, name ? name : "") : NULL;
    if (!own_name) {
        sp_arena_destroy(arena);
        return no_memory(name, err);
    }
    doc->arena = arena;
    doc->name = own_name;
    sp_status status = fill(doc, text, length, err);
    if (status) {
        sp_doc_destroy(doc);
        return status;
    }
    *out = doc;
    return SP_OK;
}

sp_status sp_doc_load(const char *path, sp_doc **out, sp_error *err)
{
    char *text = NULL;
    size_t length = 0;
    sp_status status = sp_text_read_file(path, SIZE_MAX_BYTES, &text, &length, err);
    if (!status)
        status = sp_doc_parse(text, length, path, out, err);
    free(text);
    return status;
}

void sp_doc_destroy(sp_doc *doc)
{
    if (!doc)
        return;
    if (doc->has_yaml)
        yaml_document_delete(&doc->yaml);
    sp_arena_destroy(doc->arena);
}

const char *sp_doc_name(const sp_doc *doc)
{
    return doc->name;
}

sp_node sp_doc_root(const sp_doc *doc)
{
    return (sp_node){doc, 1};   /* libyaml numbers nodes from 1, the root first */
}
