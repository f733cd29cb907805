// A wall clock for one program of a test (LD_PRELOAD): the kernel's, moved by as many seconds as the file says that
// CLOCK_SHIM_FILE names. It is read at each look at the clock, so that writing to it is a step of the clock. Clocks that
// cannot be set are left alone, and so are times that the kernel itself notes (of files, and of waits).
//
//   cc -shared -fPIC -o clock.so clock.c
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// A file that is being written anew may be empty for a moment: the last offset stays.
static _Atomic long offset;

static long present_offset(void) {
    int error = errno;
    const char *path = getenv("CLOCK_SHIM_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        char text[32];
        ssize_t count = read(file, text, sizeof text - 1);
        close(file);
        // Only with its newline is the number complete.
        if (count > 1 && text[count - 1] == '\n') {
            text[count] = 0;
            offset = strtol(text, NULL, 10);
        }
    }
    errno = error;
    return offset;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += present_offset();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int result = (int)syscall(SYS_gettimeofday, now, zone);
    if (result == 0) now->tv_sec += present_offset();
    return result;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
