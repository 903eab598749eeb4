/* A file that appears whole or not at all. */
#include "report_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *fix_of(int error)
{
    switch (error) {
    case ENOENT: case ENOTDIR: return "expected a path in a folder that exists; create the folder or choose another";
    case EACCES: case EPERM: case EROFS: return "expected a place that may be written; choose another path";
    case ENOSPC: case EDQUOT: return "free some space or choose another disk";
    case EFBIG: return "the limit on file sizes is too low for it; raise it or ask for fewer events";
    case EISDIR: return "expected the name of a file, not of a folder";
    default: return "choose another path";
    }
}

static sp_status fail(const sp_i_out *out, int error, sp_error *err)
{
    char buffer[128];
    const char *text = strerror_r(error, buffer, sizeof buffer);
    return sp_error_set(err, error == ENOMEM ? SP_E_NOMEM : SP_E_IO, out->path, 0, 0,
                        "the file cannot be written: %s; %s", text, fix_of(error));
}

static void forget(sp_i_out *out)
{
    free(out->target);
    free(out->temporary);
    *out = (sp_i_out){0};
}

/* A link is followed, so that the file it leads to is replaced and not the link. */
static char *target_of(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : strdup(path);
}

/* O_EXCL: a name that somebody else uses is never written to. 100 tries: leftovers of killed runs with our number. */
static int create_beside(sp_i_out *out)
{
    size_t size = strlen(out->target) + 40;
    out->temporary = malloc(size);
    if (!out->temporary)
        return -1;
    for (int i = 0; i < 100; i++) {
        snprintf(out->temporary, size, "%s.tmp-%ld-%d", out->target, (long)getpid(), i);
        int fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

sp_status sp_i_out_open(sp_i_out *out, const char *path, sp_error *err)
{
    *out = (sp_i_out){.path = path, .target = target_of(path)};
    struct stat info;
    int fd = -1;
    errno = out->target ? 0 : ENOMEM;
    if (out->target && stat(out->target, &info) == 0 && S_ISDIR(info.st_mode))
        errno = EISDIR;
    else if (out->target && stat(out->target, &info) == 0 && !S_ISREG(info.st_mode))
        fd = open(out->target, O_WRONLY | O_CLOEXEC);
    else if (out->target)
        fd = create_beside(out);
    if (fd >= 0)
        out->file = fdopen(fd, "w");
    if (out->file)
        return SP_OK;
    int error = errno;
    if (fd >= 0) {
        close(fd);
        if (out->temporary)
            unlink(out->temporary);
    }
    sp_status status = fail(out, error, err);
    forget(out);
    return status;
}

void sp_i_out_text(sp_i_out *out, const char *text)
{
    if (!out->error && fputs(text, out->file) == EOF)
        out->error = errno ? errno : EIO;
}

void sp_i_out_printf(sp_i_out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!out->error && vfprintf(out->file, format, args) < 0)
        out->error = errno ? errno : EIO;
    va_end(args);
}

sp_status sp_i_out_close(sp_i_out *out, sp_status status, sp_error *err)
{
    if (fflush(out->file) != 0 && !out->error)
        out->error = errno;
    /* on the disk before the name points at it: a crash must not leave an empty file under the final name */
    if (status == SP_OK && !out->error && out->temporary && fsync(fileno(out->file)) != 0 && errno != EINVAL)
        out->error = errno;
    if (fclose(out->file) != 0 && !out->error)
        out->error = errno;
    bool good = status == SP_OK && !out->error;
    if (good && out->temporary && rename(out->temporary, out->target) != 0) {
        out->error = errno;
        good = false;
    }
    if (!good && out->temporary)
        unlink(out->temporary);
    if (status == SP_OK && out->error)
        status = fail(out, out->error, err);
    forget(out);
    return status;
}
