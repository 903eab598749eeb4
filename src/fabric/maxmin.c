/* Weighted max-min fair rates, kept up to date as flows come and go (progressive filling: Bertsekas & Gallagher 1992, 6.5.2).
 *
 * A fill takes the tightest links, gives their flows the fair share, takes what these use off their other links, and goes on. The fair
 * share of a link only grows while others are settled, so that a heap with old keys finds the tightest: a key is worked out again when it
 * comes to the top.
 *
 * A change refills only those whom it can reach: flows that are new, and those on full links that somebody left. All others keep their
 * rates, which are taken off the links beforehand. That is right unless a link that they are on becomes full, or was full and is used
 * otherwise now: then its flows are filled, too, and it is begun again; in the end with all that is connected (docs/models/flow.md). */
#include "flow_rate.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define CONNECTED_PART 4u   /* of what filling all that is connected took the last time may be spent on less, before it is done again */

typedef struct mm_link {
    int64_t used;            /* quanta of the flows on it                      */
    int64_t left, open;      /* in a fill: quanta, loads not settled yet       */
    uint32_t off, n, room;   /* entries (slot << shift | hop) in the pool; of no room: off is the only one */
    uint32_t mark, inside;   /* last fill that reached it; its entries there   */
    bool freed, full;        /* somebody left while it was full; it was when the fill reached it */
} mm_link;

typedef struct mm_slot {
    double left_bytes, share, next_share;   /* quanta a weight of 1; next: in a fill, 0: not settled yet */
    int64_t rate, since_ps;  /* quanta; 0: not set yet                         */
    uint32_t task, mark, at; /* at: position in the heap of ends               */
} mm_slot;

typedef struct end_node { int64_t ps; uint32_t slot; } end_node;
typedef struct key_node { double share; uint32_t link; } key_node;

struct sp_i_maxmin {
    const sp_i_problem *p;
    double quantum, per_ps;            /* bytes/s and bytes/ps of one quantum  */
    double per_byte_s;                 /* quanta of 1 byte/s: exact            */
    uint32_t shift;                    /* log2 of the room for hops of a slot  */
    mm_link *link;
    int64_t *counts, each;             /* [n_links] flows that those on it stand for; NULL: each of them for so many */
    int64_t *peak;                     /* [n_links] most quanta that ever flowed; NULL: nobody asks */
    uint32_t *pool; uint64_t pool_n, pool_room;
    uint32_t unused[32];               /* of rooms of 2^i entries, the first; each begins with the next one */
    mm_slot *slot; uint32_t *where;    /* [slot][hop]: index in the link's list */
    uint32_t n_slots, slots_room, *idle, n_idle;
    end_node *ends; uint32_t n_ends;
    uint32_t *freed, n_freed;          /* [n_links] links                      */
    uint32_t *fresh, n_fresh;          /* [slots] flows that have no rate yet  */
    uint32_t *member, n_member;        /* [slots] flows of the fill            */
    uint32_t connected;                /* flows of the last fill of all that is connected */
    uint32_t fill;
    uint32_t *reached, n_reached;
    key_node *keys; uint32_t n_keys; uint32_t *tied;
    uint64_t fills, refilled;
};

/* Flows that a load stands for, or as many as it is worth. */
static int64_t counts_of(const sp_i_flow_load *load)
{
    return (load->load / SP_I_ONE + 1) * (int64_t)load->count;
}

/* false: no memory. */
static bool open_counts(sp_i_maxmin *m)
{
    const sp_i_flow_load *load = m->p->loads.kind;
    bool alike = true;
    for (uint32_t i = 1; i < m->p->loads.n; i++)
        alike = alike && counts_of(&load[i]) == counts_of(&load[0]);
    m->each = m->p->loads.n ? counts_of(&load[0]) : 0;
    m->counts = alike ? NULL : calloc((size_t)m->p->n_links + 1, sizeof *m->counts);
    return alike || m->counts;
}

