/* Loads by link.
 *
 * A class moves data along one digit of the rank; ranks that agree outside the digit form parallel groups that use
 * different links, so only the digit's own positions are walked: at most `size` flows a chunk. A chunk sweep over all
 * shifts of a large digit is uniform traffic and has a closed form per lane (uniform()). Where every class of a step
 * shifts, moving all positions along the digit's outermost lane changes nothing: one coordinate of it is walked, and the
 * loads of links that such moves exchange are added at one of them (fold).
 * Routes: through the fabric of the outermost switched tier in which the ends differ; otherwise by direct links,
 * dimension by dimension, inner first. */
#include "load_table.h"

#define UNIFORM_FROM 64u          /* digits larger than this take the closed form for full sweeps */
#define FLOWS_MAX (1u << 24)

static double link_rate(const sp_i_view *view, uint32_t t)
{
    return view->tiers[t].bw_bytes_per_s.nominal * sp_tier_payload(view->machine, &view->tiers[t]);
}

/* What there is for each of a unit's members on the way out of it through tier t, if all send: a chip's port, tapered as far as the
 * unit's other chips send, too. More than a port where they do not. */
static double unit_rate(const sp_i_view *view, uint32_t t, uint32_t members_in_unit)
{
    const sp_tier *tier = &view->tiers[t];
    double taper = tier->taper.nominal > 1 ? tier->taper.nominal : 1;
    return link_rate(view, t) / (view->replicated ? taper : taper * (double)members_in_unit / (double)tier->stride);
}

/* Is the taper between units, where those that stay inside leave room to those that go out? Of rails and dragonflies it is not. */
static bool tapers_units(const sp_tier *tier)
{
    return tier->kind == SP_TIER_CLOS && tier->taper.nominal > 1;
}

/* Ranks of the whole group inside one unit of tier t. */
static uint32_t members_below(const sp_i_view *view, uint32_t t)
{
    uint32_t members = 1;
    for (uint32_t i = 0; i < view->n_lanes; i++)
        if (view->lane[i].tier < t)
            members *= view->lane[i].size;
    return members;
}

/* The lanes one digit of the rank moves along, innermost tier first. Fails when the digit cuts a lane unevenly. */
typedef struct digit_lanes { uint32_t n; uint32_t lane[2 * SP_PLACE_DIMS], size[2 * SP_PLACE_DIMS], stride[2 * SP_PLACE_DIMS], gap[2 * SP_PLACE_DIMS]; uint32_t total; } digit_lanes;

static bool inside(const sp_i_lane *a, const sp_i_lane *b)
{
    return a->tier != b->tier ? a->tier < b->tier : a->tdim < b->tdim;
}

static sp_status lanes_of(const sp_i_view *view, sp_digit digit, digit_lanes *out, sp_error *err)
{
    uint64_t low = digit.stride, high = (uint64_t)digit.stride * digit.size;
    *out = (digit_lanes){.total = digit.size};
    for (uint32_t i = 0; i < view->n_lanes; i++) {
        const sp_i_lane *lane = &view->lane[i];
        uint64_t from = lane->rank_stride, to = (uint64_t)lane->rank_stride * lane->size;
        uint64_t a = from > low ? from : low, b = to < high ? to : high;
        if (a >= b)
            continue;
        if (a % from != 0 || b % a != 0 || a % low != 0)
            return sp_error_set(err, SP_E_INVAL, NULL, 0, 0,
                                "a step of %u ranks at stride %u does not divide the group's dims; choose an algorithm or group "
                                "whose dims are multiples of each other", digit.size, digit.stride);
        uint32_t k = out->n++;
        for (; k && inside(lane, &view->lane[out->lane[k - 1]]); k--) {
            out->lane[k] = out->lane[k - 1];
            out->size[k] = out->size[k - 1];
            out->stride[k] = out->stride[k - 1];
            out->gap[k] = out->gap[k - 1];
        }
        out->lane[k] = i;
        out->size[k] = (uint32_t)(b / a);
        out->stride[k] = (uint32_t)(a / low);
        out->gap[k] = lane->gap * (uint32_t)(a / from);
    }
    return SP_OK;
}

