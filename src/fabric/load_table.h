/* The table of loads that walks over flows fill. Private to load.c. */
#ifndef SP_FABRIC_LOAD_TABLE_H
#define SP_FABRIC_LOAD_TABLE_H

#include "load.h"

typedef enum sp_i_link { SP_I_LINK_MESH, SP_I_LINK_UP, SP_I_LINK_DOWN } sp_i_link;   /* of a mesh; of a ring, either way */

/* Add bytes to a link, a port or a unit's way out, at the rate all of its kind have, and note how busy it is. false: no memory.
 * A direct link is from `position` to `to` along a lane; a port is a position's; bytes of a unit are those of each of its chips, mean. */
bool sp_i_load_link(sp_i_load *load, sp_i_link kind, uint32_t lane, uint64_t position, uint32_t to, uint32_t tier, double bytes, double rate);
bool sp_i_load_port(sp_i_load *load, bool in, uint32_t tier, uint32_t position, double bytes, double rate);
bool sp_i_load_unit(sp_i_load *load, bool in, uint32_t tier, uint32_t unit, double bytes, double rate);
/* A wire is busy for so long: for loads that are known without a table. */
void sp_i_load_note(sp_i_load *load, uint32_t wire, double seconds, uint32_t tier);
/* What the step asks, to be added to. */
sp_i_asked *sp_i_load_table_asked(sp_i_load *load);

#endif