sp_i_maxmin *sp_i_maxmin_create(const sp_i_problem *p)
{
    sp_i_maxmin *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->p = p;
    m->quantum = sp_i_rate_quantum(p);
    m->per_ps = m->quantum * 1e-12;
    m->per_byte_s = 1 / m->quantum;
    while ((1u << m->shift) < p->hops_max)
        m->shift++;
    size_t n = (size_t)p->n_links + 1;
    m->link = calloc(n, sizeof *m->link);
    m->peak = p->events ? calloc(n, sizeof *m->peak) : NULL;
    m->reached = malloc(n * sizeof *m->reached);
    m->keys = malloc(n * sizeof *m->keys);
    m->tied = malloc(n * sizeof *m->tied);
    m->freed = malloc(n * sizeof *m->freed);
    for (uint32_t i = 0; i < 32; i++)
        m->unused[i] = NONE;
    m->pool_room = 1024;
    m->pool = malloc(m->pool_room * sizeof *m->pool);
    if (!open_counts(m) || !m->link || !m->reached || !m->keys || !m->tied || !m->freed || !m->pool || (p->events && !m->peak)) {
        sp_i_maxmin_destroy(m);
        return NULL;
    }
    return m;
}

void sp_i_maxmin_destroy(sp_i_maxmin *m)
{
    if (!m)
        return;
    free(m->link);
    free(m->counts);
    free(m->peak);
    free(m->pool);
    free(m->slot);
    free(m->where);
    free(m->idle);
    free(m->ends);
    free(m->freed);
    free(m->fresh);
    free(m->member);
    free(m->reached);
    free(m->keys);
    free(m->tied);
    free(m);
}

/* ---- heap of ends, four children a node ----------------------------------------------------------------------------- */

static void ends_put(sp_i_maxmin *m, uint32_t at, end_node node)
{
    m->ends[at] = node;
    m->slot[node.slot].at = at;
}

static void ends_up(sp_i_maxmin *m, uint32_t at, end_node node)
{
    while (at > 0 && node.ps < m->ends[(at - 1) / 4].ps) {
        ends_put(m, at, m->ends[(at - 1) / 4]);
        at = (at - 1) / 4;
    }
    ends_put(m, at, node);
}

static void ends_down(sp_i_maxmin *m, uint32_t at, end_node node)
{
    for (;;) {
        uint32_t child = 4 * at + 1, last = child + 4 < m->n_ends ? child + 4 : m->n_ends, least = child;
        if (child >= m->n_ends)
            break;
        for (uint32_t c = child + 1; c < last; c++)
            least = m->ends[c].ps < m->ends[least].ps ? c : least;
        if (m->ends[least].ps >= node.ps)
            break;
        ends_put(m, at, m->ends[least]);
        at = least;
    }
    ends_put(m, at, node);
}

static void ends_set(sp_i_maxmin *m, uint32_t slot, int64_t ps)
{
    uint32_t at = m->slot[slot].at;
    end_node node = {ps, slot};
    if (at > 0 && ps < m->ends[(at - 1) / 4].ps)
        ends_up(m, at, node);
    else
        ends_down(m, at, node);
}

static void ends_remove(sp_i_maxmin *m, uint32_t slot)
{
    uint32_t at = m->slot[slot].at;
    end_node last = m->ends[--m->n_ends];
    if (last.slot == slot)
        return;
    m->slot[last.slot].at = at;
    ends_set(m, last.slot, last.ps);
}

/* ---- flows come and go ------------------------------------------------------------------------------------------------ */

static bool more_slots(sp_i_maxmin *m)
{
    uint32_t room = m->slots_room ? m->slots_room * 2 : 256;
    mm_slot *slot = realloc(m->slot, room * sizeof *slot);
    m->slot = slot ? slot : m->slot;
    uint32_t *where = realloc(m->where, ((size_t)room * m->p->hops_max + 1) * sizeof *where);
    m->where = where ? where : m->where;
    end_node *ends = realloc(m->ends, room * sizeof *ends);
    m->ends = ends ? ends : m->ends;
    uint32_t *idle = realloc(m->idle, room * sizeof *idle), *fresh = realloc(m->fresh, room * sizeof *fresh), *member = realloc(m->member, room * sizeof *member);
    m->idle = idle ? idle : m->idle;
    m->fresh = fresh ? fresh : m->fresh;
    m->member = member ? member : m->member;
    if (!slot || !where || !ends || !idle || !fresh || !member || ((uint64_t)room << m->shift) >= UINT32_MAX)
        return false;
    m->slots_room = room;
    return true;
}

