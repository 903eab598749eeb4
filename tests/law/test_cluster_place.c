/* Placement: counters equal a recount under random load and failures; policies keep what they promise, by the independent
 * checker; nothing is given twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "superpod/cluster.h"
#include "superpod/topo.h"

static const sp_cluster_shape pods = {.chips = 4 * 1024, .row_chips = 8, .leaf_chips = 64, .pod_chips = 1024, .spares_per_leaf = 1, .mesh_leaf = true};

typedef struct load { sp_cluster *cluster; uint32_t list[4096], chips[4096]; uint32_t n, next; } load;

static void put(load *l, const sp_place_policy *policy, uint32_t chips, uint32_t segment)
{
    sp_spread spread;
    uint32_t list, before = sp_cluster_free_chips(l->cluster);
    if (!policy->place(l->cluster, &(sp_request){chips, segment}, l->next, &list, &spread)) {
        assert_int_equal(sp_cluster_free_chips(l->cluster), before);
        return;
    }
    assert_int_equal(spread.chips, chips);
    assert_int_equal(sp_cluster_free_chips(l->cluster), before - chips);
    l->list[l->n] = list;
    l->chips[l->n++] = chips;
    l->next++;
}

/* Any policy, any size, on leaves of several forms. */
static void random_load_keeps_the_counters(void **state)
{
    (void)state;
    static const sp_cluster_shape shapes[] = {
        {.chips = 2048, .row_chips = 8, .leaf_chips = 64, .pod_chips = 512, .mesh_leaf = true},
        {.chips = 2016, .row_chips = 4, .leaf_chips = 4, .pod_chips = 72}, {.chips = 960, .row_chips = 1, .leaf_chips = 5, .pod_chips = 320},
        {.chips = 1536, .row_chips = 8, .leaf_chips = 32, .pod_chips = 384}, {.chips = 640, .row_chips = 64, .leaf_chips = 64, .pod_chips = 640}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        load *l = calloc(1, sizeof *l);
        sp_rng rng = sp_rng_make(11, s);
        assert_int_equal(sp_cluster_create(&shapes[s], &l->cluster, NULL), SP_OK);
        for (int i = 0; i < 3000; i++) {
            const sp_place_policy *policy = &sp_place_policies[sp_rng_below(&rng, sp_place_n_policies)];
            uint32_t chips = 1 + (uint32_t)sp_rng_below(&rng, sp_rng_below(&rng, 4) == 0 ? 500 : 40);
            uint32_t segment = sp_rng_below(&rng, 3) == 0 ? shapes[s].row_chips : 0;
            if (segment != 0) chips = (chips + segment - 1) / segment * segment;
            if (sp_rng_below(&rng, 2) == 0 || l->n == 0) {
                put(l, policy, chips, segment);
            } else {
                uint32_t at = (uint32_t)sp_rng_below(&rng, l->n);
                sp_cluster_free(l->cluster, l->list[at]);
                l->list[at] = l->list[--l->n];
                l->chips[at] = l->chips[l->n];
            }
            if (i % 50 == 0) assert_true(sp_cluster_consistent(l->cluster));
        }
        while (l->n > 0) sp_cluster_free(l->cluster, l->list[--l->n]);
        assert_true(sp_cluster_consistent(l->cluster));
        assert_int_equal(sp_cluster_free_chips(l->cluster), shapes[s].chips);
        sp_cluster_destroy(l->cluster);
        free(l);
    }
}

static sp_place_check checked(const sp_cluster *cluster, const sp_machine *machine, uint32_t list, uint32_t n)
{
    sp_place_check check;
    uint32_t *chip = malloc(n * sizeof *chip);
    assert_int_equal(sp_cluster_list_chips(cluster, list, chip), n);
    assert_int_equal(sp_cluster_check(machine, sp_cluster_shape_get(cluster), chip, n, &check, NULL), SP_OK);
    free(chip);
    return check;
}

static const sp_machine *machine_of(sp_catalog **catalog, const char *text)
{
    const sp_machine *machine;
    if (*catalog == NULL) assert_int_equal(sp_catalog_open("catalog", catalog, NULL), SP_OK);
    assert_int_equal(sp_catalog_machine(*catalog, text, &machine, NULL), SP_OK);
    return machine;
}

