// What power loss leaves of one directory, for a program of a test (LD_PRELOAD): whenever the program makes a file of the
// directory POWER_SHIM_STATE durable (fsync, fdatasync), its content is copied to POWER_SHIM_DURABLE/INODE-BIRTH; whenever
// it makes the directory durable, its names are written to POWER_SHIM_DURABLE/names, a line `INODE-BIRTH NAME` each.
// Whatever is not there was not durable. Copies take their names by rename, so that kill -9 leaves none half made.
//
//   cc -shared -fPIC -o power.so power.c -ldl
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int identity(int directory, const char *name, char *text, size_t size) {
    struct statx status;
    if (statx(directory, name, name[0] ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status)) return -1;
    snprintf(text, size, "%llu-%lld.%09u", (unsigned long long)status.stx_ino, (long long)status.stx_btime.tv_sec,
             status.stx_btime.tv_nsec);
    return 0;
}

static void place(const char *durable, const char *name, int source, const char *text) {
    char new[PATH_MAX], target[PATH_MAX], buffer[65536];
    snprintf(new, sizeof new, "%s/new", durable);
    snprintf(target, sizeof target, "%s/%s", durable, name);
    int file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return;
    ssize_t count = 0;
    off_t at = 0;
    if (text) count = write(file, text, strlen(text));
    else
        while ((count = pread(source, buffer, sizeof buffer, at)) > 0) {
            if (write(file, buffer, (size_t)count) != count) { count = -1; break; }
            at += count;
        }
    close(file);
    if (count >= 0) rename(new, target);
}

static void names(const char *state, const char *durable) {
    static char text[1 << 16];
    size_t length = 0;
    DIR *stream = opendir(state);
    if (!stream) return;
    struct dirent *entry;
    char id[64];
    text[0] = 0;
    while ((entry = readdir(stream))) {
        if (entry->d_type != DT_REG || identity(dirfd(stream), entry->d_name, id, sizeof id)) continue;
        if (length + strlen(entry->d_name) + 80 > sizeof text) break;
        length += (size_t)snprintf(text + length, sizeof text - length, "%s %s\n", id, entry->d_name);
    }
    closedir(stream);
    place(durable, "names", -1, text);
}

static void made_durable(int file) {
    const char *state = getenv("POWER_SHIM_STATE"), *durable = getenv("POWER_SHIM_DURABLE");
    if (!state || !durable) return;
    int error = errno;
    char link[64], path[PATH_MAX], id[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        size_t prefix = strlen(state);
        pthread_mutex_lock(&lock);
        if (!strcmp(path, state)) names(state, durable);
        else if (!strncmp(path, state, prefix) && path[prefix] == '/' && !identity(file, "", id, sizeof id)) {
            // Not opened anew where it can be helped: closing another descriptor of a file drops SQLite's locks of it.
            char byte;
            int source = pread(file, &byte, 1, 0) >= 0 ? file : open(link, O_RDONLY | O_CLOEXEC);
            if (source >= 0) place(durable, id, source, NULL);
            if (source >= 0 && source != file) close(source);
        }
        pthread_mutex_unlock(&lock);
    }
    errno = error;
}

#define INTERPOSE(name)                                                     \
    int name(int file) {                                                    \
        static int (*_Atomic real)(int);                                    \
        if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name);            \
        int result = real(file);                                            \
        if (result == 0) made_durable(file);                                \
        return result;                                                      \
    }

INTERPOSE(fsync)
INTERPOSE(fdatasync)