/* Entries of a link, in no order. */
static uint32_t *entries(const sp_i_maxmin *m, mm_link *link)
{
    return link->room ? m->pool + link->off : &link->off;
}

static uint32_t *where(const sp_i_maxmin *m, uint32_t entry)
{
    return &m->where[(size_t)(entry >> m->shift) * m->p->hops_max + (entry & ((1u << m->shift) - 1))];
}

static uint32_t log2_of(uint32_t room)
{
    return (uint32_t)__builtin_ctz(room);
}

/* A room of so many entries, a power of two; NONE: no memory. */
static uint32_t take_room(sp_i_maxmin *m, uint32_t room)
{
    uint32_t off = m->unused[log2_of(room)];
    if (off != NONE) {
        m->unused[log2_of(room)] = m->pool[off];
        return off;
    }
    if (m->pool_n + room > m->pool_room) {
        uint64_t pool_room = m->pool_room * 2 + room;
        uint32_t *pool = pool_room < UINT32_MAX ? realloc(m->pool, pool_room * sizeof *pool) : NULL;
        if (!pool)
            return NONE;
        m->pool = pool;
        m->pool_room = pool_room;
    }
    m->pool_n += room;
    return (uint32_t)m->pool_n - room;
}

static void give_room(sp_i_maxmin *m, const mm_link *link)
{
    m->pool[link->off] = m->unused[log2_of(link->room)];
    m->unused[log2_of(link->room)] = link->off;
}

static bool more_entries(sp_i_maxmin *m, mm_link *link)
{
    uint32_t room = link->room ? link->room * 2 : 2, off = take_room(m, room);
    if (off == NONE)
        return false;
    memcpy(m->pool + off, entries(m, link), link->n * sizeof *m->pool);
    if (link->room)
        give_room(m, link);
    link->off = off;
    link->room = room;
    return true;
}

static bool put_entry(sp_i_maxmin *m, mm_link *link, uint32_t entry)
{
    if (link->n && link->n >= link->room && !more_entries(m, link))
        return false;
    *where(m, entry) = link->n;
    entries(m, link)[link->n++] = entry;
    return true;
}

/* The last one takes its place. */
static void drop_entry(sp_i_maxmin *m, mm_link *link, uint32_t entry)
{
    uint32_t *all = entries(m, link), at = *where(m, entry), last = all[--link->n];
    all[at] = last;
    *where(m, last) = at;
    if (link->n == 1 && link->room) {
        last = all[0];
        give_room(m, link);
        link->room = 0;
        link->off = last;
    }
}

static int64_t counts_on(const sp_i_maxmin *m, uint32_t l)
{
    return m->counts ? m->counts[l] : m->each * (int64_t)m->link[l].n;
}

/* In quanta, a power of two. Not kept: millions of links that few flows cross are larger than the cache. */
static int64_t cap_of(const sp_i_maxmin *m, uint32_t l)
{
    return (int64_t)(m->p->link[l].cap_bytes_per_s * m->per_byte_s);
}

/* Full but for what rounding of shares and rates leaves, a quantum for each flow and each load of one; or nearly: that costs time alone. */
static bool is_full(const sp_i_maxmin *m, uint32_t l)
{
    const mm_link *link = &m->link[l];
    int64_t cap = cap_of(m, l);
    return cap - link->used <= (cap >> 20) + 4 * counts_on(m, l) + 4;
}

static int64_t used_by(double share, const sp_i_flow_load *load)
{
    return share > 0 ? sp_i_rate_used(share, load->load) * (int64_t)load->count : 0;
}

