/* Digests of the content of a problem. Private to plan. */
#ifndef SP_PLAN_DIGEST_H
#define SP_PLAN_DIGEST_H

#include "superpod/plan.h"

typedef struct sp_i_digest { char model[65], machine[65], chip[65]; } sp_i_digest;   /* SHA-256 in hexadecimal */

/* Errors: SP_E_NOMEM. */
sp_status sp_i_digests(const sp_machine *machine, const sp_model *model, sp_i_digest *out, sp_error *err);

#endif
