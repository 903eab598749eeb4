/* A file in memory, whole. One way for all readers, so that a device without end is refused everywhere. */
#include "superpod/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_CHUNK = 1 << 16 };

/* One byte of room stays free for the NUL. */
static char *read_some(FILE *file, size_t most_bytes, size_t *used)
{
    size_t room = READ_CHUNK, got = 1;
    char *bytes = malloc(room);
    for (*used = 0; bytes && got && *used <= most_bytes; *used += got) {
        if (*used == room - 1) {
            char *grown = realloc(bytes, room *= 2);
            if (!grown)
                free(bytes);
            bytes = grown;
        }
        got = bytes ? fread(bytes + *used, 1, room - 1 - *used, file) : 0;
    }
    return bytes;
}

sp_status sp_text_read_file(const char *path, size_t most_bytes, char **text, size_t *length, sp_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return sp_error_set(err, SP_E_IO, path, 0, 0, "cannot open the file: %s", strerror(errno));
    size_t used;
    char *bytes = read_some(file, most_bytes, &used);
    int why = ferror(file) ? errno : 0;
    fclose(file);
    if (!bytes)
        return sp_error_set(err, SP_E_NOMEM, path, 0, 0, "no memory to read the file");
    if (why || used > most_bytes) {
        free(bytes);
        return why ? sp_error_set(err, SP_E_IO, path, 0, 0, "cannot read the file: %s", strerror(why))
                   : sp_error_set(err, SP_E_RANGE, path, 0, 0, "larger than %zu MiB, the most that is read as one piece", most_bytes >> 20);
    }
    bytes[used] = '\0';
    *text = bytes;
    *length = used;
    return SP_OK;
}
