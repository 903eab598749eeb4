/* A main for fuzz targets in builds without libFuzzer: every file of the corpus folder as it is, then a few dozen mutants of
 * each (cut, flipped, doubled, spliced bytes) from a fixed seed, so that a target says something with every compiler. */
#include "superpod/base.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTANTS = 48, FILE_MAX = 1 << 20 };

/* A copy of exactly `size` bytes, so that the address sanitizer sees a read past the end. */
static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* One to four small changes; `data` has room for twice `size`. */
static size_t mutate(sp_rng *rng, uint8_t *data, size_t size)
{
    for (uint64_t changes = 1 + sp_rng_below(rng, 4); changes && size; changes--) {
        size_t at = (size_t)sp_rng_below(rng, size), length = (size_t)sp_rng_below(rng, size - at) % 16 + 1;
        if (length > size - at)
            length = size - at;
        switch (sp_rng_below(rng, 5)) {
        case 0: size = at; break;
        case 1: data[at] ^= (uint8_t)(1u << sp_rng_below(rng, 8)); break;
        case 2: data[at] = (uint8_t)sp_rng_next(rng); break;
        case 3: memmove(data + at, data + at + length, size - at - length); size -= length; break;
        default:
            if (size + length > 2 * (size_t)FILE_MAX)
                break;
            memmove(data + at + length, data + at, size - at);
            size += length;
        }
    }
    return size;
}

static void run_file(const char *path, const char *name, uint64_t index)
{
    static uint8_t data[FILE_MAX], mutant[2 * FILE_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run_copy(data, size);
    for (uint64_t i = 0; i < MUTANTS; i++) {
        sp_rng rng = sp_rng_make(index, i);
        memcpy(mutant, data, size);
        run_copy(mutant, mutate(&rng, mutant, size));
    }
    printf("%s: %zu bytes and %d mutants\n", name, size, MUTANTS);
}

int main(int argc, char **argv)
{
    struct dirent **entry;
    int n = argc == 2 ? scandir(argv[1], &entry, NULL, alphasort) : -1;
    if (n < 0) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER (a folder that can be read)\n", argv[0]);
        return 2;
    }
    uint64_t files = 0;
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry[i]->d_name);
        if (entry[i]->d_name[0] != '.')
            run_file(path, entry[i]->d_name, files++);
        free(entry[i]);
    }
    free(entry);
    if (!files) {
        fprintf(stderr, "%s: no files\n", argv[1]);
        return 1;
    }
    return 0;
}
