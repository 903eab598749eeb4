/* Sets of leaves as words with a summary. */
#include "cluster_i.h"

static uint32_t words_of(uint32_t n) { return n / 64 + (n % 64 != 0); }

size_t sp_i_bits_words(uint32_t n) { return (size_t)words_of(n) + words_of(words_of(n)); }

uint64_t *sp_i_bits_carve(sp_i_bits *bits, uint32_t n, uint64_t *memory)
{
    *bits = (sp_i_bits){.word = memory, .n = n, .words = words_of(n), .summaries = words_of(words_of(n))};
    bits->summary = memory + bits->words;
    return bits->summary + bits->summaries;
}

/* First non-empty word >= at, or words. */
static uint32_t next_word(const sp_i_bits *bits, uint32_t at)
{
    if (at >= bits->words) return bits->words;
    uint64_t left = bits->summary[at / 64] >> at % 64;
    if (left != 0) return at + (uint32_t)__builtin_ctzll(left);
    for (uint32_t s = at / 64 + 1; s < bits->summaries; s++)
        if (bits->summary[s] != 0) return s * 64 + (uint32_t)__builtin_ctzll(bits->summary[s]);
    return bits->words;
}

uint32_t sp_i_bits_search(const sp_i_bits *bits, uint32_t low, uint32_t high)
{
    uint32_t at = next_word(bits, low / 64 + 1);
    if (at >= bits->words) return SP_NOWHERE;
    uint32_t id = at * 64 + (uint32_t)__builtin_ctzll(bits->word[at]);
    return id < high ? id : SP_NOWHERE;
}
