/* A comparison tells how far it is. */
#include "compare_i.h"

bool sp_i_compare_tell(sp_i_compare *c, const char *what)
{
    return !c->problem->progress || c->problem->progress(c->problem->progress_context, what);
}
