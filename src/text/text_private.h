/* What the files of text share. */
#ifndef SP_TEXT_PRIVATE_H
#define SP_TEXT_PRIVATE_H

#include "superpod/text.h"

#include <yaml.h>

enum { SP_I_DEPTH_MAX = 200 };

/* A place where the text given to libyaml is shorter or longer than the text read: from `column` (0-based, prepared text)
 * on, the rest of the line stands `shift` characters further right in the original. */
typedef struct sp_i_shift { uint32_t line, column; int32_t shift; } sp_i_shift;

struct sp_doc {
    sp_arena *arena;          /* holds this struct too */
    const char *name;
    yaml_document_t yaml;
    bool has_yaml;
    sp_i_shift *shift;
    size_t n_shifts;
};

/* The bytes libyaml is given: `text` itself, or a copy in the document's arena where JSON needs help. */
typedef struct sp_i_prepared { const unsigned char *bytes; size_t length; } sp_i_prepared;
sp_status sp_i_text_prepare(sp_doc *doc, const char *text, size_t length, sp_i_prepared *out, sp_error *err);

/* 1-based column in the original text of a 0-based position in the prepared text. */
uint32_t sp_i_text_column(const sp_doc *doc, size_t line, size_t column);

/* Duplicate keys, anchor cycles, nesting, alias bombs, NULs in strings. */
sp_status sp_i_text_check(sp_doc *doc, sp_error *err);

yaml_node_t *sp_i_text_node(sp_node node);

#endif
