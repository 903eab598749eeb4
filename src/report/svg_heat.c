/* Heat maps of links as one SVG: a map a dim or tier, colours from nothing to always busy. */
#include "report_private.h"

#include <math.h>

#define WIDTH 960u       /* px of the drawing                                       */
#define LEFT 150u        /* px for the names of rows                                */
#define COLUMNS 128u     /* more coordinates than that share a cell: the busiest    */
#define TEXT_CELL 26.0   /* px that a percentage needs                              */

/* Light to dark, readable without colour: lightness falls evenly (ColorBrewer's YlOrRd, 9 classes). */
static const char *const scale[] = {"#ffffcc", "#ffeda0", "#fed976", "#feb24c", "#fd8d3c", "#fc4e2a", "#e31a1c", "#bd0026", "#800026"};
#define COLORS (sizeof scale / sizeof scale[0])

static uint32_t columns_of(const sp_heat_map *map)
{
    return map->size < COLUMNS ? map->size : COLUMNS;
}

static bool is_mesh(const sp_machine *machine, const sp_heat_map *map)
{
    return machine->planes[0].tiers[map->tier].kind == SP_TIER_MESH;
}

static uint32_t rows_of(const sp_machine *machine, const sp_heat_map *map)
{
    return is_mesh(machine, map) ? columns_of(map) : map->n_rows;
}

static double cell_width(const sp_machine *machine, const sp_heat_map *map)
{
    double width = (double)(WIDTH - LEFT - 10) / columns_of(map), most = is_mesh(machine, map) ? 30 : 60;
    return width < most ? width : most;
}

static double cell_height(const sp_machine *machine, const sp_heat_map *map)
{
    double width = cell_width(machine, map);
    return is_mesh(machine, map) && width < 20 ? width : 20;
}

static double map_height(const sp_machine *machine, const sp_heat_map *map)
{
    return 44 + cell_height(machine, map) * rows_of(machine, map) + 22;
}

/* The busiest of the links that a cell of the drawing stands for. */
static double busiest(const sp_machine *machine, const sp_heat_map *map, uint32_t row, uint32_t column)
{
    uint32_t n = columns_of(map);
    uint64_t x0 = (uint64_t)column * map->size / n, x1 = (uint64_t)(column + 1) * map->size / n;
    uint64_t y0 = is_mesh(machine, map) ? (uint64_t)row * map->size / n : row, y1 = is_mesh(machine, map) ? (uint64_t)(row + 1) * map->size / n : row + 1;
    double most = -1;
    for (uint64_t y = y0; y < y1; y++)
        for (uint64_t x = x0; x < x1; x++)
            most = fmax(most, map->busy[y * map->size + x]);
    return most;
}

static void row_name(const sp_machine *machine, const sp_heat_map *map, uint32_t row, char *out, size_t size)
{
    sp_tier_kind kind = machine->planes[0].tiers[map->tier].kind;
    if (kind == SP_TIER_MESH)
        snprintf(out, size, "from %u", (uint32_t)((uint64_t)row * map->size / columns_of(map)));
    else if (kind == SP_TIER_TORUS)
        snprintf(out, size, row ? "downwards" : "upwards");
    else
        snprintf(out, size, "%s %u, %s", row < 2 ? "links of level" : "level", row / 2, row % 2 ? "down" : "up");
}

static void cells(sp_i_out *out, const sp_machine *machine, const sp_heat_map *map, double top)
{
    double width = cell_width(machine, map), height = cell_height(machine, map);
    for (uint32_t r = 0; r < rows_of(machine, map); r++) {
        char name[48], share[SP_I_NUMBER];
        row_name(machine, map, r, name, sizeof name);
        if (height >= 10 || r % 8 == 0)
            sp_i_out_printf(out, "<text class=\"row\" x=\"%u\" y=\"%.1f\">%s</text>\n", LEFT - 8, top + height * (r + 0.5) + 4, name);
        for (uint32_t c = 0; c < columns_of(map); c++) {
            double busy = busiest(machine, map, r, c);
            size_t color = busy < 0 ? 0 : (size_t)fmin(COLORS - 1, floor(busy * COLORS));
            uint32_t x = (uint32_t)((uint64_t)c * map->size / columns_of(map));
            sp_i_out_printf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"><title>%s, %s %u: ", LEFT + width * c,
                            top + height * r, width, height, busy < 0 ? "#e8e8e8" : scale[color], name, is_mesh(machine, map) ? "to" : "at", x);
            sp_i_out_printf(out, "%s</title></rect>\n", busy < 0 ? "no traffic" : sp_i_percent(busy, share));
            if (busy >= 0 && width >= TEXT_CELL)
                sp_i_out_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%.0f</text>\n", color >= 5 ? "light" : "dark", LEFT + width * (c + 0.5),
                                top + height * (r + 0.5) + 4, 100 * busy);
        }
    }
}

