// kill -9 at a chosen step of one program of a test (LD_PRELOAD). Steps are the calls of the functions below, by any thread,
// each twice: before it and after it. They are counted from the moment the file is there that KILL_SHIM_FILE names; at the
// step whose number it holds the program ends as by kill -9. How many steps there were is written to the file of the same
// name with ".count" behind it.
//
//   cc -shared -fPIC -o kill.so kill.c -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long target;  // 0: not armed
static atomic_long steps;
static atomic_int counts = -1;

static void arm(void) {
    const char *path = getenv("KILL_SHIM_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    char text[32];
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    // Only with its newline is the number complete.
    if (length < 2 || text[length - 1] != '\n') return;
    text[length] = 0;
    char name[512];
    snprintf(name, sizeof name, "%s.count", path);
    atomic_store(&counts, open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    atomic_store(&target, strtol(text, NULL, 10));
}

static void step(void) {
    int error = errno;
    if (!atomic_load(&target)) arm();
    if (atomic_load(&target)) {
        long present = atomic_fetch_add(&steps, 1) + 1;
        char text[32];
        int length = snprintf(text, sizeof text, "%ld\n", present);
        syscall(SYS_pwrite64, atomic_load(&counts), text, length, 0);
        if (present == atomic_load(&target)) {
            kill(getpid(), SIGKILL);
            for (;;) pause();
        }
    }
    errno = error;
}

#define INTERPOSE(result, name, parameters, arguments)                        \
    result name parameters {                                                  \
        static result(*_Atomic real) parameters;                              \
        if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);      \
        step();                                                               \
        result answer = real arguments;                                       \
        step();                                                               \
        return answer;                                                        \
    }

// The store: every statement, what it writes, what it makes durable.
INTERPOSE(int, sqlite3_step, (void *statement), (statement))
INTERPOSE(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
INTERPOSE(int, fdatasync, (int file), (file))
// Kafka: records and events handed over, reports taken.
INTERPOSE(int, rd_kafka_produce,
          (void *topic, int32_t partition, int flags, void *value, size_t length, const void *key, size_t key_length,
           void *opaque),
          (topic, partition, flags, value, length, key, key_length, opaque))
INTERPOSE(int, rd_kafka_produce_batch, (void *topic, int32_t partition, int flags, void *messages, int count),
          (topic, partition, flags, messages, count))
INTERPOSE(size_t, rd_kafka_event_message_array, (void *event, const void **messages, size_t size),
          (event, messages, size))