/* ---- one flow ---------------------------------------------------------------------------------------------- */

typedef struct walker {
    sp_i_load *load;
    const sp_i_view *view;
    const digit_lanes *lanes;
    double bytes;
    double weight;       /* positions this flow stands for */
    uint32_t fold;       /* positions walked: those with coordinate 0 in lane `outermost`; 0: all */
    uint32_t outermost;  /* of the digit: the lane of the largest stride                          */
    bool rotated;        /* the flow stands for its place in every rotation of the ring           */
    double port_rate[SP_TIERS_MAX];   /* of one chip                                     */
    double all_rate[SP_TIERS_MAX];    /* of each chip where all send: less beneath tapers */
} walker;

static uint32_t folded(const walker *w, uint32_t position)
{
    return w->fold ? position % w->fold : position;
}

/* A rank sends so much, mean, whose outermost tier is `outer`, along paths of that latency. */
static void note_sent(walker *w, uint32_t outer, double bytes, double latency_s)
{
    sp_i_asked *asked = sp_i_load_table_asked(w->load);
    asked->tier_bytes[outer] += bytes;
    asked->byte_path_s[w->view->tiers[outer].nic] += bytes * latency_s;
    asked->path_s = latency_s > asked->path_s ? latency_s : asked->path_s;
    if (!w->rotated)
        return;
    bool nic = w->view->tiers[outer].nic;
    asked->hops[nic] += w->weight / w->lanes->total;
    asked->hop_path_s[nic] += latency_s * w->weight / w->lanes->total;
}

static uint32_t coordinate(const digit_lanes *lanes, uint32_t k, uint32_t digit)
{
    return digit / lanes->stride[k] % lanes->size[k];
}

static bool hop_torus(walker *w, uint32_t k, uint64_t line, uint32_t from, uint32_t to, double *latency)
{
    const sp_i_lane *lane = &w->view->lane[w->lanes->lane[k]];
    const sp_tier *tier = &w->view->tiers[lane->tier];
    uint32_t ring = tier->dims[lane->tdim], gap = w->lanes->gap[k];
    uint32_t a = from * gap, b = to * gap, up = (b + ring - a) % ring, down = ring - up;
    bool rises = up <= down;
    uint32_t hops = rises ? up : down;
    /* groups interleaved on the same ring share its links: those of the digit always, translates of the group if they run */
    double bytes = w->bytes * (w->view->replicated ? gap : gap / lane->gap);
    if (up == down)
        bytes /= 2;   /* equal both ways round: split */
    for (int side = 0; side < (up == down ? 2 : 1); side++) {
        bool forward = side == 0 ? rises : !rises;
        for (uint32_t h = 0; h < hops; h++) {
            uint32_t at = forward ? (a + h) % ring : (a + ring - h) % ring;
            at = w->fold && k == w->outermost ? at % gap : at;
            if (!sp_i_load_link(w->load, forward ? SP_I_LINK_UP : SP_I_LINK_DOWN, w->lanes->lane[k], line, at, lane->tier, bytes,
                     link_rate(w->view, lane->tier)))
                return false;
        }
    }
    *latency += hops * tier->latency_s.nominal;
    return true;
}

/* Positions of the digit in one unit of tier t; *unit: the first of those in the unit of `position`. */
static uint32_t beside(const digit_lanes *lanes, const sp_i_view *view, uint32_t t, uint32_t position, uint32_t *unit)
{
    uint32_t n = 1;
    *unit = position;
    for (uint32_t k = 0; k < lanes->n; k++)
        if (view->lane[lanes->lane[k]].tier < t) {
            n *= lanes->size[k];
            *unit -= coordinate(lanes, k, position) * lanes->stride[k];
        }
    return n;
}

