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

static sp_status probe_file(cli_option_id option, const char *path, sp_error *err)
{
    struct stat info;
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

static sp_status probe_folder(cli_option_id option, const char *path, sp_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) return cannot(option, path, strerror(errno), err);
    if (!S_ISDIR(info.st_mode)) return cannot(option, path, "it is not a folder", err);
    int failed = creatable(path);
    return failed == 0 ? SP_OK : cannot(option, path, strerror(failed), err);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What an option names is read: an output of that name would replace it. */
static bool is_read(int option)
{
    return cli_options[option].kind == CLI_FILE_IN || option == CLI_O_JOBS || option == CLI_O_FAILURES;
}

/* The output is no other output, and nothing that is read. */
static sp_status stands_alone(const cli_run *cli, cli_option_id option, sp_error *err)
{
    const char *path = cli->value[option];
    for (int other = 0; other < CLI_O_N; other++) {
        const char *twin = cli->value[other];
        if (twin == NULL || other == (int)option) continue;
        bool writes = cli_options[other].kind == CLI_FILE_OUT;
        if (!(writes && strcmp(path, twin) == 0) && !((writes || is_read(other)) && same_file(path, twin))) continue;
        return sp_error_set(err, SP_E_INVAL, path, 0, 0, "is given for --%s and for --%s, and one would replace the other: give another name",
                            cli_options[option].name, cli_options[other].name);
    }
    for (uint32_t i = 0; i < cli->n_operands; i++)
        if (same_file(path, cli->operand[i]))
            return sp_error_set(err, SP_E_INVAL, path, 0, 0, "is read, and --%s would replace it: give another name", cli_options[option].name);
    return SP_OK;
}

sp_status cli_outputs_check(const cli_run *cli, sp_error *err)
{
    sp_status status = SP_OK;
    for (int o = 0; o < CLI_O_N && status == SP_OK; o++) {
        const char *path = cli->value[o];
        if (path == NULL) continue;
        if (o == CLI_O_WRITE) status = probe_folder(CLI_O_WRITE, path, err);
        if (cli_options[o].kind != CLI_FILE_OUT) continue;
        if (o != CLI_O_LOG) status = probe_file((cli_option_id)o, path, err);   /* a log is opened before the work, and may hold some already */
        if (status == SP_OK) status = stands_alone(cli, (cli_option_id)o, err);
    }
    return sp_team_agree(cli_team(cli), status, err);   /* rank 0 alone writes, and the others would wait for it */
}
