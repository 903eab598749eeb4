/* The committed catalog and what a validation of one small table gives: include after cmocka.h and superpod/study.h. */
#ifndef STUDY_FIXTURE_H
#define STUDY_FIXTURE_H

typedef struct fixture { sp_catalog *catalog; sp_arena *arena; sp_study study; } fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sp_error err;
    if (!f || sp_catalog_open("catalog", &f->catalog, &err) != SP_OK)
        return -1;
    f->arena = sp_arena_create();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    sp_arena_destroy(f->arena);
    sp_catalog_close(f->catalog);
    free(f);
    return 0;
}

static sp_status validate(fixture *f, const char *text, sp_error *err)
{
    char path[] = "/tmp/superpod-study-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    const char *paths[] = {path};
    sp_status status = sp_study_validate(f->catalog, paths, 1, f->arena, &f->study, err);
    unlink(path);
    return status;
}

#endif
