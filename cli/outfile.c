/* Output files. The writers below write to a temporary name and rename; here it is asked beforehand whether that can
 * work, so that a long search does not end in "no such folder". */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sp_status cannot(cli_option_id option, const char *path, const char *why, sp_error *err)
{
    return sp_error_set(err, SP_E_IO, path, 0, 0, "cannot be written for --%s: %s", cli_options[option].name, why);
}

/* errno of making a file there, 0 for none: permissions alone say little of read-only and virtual file systems. */
static int creatable(const char *folder)
{
    char name[4096];
    if (snprintf(name, sizeof name, "%s/.superpod-XXXXXX", folder) >= (int)sizeof name) return ENAMETOOLONG;
    int file = mkstemp(name);
    if (file < 0) return errno;
    close(file);
    unlink(name);
    return 0;
}

sp_status cli_file_probe(const cli_run *cli, cli_option_id option, sp_error *err)
{
    const char *path = cli->value[option];
    struct stat info;
    if (path == NULL) return SP_OK;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) return cannot(option, path, "it is a folder; give the name of a file", err);
        if (!S_ISREG(info.st_mode))
            return cannot(option, path, "it is not a regular file, and the file is put in place by renaming", err);
        if (access(path, W_OK) != 0) return cannot(option, path, strerror(errno), err);
    }
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL) return sp_error_set(err, SP_E_NOMEM, NULL, 0, 0, "no memory");
    int failed = creatable(folder);
    free(folder);
    return failed == 0 ? SP_OK : cannot(option, path, failed == ENOENT ? "its folder does not exist" : strerror(failed), err);
}

/* By name, or as the same file by another name. */
static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

sp_status cli_files_differ(const cli_run *cli, const cli_option_id *option, size_t n, sp_error *err)
{
    for (size_t i = 0; i < n; i++)
        for (int other = 0; other < CLI_O_N; other++) {
            const char *path = cli->value[option[i]], *twin = cli->value[other];
            bool reads = other == CLI_O_JOBS || other == CLI_O_FAILURES || other == CLI_O_PLAN || other == CLI_O_RUNNING, writes = false;
            for (size_t k = i + 1; k < n; k++) writes = writes || option[k] == (cli_option_id)other;
            if (path == NULL || twin == NULL || !(reads || writes) || !same_file(path, twin)) continue;
            return sp_error_set(err, SP_E_INVAL, path, 0, 0, "is given for --%s and for --%s, and one would replace the other: give another name", cli_options[option[i]].name, cli_options[other].name);
        }
    return SP_OK;
}