bool sp_i_maxmin_add(sp_i_maxmin *m, uint32_t task, int64_t now)
{
    sp_i_flow_hops hops = sp_i_task_hops(m->p, task);
    if (!m->n_idle && m->n_slots == m->slots_room && !more_slots(m))
        return false;
    uint32_t s = m->n_idle ? m->idle[--m->n_idle] : m->n_slots++;
    m->slot[s] = (mm_slot){.left_bytes = m->p->size[m->p->task_size[task]].bytes, .since_ps = now, .task = task, .at = m->n_ends};
    m->ends[m->n_ends] = (end_node){INT64_MAX, s};
    m->n_ends++;
    for (uint32_t h = 0; h < hops.n; h++) {
        mm_link *link = &m->link[hops.link[h]];
        if (!put_entry(m, link, (s << m->shift) + h))
            return false;
        if (m->counts)
            m->counts[hops.link[h]] += counts_of(sp_i_hop_load(m->p, &hops, h));
    }
    m->fresh[m->n_fresh++] = s;
    return true;
}

int64_t sp_i_maxmin_next_ps(const sp_i_maxmin *m)
{
    return m->n_ends ? m->ends[0].ps : INT64_MAX;
}

uint32_t sp_i_maxmin_take(sp_i_maxmin *m)
{
    uint32_t s = m->ends[0].slot, task = m->slot[s].task;
    sp_i_flow_hops hops = sp_i_task_hops(m->p, task);
    ends_remove(m, s);
    for (uint32_t h = 0; h < hops.n; h++) {
        mm_link *link = &m->link[hops.link[h]];
        const sp_i_flow_load *load = sp_i_hop_load(m->p, &hops, h);
        bool full = is_full(m, hops.link[h]);
        drop_entry(m, link, (s << m->shift) + h);
        link->used -= used_by(m->slot[s].share, load);
        if (m->counts)
            m->counts[hops.link[h]] -= counts_of(load);
        if (full && link->n && !link->freed) {   /* nobody is left to gain where nobody is left */
            link->freed = true;
            m->freed[m->n_freed++] = hops.link[h];
        }
    }
    m->idle[m->n_idle++] = s;
    return task;
}

/* ---- a fill -------------------------------------------------------------------------------------------------------------- */

/* Fair share of a link's open flows. */
static double share_of(const mm_link *link)
{
    return sp_i_rate_share(link->left, link->open);
}

static void keys_down(sp_i_maxmin *m, uint32_t at, key_node node)
{
    for (uint32_t child; (child = 2 * at + 1) < m->n_keys; at = child) {
        if (child + 1 < m->n_keys && m->keys[child + 1].share < m->keys[child].share)
            child++;
        if (m->keys[child].share >= node.share)
            break;
        m->keys[at] = m->keys[child];
    }
    m->keys[at] = node;
}

static void keys_drop(sp_i_maxmin *m)
{
    key_node last = m->keys[--m->n_keys];
    if (m->n_keys)
        keys_down(m, 0, last);
}

/* The flow is filled: what it has now comes free. */
static void join(sp_i_maxmin *m, uint32_t s)
{
    mm_slot *slot = &m->slot[s];
    sp_i_flow_hops hops = sp_i_task_hops(m->p, slot->task);
    if (slot->mark == m->fill)
        return;
    slot->mark = m->fill;
    slot->next_share = 0;
    m->member[m->n_member++] = s;
    for (uint32_t h = 0; h < hops.n; h++) {
        const sp_i_flow_load *load = sp_i_hop_load(m->p, &hops, h);
        mm_link *link = &m->link[hops.link[h]];
        if (link->mark != m->fill) {
            link->mark = m->fill;
            link->left = cap_of(m, hops.link[h]) - link->used;
            link->open = link->inside = 0;
            link->full = is_full(m, hops.link[h]);
            m->reached[m->n_reached++] = hops.link[h];
        }
        link->left += used_by(slot->share, load);
        link->open += load->load * (int64_t)load->count;
        link->inside++;
    }
}