/* What goes between units of a tapered tree, spread over their chips. */
static bool through_units(walker *w, uint32_t t, uint32_t from, uint32_t to, double bytes)
{
    if (!tapers_units(&w->view->tiers[t]))
        return true;
    uint32_t out, in, n = beside(w->lanes, w->view, t, from, &out);
    beside(w->lanes, w->view, t, to, &in);
    if (w->rotated) {
        n = 1;
        out = in = 0;
    } else if (w->view->lane[w->lanes->lane[w->outermost]].tier < t)
        bytes *= w->weight;   /* positions of the unit that are not walked do alike */
    return sp_i_load_unit(w->load, false, t, folded(w, out), bytes / n, w->all_rate[t]) &&
           sp_i_load_unit(w->load, true, t, folded(w, in), bytes / n, w->all_rate[t]);
}

static bool through_switch(walker *w, uint32_t t, uint32_t from, uint32_t to, double *latency)
{
    *latency += w->view->tiers[t].latency_s.nominal;
    for (;; t--) {   /* a shared level is reached through the ports of the tier inside it */
        double rate = w->port_rate[t], bytes = w->rotated ? w->bytes * w->weight / w->lanes->total : w->bytes;
        if (!sp_i_load_port(w->load, false, t, w->rotated ? 0 : folded(w, from), bytes, rate) ||
            !sp_i_load_port(w->load, true, t, w->rotated ? 0 : folded(w, to), bytes, rate) ||
            !through_units(w, t, from, to, bytes))
            return false;
        if (!t || !w->view->tiers[t].shared)
            return true;
    }
}

/* One flow from position `from` to `to` of the digit. */
static bool walk(walker *w, uint32_t from, uint32_t to)
{
    const digit_lanes *lanes = w->lanes;
    double latency = 0;
    uint32_t at = from, outer = UINT32_MAX;
    for (uint32_t k = lanes->n; k-- > 0 && outer == UINT32_MAX;)
        if (coordinate(lanes, k, from) != coordinate(lanes, k, to))
            outer = w->view->lane[lanes->lane[k]].tier;
    if (outer == UINT32_MAX)
        return true;
    if (sp_tier_is_switched(w->view->tiers[outer].kind)) {
        if (!through_switch(w, outer, from, to, &latency))
            return false;
    } else {
        for (uint32_t k = 0; k < lanes->n; k++) {
            uint32_t a = coordinate(lanes, k, from), b = coordinate(lanes, k, to);
            const sp_i_lane *lane = &w->view->lane[lanes->lane[k]];
            if (a == b)
                continue;
            uint32_t next = at + (b - a) * lanes->stride[k];   /* wraps as intended in unsigned arithmetic */
            bool ok;
            if (sp_tier_is_switched(w->view->tiers[lane->tier].kind))
                ok = through_switch(w, lane->tier, at, next, &latency);
            else if (w->view->tiers[lane->tier].kind == SP_TIER_TORUS)
                ok = hop_torus(w, k, folded(w, at - a * lanes->stride[k]), a, b, &latency);
            else {
                uint32_t column = w->fold && k == w->outermost ? (b + lanes->size[k] - a) % lanes->size[k] : b;
                latency += w->view->tiers[lane->tier].latency_s.nominal;
                ok = sp_i_load_link(w->load, SP_I_LINK_MESH, lanes->lane[k], folded(w, at), column, lane->tier, w->bytes,
                         link_rate(w->view, lane->tier));
            }
            if (!ok)
                return false;
            at = next;
        }
    }
    note_sent(w, outer, w->weight * w->bytes / lanes->total, latency);
    return true;
}

/* Bytes that every rank's port into tier t sends and receives. */
static void note_port(walker *w, uint32_t t, double out_bytes, double in_bytes)
{
    double rate = w->all_rate[t] < w->port_rate[t] ? w->all_rate[t] : w->port_rate[t];
    sp_i_load_note(w->load, SP_I_OUT(t), out_bytes / rate, t);
    sp_i_load_note(w->load, SP_I_IN(t), in_bytes / rate, t);
}

