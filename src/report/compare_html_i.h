/* What the files of a comparison's page share. */
#ifndef SP_REPORT_COMPARE_HTML_I_H
#define SP_REPORT_COMPARE_HTML_I_H

#include "report_private.h"

const char *sp_i_title(const sp_compare_entry *entry);
/* The machine's name after a box of its colour. */
void sp_i_compare_name(sp_i_out *out, const sp_comparison *comparison, uint32_t entry);
void sp_i_compare_curves(sp_i_out *out, const sp_comparison *comparison);

#endif
