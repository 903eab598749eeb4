/* What the files of a comparison's page share. */
#ifndef SP_REPORT_COMPARE_HTML_I_H
#define SP_REPORT_COMPARE_HTML_I_H

#include "report_private.h"

void sp_i_compare_title(sp_i_out *out, const sp_comparison *comparison, uint32_t entry);
/* The title after a box of the machine's colour. */
void sp_i_compare_name(sp_i_out *out, const sp_comparison *comparison, uint32_t entry);
void sp_i_compare_curves(sp_i_out *out, const sp_comparison *comparison);

#endif