/* ---- uniform traffic ---------------------------------------------------------------------------------------- */

/* Largest load of one directed ring link when every pair of the lane's positions exchanges one unit. */
static double ring_pair_load(uint32_t ring, uint32_t size, uint32_t gap)
{
    double up_load[4096] = {0}, most = 0;
    if (ring > 4096)
        return (double)size * size / 8;
    for (uint32_t i = 0; i < size; i++)
        for (uint32_t j = 0; j < size; j++) {
            uint32_t a = i * gap, b = j * gap, up = (b + ring - a) % ring;
            if (up == 0 || 2 * up > ring)
                continue;
            double weight = 2 * up == ring ? 0.5 : 1;
            for (uint32_t h = 0; h < up; h++)
                up_load[(a + h) % ring] += weight;
        }
    for (uint32_t i = 0; i < ring; i++)
        most = up_load[i] > most ? up_load[i] : most;
    return most;   /* by reflection the other direction carries the same */
}

/* Every position sends w->bytes to every other one of the digit. Counts destinations by the outermost tier that differs. */
static void uniform(walker *w)
{
    const digit_lanes *lanes = w->lanes;
    double below = 1;   /* positions inside the tiers already passed */
    double port_bytes[SP_TIERS_MAX] = {0}, lane_bytes[2 * SP_PLACE_DIMS] = {0};   /* so far; tiers outside add to those inside */
    for (uint32_t k = 0; k < lanes->n;) {
        uint32_t t = w->view->lane[lanes->lane[k]].tier, end = k;
        double here = 1, latency = 0;
        for (; end < lanes->n && w->view->lane[lanes->lane[end]].tier == t; end++)
            here *= lanes->size[end];
        double outgoing = (here - 1) * below;   /* destinations whose outermost difference is in tier t */
        if (sp_tier_is_switched(w->view->tiers[t].kind)) {
            for (uint32_t u = t;; u--) {   /* a shared level is reached through the ports of the tier inside it */
                port_bytes[u] += outgoing * w->bytes;
                note_port(w, u, port_bytes[u], port_bytes[u]);
                if (!u || !w->view->tiers[u].shared)
                    break;
            }
            latency = w->view->tiers[t].latency_s.nominal;
        } else {
            for (uint32_t j = 0; j < end; j++) {
                uint32_t at = lanes->lane[j];
                const sp_i_lane *lane = &w->view->lane[at];
                const sp_tier *tier = &w->view->tiers[lane->tier];
                /* pairs with one given offset in lane j: free in every other lane up to tier t */
                double pairs = j >= k ? here / lanes->size[j] * below : (here - 1) * below / lanes->size[j];
                if (sp_tier_is_switched(tier->kind)) {
                    port_bytes[lane->tier] += pairs * (lanes->size[j] - 1) * w->bytes;
                    note_port(w, lane->tier, port_bytes[lane->tier], port_bytes[lane->tier]);
                    latency += tier->latency_s.nominal;
                    continue;
                }
                double load = pairs * w->bytes;
                uint32_t hops = 1;
                if (tier->kind == SP_TIER_TORUS) {
                    uint32_t ring = tier->dims[lane->tdim], gap = lanes->gap[j];
                    load *= ring_pair_load(ring, lanes->size[j], gap) * (w->view->replicated ? gap : gap / lane->gap);
                    hops = ring / 2;
                }
                lane_bytes[j] += load;
                for (uint32_t down = 0; down < 2; down++)
                    sp_i_load_note(w->load, SP_I_ALONG(at, down), lane_bytes[j] / link_rate(w->view, lane->tier), lane->tier);
                latency += hops * tier->latency_s.nominal;
            }
        }
        note_sent(w, t, outgoing * w->bytes, latency);
        below *= here;
        k = end;
    }
}

/* ---- reduction and multicast in switches -------------------------------------------------------------------------- */

/* A sweep over all others inside one switched tier that gathers what every rank has alike, or reduces for every rank. The
 * switch reads each contribution once, the receiver's own included, and sends one result; or is sent one copy and delivers
 * it to all, the sender included. */
