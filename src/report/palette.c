/* One colour a category. Known categories have a colour of their own, so that a reader of two pages finds attention and
 * the bubble in the colours of the first; others take the next free one. */
#include "report_private.h"

#include <string.h>

static const struct { const char *label; uint32_t color; } known[] = {
    {"forward", 0}, {"backward", 1}, {"weight gradients", 2}, {"forward + backward", 7}, {"dp gather", 3}, {"dp reduce", 6}, {"recompute", 10}, {"optimizer", 9},
    {"gemm", 0}, {"attention", 1}, {"vector", 2}, {"expert-gemm", 7}, {"tp", 4}, {"ep", 6}, {"cp", 5}, {"pp", 8}, {"dp", 3},
    {"etp", 12}, {"vocab", 11}, {"quantise", 13}, {"bubble", SP_I_COLOR_IDLE}, {"idle", SP_I_COLOR_IDLE},
    {"weights", 0}, {"gradients", 1}, {"activations", 2},
};

static bool is_free(const sp_i_palette *palette, uint32_t color)
{
    return palette->label[color] == NULL;
}

static uint32_t wanted(const char *label)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].label, label) == 0)
            return known[i].color;
    return SP_I_COLORS;
}

/* Colours that a known label may still want are given out last. */
uint32_t sp_i_palette_color(sp_i_palette *palette, const char *label)
{
    static const uint8_t order[] = {2, 7, 4, 5, 6, 9, 10, 11, 12, 13, 8, 3, 1, 0};
    for (uint32_t c = 0; c < SP_I_COLORS; c++)
        if (palette->label[c] && strcmp(palette->label[c], label) == 0)
            return c;
    uint32_t color = wanted(label);
    for (size_t i = 0; (color >= SP_I_COLORS || !is_free(palette, color)) && i < sizeof order; i++)
        if (is_free(palette, order[i]))
            color = order[i];
    if (color >= SP_I_COLORS || !is_free(palette, color))
        return order[0];   /* more categories than colours: the legend names the first of them */
    palette->label[color] = label;
    palette->order[palette->n++] = (uint8_t)color;
    return color;
}