/* The checker, which shares no code with the state, sees the same spread; an empty machine gives the ideal one. */
static void checker_and_state_agree(void **state)
{
    (void)state;
    sp_catalog *catalog = NULL;
    const sp_machine *machine = machine_of(&catalog, "atlas-950-supercluster:2");
    sp_cluster_shape shape;
    sp_cluster *cluster;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_true(shape.row_chips == 8 && shape.leaf_chips == 64 && shape.pod_chips == 8192 && shape.spares_per_leaf == 1 && shape.mesh_leaf);
    assert_int_equal(sp_cluster_create(&shape, &cluster, NULL), SP_OK);
    sp_rng rng = sp_rng_make(5, 0);
    for (int i = 0; i < 400; i++) {
        uint32_t chips = 1 + (uint32_t)sp_rng_below(&rng, 900), list;
        sp_spread spread;
        if (!sp_place_policies[0].place(cluster, &(sp_request){.chips = chips}, (uint32_t)i, &list, &spread)) break;
        sp_place_check check = checked(cluster, machine, list, chips);
        assert_memory_equal(&check.spread.chips, &spread.chips, 5 * sizeof(uint32_t));
        assert_true(check.spread.whole == spread.whole && check.spread.aligned == spread.aligned && check.spread.regular == spread.regular);
        assert_true(check.slowdown >= 1);
        if (i % 3 == 0) sp_cluster_free(cluster, list);
    }
    sp_cluster_destroy(cluster);
    for (uint32_t chips = 1; chips <= machine->chips; chips = chips * 3 / 2 + 1) {
        uint32_t list;
        sp_spread spread, ideal = sp_cluster_ideal(&shape, chips);
        assert_int_equal(sp_cluster_create(&shape, &cluster, NULL), SP_OK);
        assert_true(sp_place_policies[0].place(cluster, &(sp_request){.chips = chips}, 0, &list, &spread));
        assert_int_equal(spread.leaves, ideal.leaves);
        assert_int_equal(spread.pods, ideal.pods);
        assert_true(sp_cluster_slowdown(machine, &shape, &spread) < 1.2);
        if (chips % 64 == 0) assert_true(sp_cluster_slowdown(machine, &shape, &spread) == 1);
        sp_cluster_destroy(cluster);
    }
    sp_catalog_close(catalog);
}

/* Boards, sub-arrays and racks by hand; and a scattered job is slower than a whole one. */
static void checker_by_hand(void **state)
{
    (void)state;
    sp_catalog *catalog = NULL;
    sp_error err = {0};
    sp_place_check c;
    const sp_machine *machine = machine_of(&catalog, "atlas-950-superpod");
    sp_cluster_shape shape;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    assert_int_equal(sp_cluster_check(machine, &shape, (uint32_t[]){9, 0, 1, 8}, 4, &c, NULL), SP_OK);   /* 2 x 2 */
    assert_true(c.connected && c.whole && c.aligned && c.spares == 1 && c.spread.rows == 2);
    assert_int_equal(sp_cluster_check(machine, &shape, (uint32_t[]){0, 9}, 2, &c, NULL), SP_OK);         /* a diagonal */
    assert_true(!c.connected);
    assert_int_equal(sp_cluster_check(machine, &shape, (uint32_t[]){0, 64}, 2, &c, NULL), SP_OK);
    assert_true(c.connected && !c.whole && c.spread.leaves == 2 && c.slowdown > 1);
    assert_int_equal(sp_cluster_check(machine, &shape, (uint32_t[]){3, 4, 3}, 3, &c, &err), SP_E_INVAL);
    assert_non_null(strstr(err.text, "chip 3"));
    assert_int_equal(sp_cluster_check(machine, &shape, (uint32_t[]){8192}, 1, &c, &err), SP_E_RANGE);
    assert_int_equal(sp_cluster_check(machine, &shape, NULL, 0, &c, &err), SP_E_INVAL);
    sp_catalog_close(catalog);
}

/* Sub-arrays of every size up to a rack that has one are rows x columns; best fit does not break a second rack. */
static void sub_arrays_are_meshes(void **state)
{
    (void)state;
    sp_catalog *catalog = NULL;
    const sp_machine *machine = machine_of(&catalog, "atlas-950-superpod-1024");
    sp_cluster_shape shape;
    assert_int_equal(sp_cluster_shape_of(machine, &shape, NULL), SP_OK);
    for (uint32_t k = 1; k <= 64; k++) {
        sp_cluster *cluster;
        uint32_t list, again;
        sp_spread spread;
        bool rectangle = false;
        for (uint32_t a = 1; a <= 8; a++) rectangle = rectangle || (k % a == 0 && k / a <= 8);
        assert_int_equal(sp_cluster_create(&shape, &cluster, NULL), SP_OK);
        assert_true(sp_place_policy_find("sub-array")->place(cluster, &(sp_request){.chips = k}, 7, &list, &spread));
        assert_true(checked(cluster, machine, list, k).connected == rectangle || k == 1);
        assert_int_equal(spread.leaves, 1);
        if (k <= 32 && k % 8 == 0) {
            assert_true(sp_place_policies[0].place(cluster, &(sp_request){.chips = k}, 8, &again, &spread));
            assert_int_equal(sp_cluster_owner(cluster, 0), 7);
            assert_int_equal(sp_cluster_owner(cluster, k), 8);   /* the same rack */
        }
        sp_cluster_destroy(cluster);
    }
    sp_catalog_close(catalog);
}

