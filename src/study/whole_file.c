/* Files that are whole or absent: written under a name beside their own and renamed. */
#include "whole_file.h"

#include <errno.h>
#include <string.h>

static sp_status io_fail(sp_error *err, const char *path)
{
    return sp_error_set(err, SP_E_IO, path, 0, 0, "cannot write: %s", strerror(errno));
}

sp_status sp_i_whole_open(const char *path, sp_i_whole *out, sp_error *err)
{
    if ((size_t)snprintf(out->path, sizeof out->path, "%s", path) >= sizeof out->path)
        return sp_error_set(err, SP_E_RANGE, path, 0, 0, "cannot write: the name is longer than %zu bytes", sizeof out->path - 1);
    snprintf(out->temporary, sizeof out->temporary, "%s.part", path);
    out->file = fopen(out->temporary, "w");
    return out->file ? SP_OK : io_fail(err, path);
}

sp_status sp_i_whole_close(sp_i_whole *whole, sp_error *err)
{
    bool bad = ferror(whole->file) != 0;
    bad |= fclose(whole->file) != 0;
    if (!bad && rename(whole->temporary, whole->path) == 0)
        return SP_OK;
    sp_status status = io_fail(err, whole->path);
    remove(whole->temporary);
    return status;
}

void sp_i_whole_drop(sp_i_whole *whole)
{
    fclose(whole->file);
    remove(whole->temporary);
}
