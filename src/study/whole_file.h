/* Files that are whole or absent. Private to study. */
#ifndef SP_WHOLE_FILE_H
#define SP_WHOLE_FILE_H

#include <stdio.h>

#include "superpod/base.h"

typedef struct sp_i_whole { FILE *file; char path[800], temporary[808]; } sp_i_whole;

sp_status sp_i_whole_open(const char *path, sp_i_whole *out, sp_error *err);
sp_status sp_i_whole_close(sp_i_whole *whole, sp_error *err);   /* renames it over `path`, or removes it on failure */
void sp_i_whole_drop(sp_i_whole *whole);                        /* removes it: `path` stays as it was               */

#endif
