/* The state recounted from its words and pieces: for tests. Rows are counted one by one, not as state.c does. */
#include "cluster_i.h"

/* Number of wholly free rows of a word, and the set of free counts of the others. */
static uint32_t count_rows(const sp_cluster *c, uint64_t word, uint64_t *parts)
{
    uint32_t whole = 0;
    *parts = 0;
    for (uint32_t r = 0; r < c->rows_per_leaf; r++) {
        uint32_t n = sp_i_count(word & sp_i_row(c, r));
        if (n == c->shape.row_chips) whole++;
        else if (n != 0) *parts |= UINT64_C(1) << n;
    }
    return whole;
}

static bool is_chained(const sp_cluster *c, uint32_t leaf, uint32_t piece)
{
    uint32_t p = c->leaf[leaf].first;
    while (p != SP_NOWHERE && p != piece) p = c->piece[p].beside;
    return p != SP_NOWHERE;
}

/* Sets of a window: of one pod each, disjoint, together what is held; their leaves have as many rows as they say. A slot without a set has a
 * leaf of the window. */
static bool window_consistent(const sp_cluster *c, uint32_t window)
{
    uint64_t all = 0;
    for (uint64_t used = c->slots[window]; used != 0; used &= used - 1) {
        const sp_i_piece *piece = &c->piece[window * 64 + (uint32_t)__builtin_ctzll(used)];
        if (piece->rows == 0) {
            if (piece->leaf / 64 != window || !is_chained(c, piece->leaf, (uint32_t)(piece - c->piece))) return false;
            continue;
        }
        uint32_t first = window * 64 + (uint32_t)__builtin_ctzll(piece->set);
        if ((all & piece->set) != 0 || piece->leaf != first || piece->count != sp_i_count(piece->set) || first / c->leaves_per_pod != sp_i_piece_last(piece) / c->leaves_per_pod)
            return false;
        for (uint64_t left = piece->set; left != 0; left &= left - 1)
            if (piece->rows == 0 || c->leaf[window * 64 + (uint32_t)__builtin_ctzll(left)].rows != piece->rows) return false;
        all |= piece->set;
    }
    return all == c->held[window];
}

static bool leaf_consistent(const sp_cluster *c, uint32_t l)
{
    bool in_set = (c->held[l / 64] >> l % 64 & 1) != 0, alone = (c->alone[l / 64] >> l % 64 & 1) != 0;
    uint64_t held = in_set ? c->leaf[l].word : 0, is_free = in_set ? 0 : c->leaf[l].word, parts;
    for (uint32_t p = c->leaf[l].first; p != SP_NOWHERE; p = c->piece[p].beside) {
        const sp_i_piece *piece = &c->piece[p];
        if (p < c->set_room && (p / 64 != l / 64 || (c->slots[p / 64] >> p % 64 & 1) == 0)) return false;
        if (in_set || (held & piece->mask) != 0 || l != piece->leaf || piece->count != 1 || piece->rows != 0) return false;
        held |= c->piece[p].mask;
    }
    uint32_t rows = count_rows(c, c->leaf[l].word, &parts);
    if ((held & is_free) != 0 || (held & c->leaf[l].down) != 0 || (is_free & c->leaf[l].down) != 0) return false;
    if ((held | is_free | c->leaf[l].down) != c->full || rows != c->leaf[l].rows || parts != c->leaf[l].parts) return false;
    if (alone != (c->leaf[l].first == SP_NOWHERE && parts == 0)) return false;
    for (uint32_t r = 1; r <= c->rows_per_leaf; r++)
        if (sp_i_bits_has(&c->rows[r], l) != (r == rows && !in_set)) return false;
    for (uint32_t n = 1; n < c->shape.row_chips; n++)
        if (sp_i_bits_has(&c->part[n], l) != ((parts >> n & 1) != 0)) return false;
    return true;
}

bool sp_cluster_consistent(const sp_cluster *c)
{
    uint32_t free_chips = 0, down = 0, spares = 0, whole = 0, rows = 0;
    for (uint32_t l = 0; l < c->leaves; l++) {
        if (!leaf_consistent(c, l) || (l % 64 == 0 && !window_consistent(c, l / 64))) return false;
        bool in_set = (c->held[l / 64] >> l % 64 & 1) != 0;
        uint32_t rows_free = in_set ? 0 : c->leaf[l].rows;
        free_chips += in_set ? 0 : sp_i_count(c->leaf[l].word);
        down += sp_i_count(c->leaf[l].down);
        spares += c->leaf[l].spare_ready;
        whole += rows_free == c->rows_per_leaf;
        rows += rows_free;
        if ((l + 1) % c->leaves_per_pod == 0) {
            if (whole != c->pod_whole[l / c->leaves_per_pod] || rows != c->pod_rows[l / c->leaves_per_pod]) return false;
            whole = rows = 0;
        }
    }
    uint32_t pieces = 0, all_rows = 0, all_pods = 0;
    for (uint32_t pod = 0; pod < c->pods; pod++) {
        all_rows += c->pod_rows[pod];
        all_pods += c->pod_whole[pod] == c->leaves_per_pod;
    }
    if (all_rows != c->whole_rows || all_pods != c->whole_pods) return false;
    for (uint32_t l = 0; l < c->leaves; l++)
        for (uint32_t p = c->leaf[l].first; p != SP_NOWHERE; p = c->piece[p].beside) pieces += p >= c->set_room;
    if (pieces != c->pieces || c->piece_room - c->set_room < pieces) return false;
    return free_chips == c->free_chips && down == c->down_positions && spares == c->spares_ready
           && spares + c->spares_used == c->leaves * c->shape.spares_per_leaf;
}