static bool combines(const sp_i_view *view, const sp_program *program, const sp_task_class *task, const digit_lanes *lanes, bool *reduces)
{
    const sp_tier *tier = lanes->n == 1 ? &view->tiers[view->lane[lanes->lane[0]].tier] : NULL;
    bool sweep = task->peer.op == SP_MAP_SHIFT && task->n_chunk + 1 == task->peer.digit.size && task->peer.c_chunk != 0 &&
                 task->domain.size == 0 && task->n_step == 1;
    *reduces = task->effect == SP_EFFECT_REDUCE;
    if (!view->in_switch || !tier || !sp_tier_is_switched(tier->kind) || tier->nic || tier->shared || !sweep || task->effect == SP_EFFECT_MOVE)
        return false;
    for (uint32_t d = 0; d < task->n_data; d++)   /* a copy that differs from receiver to receiver is no multicast */
        if (task->effect == SP_EFFECT_COPY && program->data[task->data_off + d].c_chunk != 0)
            return false;
    return true;
}

static void combine(walker *w, bool reduces)
{
    uint32_t t = w->view->lane[w->lanes->lane[0]].tier;
    double all = w->lanes->total * w->bytes;
    note_port(w, t, reduces ? all : w->bytes, reduces ? w->bytes : all);
    note_sent(w, t, reduces ? all : w->bytes, w->view->tiers[t].latency_s.nominal);
    sp_i_load_table_asked(w->load)->combined++;
}

/* ---- a class ------------------------------------------------------------------------------------------------ */

/* Positions of the digit that the class's domain allows, when the domain lies inside the digit. */
static bool domain_allows(const sp_task_class *task, sp_digit digit, uint32_t position)
{
    if (task->domain.size == 0 || task->domain.stride < digit.stride ||
        task->domain.stride >= (uint64_t)digit.stride * digit.size)
        return true;
    return sp_class_has_rank(task, position * digit.stride);
}

/* Every rank sends to its neighbour: positions alike in the outermost lane load disjoint, equal links. */
static bool neighbour_ring(const sp_task_class *task)
{
    return task->peer.op == SP_MAP_SHIFT && task->n_chunk == 1 && task->peer.c_step == 0 && task->domain.size == 0 &&
           (task->peer.c0 == 1 || task->peer.c0 == -1);
}

static uint32_t outermost(const digit_lanes *lanes)
{
    uint32_t most = 0;
    for (uint32_t k = 1; k < lanes->n; k++)
        most = lanes->stride[k] > lanes->stride[most] ? k : most;
    return most;
}

bool sp_i_load_shifts(const sp_task_class *task)
{
    return task->peer.op == SP_MAP_SHIFT && task->domain.size == 0;
}

/* Do moves along the outermost lane exchange its links? Not on a ring that the lane covers only in part. */
static bool can_fold(const sp_i_view *view, const digit_lanes *lanes, uint32_t k)
{
    const sp_i_lane *lane = &view->lane[lanes->lane[k]];
    const sp_tier *tier = &view->tiers[lane->tier];
    return tier->kind != SP_TIER_TORUS || lanes->size[k] * lanes->gap[k] == tier->dims[lane->tdim];
}

/* Of the outermost lane the first, second and last coordinates are walked; the second stands for those between. */
static double ring_weight(const digit_lanes *lanes, uint32_t position)
{
    uint32_t k = outermost(lanes), size = lanes->size[k], at = coordinate(lanes, k, position);
    if (size <= 3 || at == 0 || at == size - 1)
        return 1;
    return at == 1 ? size - 2 : 0;
}

static void domain_range(const sp_task_class *task, sp_digit digit, uint32_t range[2])
{
    bool same = task->domain.stride == digit.stride && task->domain.size == digit.size;
    range[0] = same ? task->domain_lo : 0;
    range[1] = same ? task->domain_hi : digit.size;
}