/* 512 segments of a rack each on 524,288 chips; a segment never crosses a rack; what does not divide is refused. */
static void segments_stay_whole(void **state)
{
    (void)state;
    const sp_cluster_shape big = {.chips = 524288, .row_chips = 8, .leaf_chips = 64, .pod_chips = 8192, .mesh_leaf = true};
    sp_cluster *cluster;
    sp_spread spread;
    uint32_t list, small;
    const sp_place_policy *segments = sp_place_policy_find("segments");
    assert_int_equal(sp_cluster_create(&big, &cluster, NULL), SP_OK);
    assert_true(sp_cluster_bytes(cluster) < 4u << 20);
    assert_true(sp_place_policies[0].place(cluster, &(sp_request){.chips = 8}, 1, &small, &spread));
    assert_true(segments->place(cluster, &(sp_request){.chips = 512 * 64, .segment_chips = 64}, 2, &list, &spread));
    assert_true(spread.whole && spread.leaves == 512);
    sp_cluster_free(cluster, list);
    assert_true(segments->place(cluster, &(sp_request){.chips = 96, .segment_chips = 32}, 4, &list, &spread));
    assert_int_equal(spread.granule, 32);
    assert_true(segments->place(cluster, &(sp_request){.chips = 16384, .segment_chips = 8192}, 3, &list, &spread));
    assert_int_equal(spread.pods, 2);
    assert_false(segments->place(cluster, &(sp_request){.chips = 100, .segment_chips = 64}, 5, &list, &spread));
    assert_false(segments->place(cluster, &(sp_request){.chips = 524288, .segment_chips = 64}, 6, &list, &spread));
    assert_true(sp_cluster_consistent(cluster));
    sp_cluster_destroy(cluster);
}

/* When only single chips are left, scatter still finds every one of them; others fail without taking anything. */
static void scatter_takes_the_last_chip(void **state)
{
    (void)state;
    load *l = calloc(1, sizeof *l);
    assert_int_equal(sp_cluster_create(&pods, &l->cluster, NULL), SP_OK);
    const sp_place_policy *scatter = sp_place_policy_find("scatter");
    while (sp_cluster_free_chips(l->cluster) > 0 && l->n < 4096) put(l, scatter, 1, 0);
    assert_int_equal(l->n, 4096);
    for (uint32_t i = 0; i < 4096; i += 2) sp_cluster_free(l->cluster, l->list[i]);
    sp_spread spread;
    uint32_t list;
    for (size_t p = 0; p < sp_place_n_policies; p++)
        if (strcmp(sp_place_policies[p].name, "scatter") != 0 && p != 0)
            assert_false(sp_place_policies[p].place(l->cluster, &(sp_request){.chips = 2048}, 9999, &list, &spread));
    assert_int_equal(sp_cluster_free_chips(l->cluster), 2048);
    assert_true(scatter->place(l->cluster, &(sp_request){.chips = 2048}, 9999, &list, &spread));
    assert_int_equal(sp_cluster_free_chips(l->cluster), 0);
    assert_true(sp_cluster_consistent(l->cluster));
    sp_cluster_destroy(l->cluster);
    free(l);
}

static void bad_shapes_are_refused(void **state)
{
    (void)state;
    sp_cluster *cluster;
    sp_error err;
    static const sp_cluster_shape bad[] = {{0}, {.chips = 72, .row_chips = 72, .leaf_chips = 72, .pod_chips = 72},
                                           {.chips = 100, .row_chips = 8, .leaf_chips = 64, .pod_chips = 64}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(sp_cluster_create(&bad[i], &cluster, &err), SP_E_INVAL);
}

/* Every machine of the catalog has a shape that the state accepts. */
static void catalog_has_shapes(void **state)
{
    (void)state;
    sp_catalog *catalog = NULL;
    machine_of(&catalog, "dgx-h100");
    for (size_t i = 0; i < sp_catalog_machine_count(catalog); i++) {
        sp_cluster_shape shape;
        sp_cluster *cluster;
        assert_int_equal(sp_cluster_shape_of(machine_of(&catalog, sp_catalog_machine_name(catalog, i)), &shape, NULL), SP_OK);
        assert_int_equal(sp_cluster_create(&shape, &cluster, NULL), SP_OK);
        sp_cluster_destroy(cluster);
    }
    sp_catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_load_keeps_the_counters), cmocka_unit_test(checker_and_state_agree), cmocka_unit_test(checker_by_hand),
        cmocka_unit_test(sub_arrays_are_meshes), cmocka_unit_test(segments_stay_whole), cmocka_unit_test(scatter_takes_the_last_chip),
        cmocka_unit_test(bad_shapes_are_refused), cmocka_unit_test(catalog_has_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
