/* The catalogue and the machines in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/topo.h"

#include "open_catalog.h"

/* Structure and numbers; labels and sources aside. */
static void same_tier(const sp_tier *a, const sp_tier *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n_dims, b->n_dims);
    for (uint32_t d = 0; d < a->n_dims; d++)
        assert_int_equal(a->dims[d], b->dims[d]);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->stride, b->stride);
    assert_int_equal(a->spares, b->spares);
    assert_int_equal(a->planes, b->planes);
    assert_int_equal(a->switches, b->switches);
    assert_int_equal(a->radix, b->radix);
    assert_int_equal(a->n_levels, b->n_levels);
    for (uint32_t l = 0; l < a->n_levels; l++)
        assert_int_equal(a->levels[l], b->levels[l]);
    assert_int_equal(a->twisted, b->twisted);
    assert_int_equal(a->shared, b->shared);
    assert_int_equal(a->nic, b->nic);
    const sp_value *x[] = {&a->bw_bytes_per_s, &a->latency_s, &a->taper}, *y[] = {&b->bw_bytes_per_s, &b->latency_s, &b->taper};
    for (int i = 0; i < 3; i++) {
        assert_true(x[i]->low == y[i]->low);
        assert_true(x[i]->nominal == y[i]->nominal);
        assert_true(x[i]->high == y[i]->high);
    }
}

static void same_machine(const sp_machine *a, const sp_machine *b)
{
    assert_int_equal(a->chips, b->chips);
    assert_int_equal(a->n_planes, b->n_planes);
    assert_ptr_equal(a->chip, b->chip);
    for (uint32_t p = 0; p < a->n_planes; p++) {
        assert_string_equal(a->planes[p].name, b->planes[p].name);
        assert_int_equal(a->planes[p].n_tiers, b->planes[p].n_tiers);
        for (uint32_t t = 0; t < a->planes[p].n_tiers; t++)
            same_tier(&a->planes[p].tiers[t], &b->planes[p].tiers[t]);
    }
    assert_int_equal(a->chips_per_host, b->chips_per_host);
    assert_int_equal(a->chips_per_rack, b->chips_per_rack);
    assert_int_equal(a->spares_per_rack, b->spares_per_rack);
    assert_int_equal(a->uses_uboe, b->uses_uboe);
    assert_int_equal(a->uses_pcie, b->uses_pcie);
    assert_true(a->power_w.nominal == b->power_w.nominal);
    assert_true(a->overhead_w_per_chip.high == b->overhead_w_per_chip.high);
    assert_true(a->price_usd.low == b->price_usd.low);
}

/* Every machine of the catalogue loads, counts, and comes back from its string. */
static void every_machine_round_trips(void **state)
{
    (void)state;
    assert_true(sp_catalog_machine_count(catalog) > 0);
    for (size_t i = 0; i < sp_catalog_machine_count(catalog); i++) {
        char text[4096];
        sp_machine_totals totals;
        sp_error err = {0};
        const char *name = sp_catalog_machine_name(catalog, i);
        const sp_machine *m = machine_of(name);
        assert_string_equal(m->name, name);
        int n = sp_machine_format(m, text, sizeof text);
        assert_true(n > 0 && (size_t)n < sizeof text);
        same_machine(m, machine_of(text));
        if (sp_machine_count(m, &totals, &err))
            fail_msg("%s: %s", name, err.text);
        assert_true(totals.bisection_bytes_per_s > 0 && totals.injection_bytes_per_s > 0 && totals.diameter_hops > 0);
        assert_true(totals.mem_bytes > 0 && totals.power_w > 0);
    }
}

/* Each value of a machine has a source. */
static void one_value(void *context, const char *path, const sp_value *value, sp_unit unit)
{
    (void)unit;
    ++*(unsigned *)context;
    assert_non_null(path);
    assert_true(value->grade > SP_GRADE_NONE && value->grade < SP_GRADE_N);
    assert_non_null(value->source);
    assert_true(strlen(value->source) > 5);
}

static void every_value_has_a_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < sp_catalog_machine_count(catalog); i++) {
        unsigned n = 0;
        sp_machine_each_value(machine_of(sp_catalog_machine_name(catalog, i)), one_value, &n);
        assert_true(n >= 4);
    }
}

/* A key of the source list that a text mentions has its address in the file. */
static void every_key_has_an_address(void **state)
{
    (void)state;
    static const char *const keys[] = {"KN25", "WP950", "WAIC26", "LQ26", "CM2", "UBM", "HC25", "UBSPEC", "HCCLUT", "SA-CM", "GK", "HWA",
                                       "TECHCTO", "VERDA", "TH-RU", "VR", "MI400", "META-ROCE", "HPN", "EPOCH", "XAI-NET", "TPU4",
                                       "TPU5P", "TPU7", "TPU8", "SA-TRN2", "TRN3", "TRN3U", "GITEE"};
    for (size_t i = 0; i < sp_catalog_machine_count(catalog); i++) {
        char path[256], text[16384];
        snprintf(path, sizeof path, "catalog/machines/%s.yaml", sp_catalog_machine_name(catalog, i));
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        size_t n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        assert_true(n > 0 && n < sizeof text - 1);
        text[n] = 0;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            const char *cited[] = {"\"%s:", "(%s)", "(%s ", "(%s,"};
            for (size_t c = 0; c < sizeof cited / sizeof *cited; c++) {
                char use[64], address[64];
                snprintf(use, sizeof use, "%.1s%s%s", cited[c], keys[k], cited[c] + 3);
                snprintf(address, sizeof address, "\n  %s: ", keys[k]);
                if (strstr(text, use) && !strstr(text, address))
                    fail_msg("%s cites %s without its address", path, keys[k]);
            }
        }
    }
}

static void sizes(void **state)
{
    (void)state;
    assert_int_equal(machine_of("dgx-h100:128")->chips, 1024);
    assert_int_equal(machine_of("dgx-h100:1")->planes[0].n_tiers, 1);
    assert_int_equal(machine_of("gb200-nvl72")->chips, 72);
    assert_int_equal(machine_of("gb200-nvl72:16")->chips, 1152);
    assert_int_equal(machine_of("cloudmatrix-384:3")->planes[1].tiers[0].size, 1152);
    assert_ptr_equal(machine_of("dgx-h100:128"), machine_of("dgx-h100:128"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_machine_round_trips),
        cmocka_unit_test(every_value_has_a_source),
        cmocka_unit_test(every_key_has_an_address),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
