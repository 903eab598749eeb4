/* Whether a search may go on, asked now and then. */
#include "solve.h"

bool sp_i_keep_going(sp_i_solver *s)
{
    if (s->poll && (++s->since_poll & 63) == 0 && !s->poll(s->poll_context))
        s->stopped = true;
    return !s->stopped;
}