/* Is the digit made of switched lanes, some inside a scale-up domain and some between? */
static bool crosses_domains(const sp_i_view *view, const digit_lanes *lanes)
{
    bool has[2] = {false, false};
    for (uint32_t k = 0; k < lanes->n; k++) {
        const sp_tier *tier = &view->tiers[view->lane[lanes->lane[k]].tier];
        if (!sp_tier_is_switched(tier->kind))
            return false;
        has[tier->nic] = true;
    }
    return has[0] && has[1];
}

static void note_reduced(sp_i_asked *asked, const sp_task_class *task, double bytes)
{
    /* classes of different ranks do not add up at any one of them; those of all ranks do */
    if (task->effect == SP_EFFECT_REDUCE && task->domain.size)
        asked->reduced_apart = bytes * task->n_chunk > asked->reduced_apart ? bytes * task->n_chunk : asked->reduced_apart;
    else if (task->effect == SP_EFFECT_REDUCE)
        asked->reduced += bytes * task->n_chunk;
}

static sp_status walk_all(walker *w, const sp_program *program, const sp_task_class *task, uint32_t step, sp_error *err)
{
    sp_digit digit = task->peer.digit;
    uint32_t range[2];
    domain_range(task, digit, range);
    range[1] = w->fold ? w->fold : range[1];
    if ((uint64_t)task->n_chunk * (range[1] - range[0]) > FLOWS_MAX)
        return sp_error_set(err, SP_E_RANGE, NULL, 0, 0, "program %s has more than %u flows in one step", program->name, FLOWS_MAX);
    bool ring = !w->fold && neighbour_ring(task) && digit.size > UNIFORM_FROM;
    for (uint32_t chunk = 0; chunk < task->n_chunk; chunk++)
        for (uint32_t position = range[0]; position < range[1]; position++) {
            uint32_t to;
            uint32_t rank = position * digit.stride;
            if (ring && (w->weight = ring_weight(w->lanes, position)) == 0)
                continue;
            if (!domain_allows(task, digit, position) ||
                !sp_rank_map_apply(&task->peer, rank, step, chunk, program->n_ranks, &to))
                continue;
            if (!walk(w, position, to / digit.stride % digit.size))
                return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory for the link loads of %s", program->name);
        }
    return SP_OK;
}

sp_status sp_i_load_add(sp_i_load *load, const sp_i_view *view, const sp_program *program, const sp_task_class *task,
                        uint32_t step, double bytes, bool all_shift, sp_error *err)
{
    sp_digit digit = task->peer.digit;
    digit_lanes lanes;
    bool reduces;
    sp_status status = lanes_of(view, digit, &lanes, err);
    if (status != SP_OK || lanes.n == 0)   /* a digit of one position */
        return status;
    walker w = {.load = load, .view = view, .lanes = &lanes, .bytes = bytes, .weight = 1, .outermost = outermost(&lanes)};
    for (uint32_t t = 0; t < view->n_tiers; t++) {
        w.all_rate[t] = unit_rate(view, t, members_below(view, t));
        w.port_rate[t] = tapers_units(&view->tiers[t]) || w.all_rate[t] > link_rate(view, t) ? link_rate(view, t) : w.all_rate[t];
    }
    if (combines(view, program, task, &lanes, &reduces)) {
        combine(&w, reduces);
        return SP_OK;
    }
    if (all_shift && can_fold(view, &lanes, w.outermost)) {
        w.fold = lanes.stride[w.outermost];
        w.weight = lanes.size[w.outermost];
    }
    w.rotated = view->rails && neighbour_ring(task) && crosses_domains(view, &lanes);
    note_reduced(sp_i_load_table_asked(load), task, bytes);
    bool sweep = task->peer.op == SP_MAP_SHIFT && task->n_chunk + 1 == digit.size && digit.size > UNIFORM_FROM &&
                 (task->peer.c_chunk == 1 || task->peer.c_chunk == -1);
    if (sweep) {
        uniform(&w);
        return SP_OK;
    }
    return walk_all(&w, program, task, step, err);
}