static void join_all(sp_i_maxmin *m, uint32_t l)
{
    mm_link *link = &m->link[l];
    const uint32_t *entry = entries(m, link);
    for (uint32_t e = 0; e < link->n && (link->mark != m->fill || link->inside < link->n); e++)
        join(m, entry[e] >> m->shift);
}

/* Whoever is new, or on a full link that somebody left. */
static void begin(sp_i_maxmin *m)
{
    m->n_member = m->n_reached = 0;
    m->fill++;
    for (uint32_t i = 0; i < m->n_fresh; i++)
        join(m, m->fresh[i]);
    for (uint32_t i = 0; i < m->n_freed; i++) {
        join_all(m, m->freed[i]);
        m->link[m->freed[i]].freed = false;
    }
    m->n_fresh = m->n_freed = 0;
}

/* All that is connected with those in the fill. */
static void join_connected(sp_i_maxmin *m)
{
    for (uint32_t i = 0; i < m->n_reached; i++)
        join_all(m, m->reached[i]);
}

static void make_keys(sp_i_maxmin *m)
{
    m->n_keys = 0;
    for (uint32_t i = 0; i < m->n_reached; i++) {
        mm_link *link = &m->link[m->reached[i]];
        link->left = link->left > 0 ? link->left : 0;
        m->keys[m->n_keys++] = (key_node){share_of(link), m->reached[i]};
    }
    for (uint32_t i = m->n_keys / 2; i-- > 0;)
        keys_down(m, i, m->keys[i]);
}

/* The links of least share, all of them, off the heap into `tied`. */
static uint32_t tightest(sp_i_maxmin *m, double *share)
{
    uint32_t n = 0;
    *share = 0;
    while (m->n_keys) {
        key_node top = m->keys[0];
        const mm_link *link = &m->link[top.link];
        if (n && top.share > *share)
            break;
        if (link->open <= 0) {
            keys_drop(m);
            continue;
        }
        double now = share_of(link);
        if (now > top.share) {
            keys_down(m, 0, (key_node){now, top.link});
            continue;
        }
        *share = top.share;
        m->tied[n++] = top.link;
        keys_drop(m);
    }
    return n;
}

/* What is left at the new rate. */
static int64_t end_of(const sp_i_maxmin *m, const mm_slot *slot)
{
    double ps = sp_i_rate_ticks(slot->left_bytes, slot->rate, m->per_ps);
    return ps < (double)(INT64_MAX / 4) ? slot->since_ps + (int64_t)ps : INT64_MAX / 2;
}

static void settle(sp_i_maxmin *m, uint32_t s, double share)
{
    mm_slot *slot = &m->slot[s];
    sp_i_flow_hops hops = sp_i_task_hops(m->p, slot->task);
    slot->next_share = share;
    for (uint32_t h = 0; h < hops.n; h++) {
        const sp_i_flow_load *load = sp_i_hop_load(m->p, &hops, h);
        mm_link *link = &m->link[hops.link[h]];
        link->left -= used_by(share, load);
        link->left = link->left > 0 ? link->left : 0;
        link->open -= load->load * (int64_t)load->count;
    }
}

/* Shares of all flows in the fill. false: a link is full with flows outside, which have joined. */
static bool share_out(sp_i_maxmin *m)
{
    double share;
    uint32_t n, outside = 0;
    make_keys(m);
    while ((n = tightest(m, &share)) > 0) {
        for (uint32_t i = 0; i < n; i++)
            outside += m->link[m->tied[i]].inside < m->link[m->tied[i]].n;
        for (uint32_t i = 0; i < n && outside; i++)
            join_all(m, m->tied[i]);
        if (outside)
            return false;
        for (uint32_t i = 0; i < n; i++) {
            mm_link *link = &m->link[m->tied[i]];
            const uint32_t *entry = entries(m, link);
            for (uint32_t e = 0; e < link->n; e++) {
                uint32_t s = entry[e] >> m->shift;
                if (m->slot[s].next_share == 0)
                    settle(m, s, share);
            }
        }
    }
    return true;
}

