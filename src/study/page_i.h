/* What the files of the validation's page share. */
#ifndef SP_PAGE_I_H
#define SP_PAGE_I_H

#include <stdio.h>

#include "superpod/study.h"

/* Text with what XML and Markdown tables treat as marks escaped. */
void sp_i_page_text(FILE *file, const char *text);
/* One plot; false (and nothing written) when the class has nothing to draw. */
bool sp_i_page_scatter(FILE *file, const sp_study *study, const sp_study_group *class);

#endif
