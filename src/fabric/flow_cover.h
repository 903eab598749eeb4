/* Links left out of a problem since another one holds back whatever they would (flow_cover.c). Count the routes of all jobs, then judge
 * them all, then keep what is left of each. */
#ifndef SP_FABRIC_FLOW_COVER_H
#define SP_FABRIC_FLOW_COVER_H

#include "flow_i.h"

typedef struct sp_i_cover sp_i_cover;
sp_i_cover *sp_i_cover_create(uint32_t n_links);   /* NULL: no memory */
void sp_i_cover_destroy(sp_i_cover *cover);
void sp_i_cover_count(sp_i_cover *cover, const sp_hop *hops, uint32_t n);
void sp_i_cover_judge(sp_i_cover *cover, const sp_router *router, const double *fraction, const sp_hop *hops, uint32_t n);
/* Takes the others out of hops; returns how many are left. */
uint32_t sp_i_cover_keep(const sp_i_cover *cover, sp_hop *hops, uint32_t n);

#endif