/* Do flows in the fill use as much as before of links that were full? Else those outside gain or lose, and join. */
static bool keeps_full_links(sp_i_maxmin *m)
{
    uint32_t n = m->n_reached, joined = m->n_member;
    for (uint32_t i = 0; i < n; i++) {
        const mm_link *link = &m->link[m->reached[i]];
        if (link->full && link->inside < link->n && link->left != cap_of(m, m->reached[i]) - link->used)
            join_all(m, m->reached[i]);
    }
    return m->n_member == joined;
}

/* Again, with those that have joined. */
static void again(sp_i_maxmin *m)
{
    uint32_t n = m->n_member;
    m->n_member = m->n_reached = 0;
    m->fill++;
    for (uint32_t i = 0; i < n; i++)
        join(m, m->member[i]);
}

/* The new share of a flow; its end follows. */
static void commit(sp_i_maxmin *m, uint32_t s, int64_t now, bool rebuild)
{
    mm_slot *slot = &m->slot[s];
    sp_i_flow_hops hops = sp_i_task_hops(m->p, slot->task);
    int64_t rate = sp_i_rate_used(slot->next_share, sp_i_task_way(m->p, slot->task)->weight);
    rate = rate < 1 ? 1 : rate;
    for (uint32_t h = 0; h < hops.n && slot->next_share != slot->share; h++) {
        const sp_i_flow_load *load = sp_i_hop_load(m->p, &hops, h);
        m->link[hops.link[h]].used += used_by(slot->next_share, load) - used_by(slot->share, load);
    }
    slot->share = slot->next_share;
    if (rate == slot->rate)
        return;
    slot->left_bytes -= (double)slot->rate * m->per_ps * (double)(now - slot->since_ps);
    slot->since_ps = now;
    slot->rate = rate;
    int64_t end = end_of(m, slot);
    if (rebuild)
        m->ends[slot->at].ps = end;
    else
        ends_set(m, s, end);
}

static void note_peaks(sp_i_maxmin *m)
{
    for (uint32_t i = 0; i < m->n_reached && m->peak; i++) {
        int64_t *peak = &m->peak[m->reached[i]], cap = cap_of(m, m->reached[i]), used = m->link[m->reached[i]].used;
        used = used < cap ? used : cap;
        *peak = used > *peak ? used : *peak;
    }
}

void sp_i_maxmin_fill(sp_i_maxmin *m, int64_t now)
{
    if (!m->n_fresh && !m->n_freed)
        return;
    begin(m);
    for (uint64_t spent = m->n_member; !share_out(m) || !keeps_full_links(m); spent += m->n_member) {
        if (CONNECTED_PART * spent > m->connected) {
            join_connected(m);
            m->connected = m->n_member;
        }
        again(m);
    }
    bool rebuild = m->n_member * 4 > m->n_ends;   /* then sifting one by one costs more than making the heap anew */
    for (uint32_t i = 0; i < m->n_member; i++)
        commit(m, m->member[i], now, rebuild);
    for (uint32_t i = rebuild ? (m->n_ends + 2) / 4 : 0; i-- > 0;)
        ends_down(m, i, m->ends[i]);
    note_peaks(m);
    m->fills++;
    m->refilled += m->n_member;
}

uint32_t sp_i_maxmin_flows(const sp_i_maxmin *m)
{
    return m->n_ends;
}

sp_i_flow_state sp_i_maxmin_flow(const sp_i_maxmin *m, uint32_t i)
{
    const mm_slot *slot = &m->slot[m->ends[i].slot];
    return (sp_i_flow_state){slot->task, slot->since_ps, slot->rate, slot->left_bytes};
}

double *sp_i_maxmin_peaks(const sp_i_maxmin *m)
{
    double *part = m->peak ? malloc(((size_t)m->p->n_links + 1) * sizeof *part) : NULL;
    for (uint32_t l = 0; l < m->p->n_links && part; l++)
        part[l] = (double)m->peak[l] / (double)cap_of(m, l);
    return part;
}

void sp_i_maxmin_count(const sp_i_maxmin *m, sp_i_flow_counts *counts)
{
    counts->fills = m->fills;
    counts->refilled = m->refilled;
}