static void draw_map(sp_i_out *out, const sp_machine *machine, const sp_heat_map *map, double top)
{
    const sp_tier *tier = &machine->planes[0].tiers[map->tier];
    double width = cell_width(machine, map), bottom = top + 30 + cell_height(machine, map) * rows_of(machine, map);
    sp_i_out_printf(out, "<text class=\"name\" x=\"10\" y=\"%.1f\">", top + 16);
    sp_i_html(out, tier->name);
    sp_i_out_printf(out, " (%s", sp_tier_kind_name(tier->kind));
    if (!sp_tier_is_switched(tier->kind) && tier->n_dims > 1)
        sp_i_out_printf(out, ", dim %u", map->dim);
    sp_i_out_printf(out, " of %u)</text>\n", map->size);
    cells(out, machine, map, top + 26);
    uint32_t n = columns_of(map), every = (uint32_t)ceil(34 / width);
    for (uint32_t c = 0; c < n; c += every)
        sp_i_out_printf(out, "<text class=\"column\" x=\"%.1f\" y=\"%.1f\">%s%u</text>\n", LEFT + width * (c + 0.5), bottom + 10,
                        is_mesh(machine, map) && c == 0 ? "to " : "", (uint32_t)((uint64_t)c * map->size / n));
}

static void draw_legend(sp_i_out *out, double top)
{
    sp_i_out_printf(out, "<text class=\"row\" x=\"%u\" y=\"%.1f\">busy, %% of the time</text>\n", LEFT - 8, top + 14);
    for (size_t i = 0; i < COLORS; i++)
        sp_i_out_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"60\" height=\"16\" fill=\"%s\"/><text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%zu-%zu</text>\n",
                        LEFT + 60.0 * (double)i, top + 2, scale[i], i >= 5 ? "light" : "dark", LEFT + 60.0 * (double)i + 30, top + 14, i * 100 / COLORS,
                        (i + 1) * 100 / COLORS);
    sp_i_out_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"70\" height=\"16\" fill=\"#e8e8e8\"/><text class=\"dark\" x=\"%.1f\" y=\"%.1f\">no traffic</text>\n",
                    LEFT + 60.0 * COLORS + 10, top + 2, LEFT + 60.0 * COLORS + 45, top + 14);
}

sp_status sp_report_heat(const char *path, const char *title, const sp_machine *machine, const sp_flow_heat *heat, sp_error *err)
{
    double height = 90;
    sp_i_out out;
    for (uint32_t i = 0; i < heat->n; i++)
        height += map_height(machine, &heat->map[i]);
    sp_status status = sp_i_out_open(&out, path, err);
    if (status != SP_OK)
        return status;
    sp_i_out_printf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%.0f\" viewBox=\"0 0 %u %.0f\">\n<title>", WIDTH, height, WIDTH, height);
    sp_i_html(&out, title);
    sp_i_out_text(&out, "</title>\n<style>text{font:11px \"DejaVu Sans\",Verdana,sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}.name{font-size:13px;"
                        "font-weight:bold}.row{text-anchor:end}.column,.dark,.light{text-anchor:middle}.light{fill:#fff}rect{stroke:#fff;stroke-width:.5}</style>\n"
                        "<rect x=\"0\" y=\"0\" width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text class=\"title\" x=\"10\" y=\"24\">");
    sp_i_html(&out, title);
    sp_i_out_text(&out, "</text>\n<text x=\"10\" y=\"44\">A cell is the busiest of all links of its kind between these coordinates of the tier.</text>\n");
    draw_legend(&out, 54);
    double top = 84;
    for (uint32_t i = 0; i < heat->n; i++) {
        draw_map(&out, machine, &heat->map[i], top);
        top += map_height(machine, &heat->map[i]);
    }
    sp_i_out_text(&out, "</svg>\n");
    return sp_i_out_close(&out, SP_OK, err);
}
