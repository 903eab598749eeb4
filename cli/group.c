/* --group: a set of chips -> a placement along the machine's tiers. A set of ids is regular when it is a box in mixed radix:
 * equal runs at equal distances, nested; anything else is refused, because evaluators take boxes. */
#include "cli.h"
#include "superpod/collective.h"

#include <stdlib.h>
#include <string.h>

/* Length of the arithmetic progression that `at` begins with. */
static size_t progression(const uint64_t *at, size_t n)
{
    size_t length = n < 2 ? n : 2;
    while (length < n && at[length] - at[length - 1] == at[1] - at[0]) length++;
    return length;
}

/* Are the blocks of `length` starts translations of the first? Then keeps one start a block. */
static bool fold(uint64_t *start, size_t *n, size_t length)
{
    if (*n % length != 0) return false;
    for (size_t i = 0; i < *n; i++)
        if (start[i] - start[i - i % length] != start[i % length] - start[0]) return false;
    for (size_t i = 0; i * length < *n; i++) start[i] = start[i * length];
    *n /= length;
    return true;
}

static bool add_dim(sp_placement *place, uint64_t size, uint64_t stride)
{
    if (size == 1) return true;
    if (place->n_dims == SP_PLACE_DIMS) return false;
    place->dim[place->n_dims].size = (uint32_t)size;
    place->dim[place->n_dims++].stride = (uint32_t)stride;
    return true;
}

/* Ranges -> (size, stride) pairs, innermost first. false: not a box. */
static bool box_of(const sp_idset *set, uint64_t *start, sp_placement *box)
{
    uint64_t run = set->range[1] - set->range[0] + 1;
    size_t n = set->n;
    for (size_t i = 0; i < n; i++) {
        if (set->range[2 * i + 1] - set->range[2 * i] + 1 != run) return false;
        start[i] = set->range[2 * i];
    }
    box->base = (uint32_t)start[0];
    if (!add_dim(box, run, 1)) return false;
    while (n > 1) {
        uint64_t stride = start[1] - start[0];
        size_t length = progression(start, n);
        if (!fold(start, &n, length) || !add_dim(box, length, stride)) return false;
    }
    return true;
}

/* One (size, stride) of the box cut where tiers (and the dims of meshes and tori) end. */
static sp_status cut(const sp_machine *machine, uint64_t base, uint64_t size, uint64_t stride, sp_placement *out,
                     sp_error *err)
{
    uint64_t inner = 1;
    const sp_plane *plane = &machine->planes[0];
    for (uint32_t t = 0; t < plane->n_tiers && size > 1; t++) {
        const sp_tier *tier = &plane->tiers[t];
        bool flat = sp_tier_is_switched(tier->kind);
        for (uint32_t d = 0; d < (flat ? 1u : tier->n_dims) && size > 1; d++) {
            uint64_t extent = flat ? tier->size : tier->dims[d], outer = inner * extent;
            if (stride < outer && stride >= inner) {
                uint64_t step = stride / inner, first = base / inner % extent, here = (extent + step - 1) / step;
                if (here > size) here = size;
                bool even = stride % inner == 0 && size % here == 0 && (here == size || extent % step == 0);
                if (!even || first + (here - 1) * step >= extent)
                    return sp_error_set(
                        err, SP_E_INVAL, NULL, 1, 1,
                        "%llu chips from chip %llu at distance %llu straddle tier '%s' (%llu positions of %llu chips); "
                        "start at a multiple of what the group fills and use sizes that divide the tier",
                        (unsigned long long)size, (unsigned long long)base, (unsigned long long)stride, tier->name,
                        (unsigned long long)extent, (unsigned long long)inner);
                if (!add_dim(out, here, stride))
                    return sp_error_set(err, SP_E_RANGE, NULL, 1, 1, "the group lies across more than %d dimensions",
                                        SP_PLACE_DIMS);
                size /= here;
                stride *= here;
            }
            inner = outer;
        }
    }
    return SP_OK;
}

sp_status cli_group(cli_run *cli, const sp_machine *machine, const char *text, sp_placement *out, sp_error *err)
{
    sp_idset set;
    sp_placement box = {0};
    *out = (sp_placement){0};
    char every[32];
    snprintf(every, sizeof every, "0-%u", machine->chips - 1);
    sp_status status = sp_idset_parse(cli->arena, text == NULL ? every : text, machine->chips - 1, &set, err);
    if (status == SP_OK && sp_idset_count(&set) < 2)
        status = sp_error_set(err, SP_E_INVAL, NULL, 1, 1, "a group of %llu chip; a collective needs at least 2",
                              (unsigned long long)sp_idset_count(&set));
    uint64_t *start = status == SP_OK ? sp_arena_alloc(cli->arena, set.n, sizeof *start) : NULL;
    if (status == SP_OK && start == NULL) status = sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the group");
    if (status == SP_OK && !box_of(&set, start, &box))
        status = sp_error_set(
            err, SP_E_INVAL, NULL, 1, 1,
            "the group is irregular; expected equal runs at equal distances, as 0-63 or 0-7,64-71,128-135,192-199");
    out->base = box.base;
    for (uint32_t i = 0; i < box.n_dims && status == SP_OK; i++)
        status = cut(machine, box.base, box.dim[i].size, box.dim[i].stride, out, err);
    return status == SP_OK ? SP_OK : cli_blame_option(CLI_O_GROUP, err);
}

sp_status cli_groups_read(cli_run *cli, const sp_machine *machine, cli_groups *out, sp_error *err)
{
    const char *text = cli_text(cli, CLI_O_GROUP);
    uint32_t n = 1;
    for (const char *at = text; at != NULL && *at != '\0'; at++) n += *at == '\n';
    *out = (cli_groups){.place = sp_arena_alloc(cli->arena, n, sizeof *out->place), .text = sp_arena_alloc(cli->arena, n, sizeof *out->text)};
    if (out->place == NULL || out->text == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the groups");
    for (; out->n < n; out->n++) {
        size_t length = text == NULL ? 0 : strcspn(text, "\n");
        out->text[out->n] = text == NULL ? NULL : sp_arena_strndup(cli->arena, text, length);
        sp_status status = cli_group(cli, machine, out->text[out->n], &out->place[out->n], err);
        if (status != SP_OK) return status;
        if (text != NULL) text += length + 1;
    }
    return SP_OK;
}

sp_status cli_stack(cli_run *cli, const sp_machine *machine, const char *name, const sp_stack **out, sp_error *err)
{
    sp_status status = sp_machine_stack_need(machine, name, out, err);
    if (status != SP_OK && err != NULL) err->column = 1;
    if (status != SP_OK) return cli_blame_option(CLI_O_STACK, err);
    cli_input_catalog(cli, "stacks", (*out)->name);
    return SP_OK;
}

const char *cli_tier_names(cli_run *cli, const sp_machine *machine, uint32_t tiers)
{
    const char *text = "";
    for (uint32_t t = 0; t < machine->planes[0].n_tiers; t++)
        if (tiers >> t & 1u)
            text = sp_arena_printf(cli->arena, "%s%s%s", text, text[0] == '\0' ? "" : "+", machine->planes[0].tiers[t].name);
    return text == NULL || text[0] == '\0' ? "-" : text;
}
