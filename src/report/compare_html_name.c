/* Machines of a comparison by name. */
#include "compare_html_i.h"

/* Machines of one title (two sizes of a family) are told apart by what was asked for. */
void sp_i_compare_title(sp_i_out *out, const sp_comparison *r, uint32_t i)
{
    bool twice = false;
    for (uint32_t k = 0; k < r->n; k++)
        twice = twice || (k != i && r->entry[k].machine == r->entry[i].machine);
    sp_i_html(out, twice ? r->entry[i].text : sp_i_machine_title(r->entry[i].machine));
}

void sp_i_compare_name(sp_i_out *out, const sp_comparison *r, uint32_t i)
{
    sp_i_out_printf(out, "<i class=\"box k%u\"></i>", i % SP_I_COLOR_IDLE);
    sp_i_compare_title(out, r, i);
}
