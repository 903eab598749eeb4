/* Scores of the open rows are those committed in validation-scores.csv: a changed prediction is looked at and explained in
 * its commit. Regenerate: tools/make-golden. */
#include "superpod/study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void expect_ok(sp_status status, const sp_error *err)
{
    char text[1200];
    sp_error_format(err, text, sizeof text);
    if (status != SP_OK)
        fail_msg("%s", text);
}

static void test_scores(void **state)
{
    (void)state;
    static const char *const files[] = {"validation/collectives.csv", "validation/kernels.csv", "validation/time_to_train.csv",
                                        "validation/training.csv"};
    sp_error err = {0};
    sp_study study;
    sp_catalog *catalog = NULL;
    sp_arena *arena = sp_arena_create();
    assert_non_null(arena);
    expect_ok(sp_catalog_open("catalog", &catalog, &err), &err);
    expect_ok(sp_study_validate(catalog, files, 4, arena, &study, &err), &err);
    char path[] = "/tmp/superpod-scores-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    expect_ok(sp_study_scores_write(path, &study, &err), &err);
    FILE *now = fopen(path, "r"), *golden = fopen("tests/golden/validation-scores.csv", "r");
    assert_true(now && golden);
    char a[256], b[256];
    unsigned differ = 0;
    for (bool more = true; more;) {
        bool has_a = fgets(a, sizeof a, now), has_b = fgets(b, sizeof b, golden);
        if (has_a != has_b || (has_a && strcmp(a, b) != 0)) {
            differ++;
            print_message("committed %snow       %s", has_b ? b : "nothing\n", has_a ? a : "nothing\n");
        }
        more = has_a || has_b;
    }
    fclose(now);
    fclose(golden);
    remove(path);
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    if (differ)
        fail_msg("%u lines of tests/golden/validation-scores.csv are not what is predicted now; if meant: tools/make-golden, and say why in the commit",
                 differ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scores)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
