// A read-only FUSE file system for tests whose answers can be held back: fuse(4), linux/fuse.h, no library.
//
//   FuseServer MOUNTPOINT BACKING PARENT LIMIT
//
// Shows the directory BACKING at MOUNTPOINT, uncached. Commands come as lines on standard input and are answered by one
// line each: "hang OPCODE..." holds back requests of these operations from now on, "held" tells how many are waiting,
// "release" answers them all and holds back no more; "bad FROM TO" makes the bytes of this range of every file unreadable
// (EIO). It ends at the end of its input, on SIGTERM, when the thread that
// started it in process PARENT is gone, or when a request has been held for LIMIT seconds. Whatever ends it, the kernel
// then fails all waiting requests: nobody hangs for longer than this process lives. It touches BACKING only, never its
// own mount, and is one thread.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 128 * 1024, MAX_READ = 128 * 1024 };

// One file the kernel knows: node id = index + 1. A free place has descriptor -1.
struct node {
    int descriptor;  // O_PATH
    dev_t device;
    ino_t inode;
    uint64_t lookups, generation;
};

struct held {
    struct held *next;
    char request[];
};

static int fuse = -1;
static struct node *nodes;
static size_t node_count;
static uint64_t generations;
static uint64_t hanging;  // bit per opcode
static struct held *first_held, **last_held = &first_held;
static unsigned held_count;
static time_t held_since;
static volatile sig_atomic_t is_asked_to_end;
static uint64_t bad_from, bad_to;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void ask_to_end(int signal) {
    (void)signal;
    is_asked_to_end = 1;
}

static time_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

// ENOENT: whoever asked was killed meanwhile. ENODEV: unmounted.
static void answer(const struct fuse_in_header *in, int error, const void *body, size_t size) {
    struct fuse_out_header out = {.len = sizeof out + size, .error = -error, .unique = in->unique};
    struct iovec parts[] = {{&out, sizeof out}, {(void *)body, size}};
    if (writev(fuse, parts, 2) < 0 && errno != ENOENT && errno != ENODEV) fail("answer");
}

static void answer_error(const struct fuse_in_header *in, int error) { answer(in, error, NULL, 0); }

static struct fuse_attr attributes(const struct stat *s) {
    return (struct fuse_attr){
        .ino = s->st_ino, .size = s->st_size, .blocks = s->st_blocks, .mode = s->st_mode, .nlink = s->st_nlink,
        .uid = s->st_uid, .gid = s->st_gid, .blksize = s->st_blksize,
        .atime = s->st_atim.tv_sec, .atimensec = s->st_atim.tv_nsec, .mtime = s->st_mtim.tv_sec,
        .mtimensec = s->st_mtim.tv_nsec, .ctime = s->st_ctim.tv_sec, .ctimensec = s->st_ctim.tv_nsec};
}

static struct node *node_of(const struct fuse_in_header *in) { return &nodes[in->nodeid - 1]; }

// The node of an O_PATH descriptor, which it takes over; its index. Lookups are counted by the caller.
static size_t keep(int descriptor, const struct stat *s) {
    size_t place = node_count;
    for (size_t i = 0; i < node_count; i++) {
        if (nodes[i].descriptor < 0) {
            place = i;
        } else if (nodes[i].device == s->st_dev && nodes[i].inode == s->st_ino) {
            close(descriptor);
            return i;
        }
    }
    if (place == node_count) {
        nodes = realloc(nodes, ++node_count * sizeof *nodes);
        if (!nodes) fail("memory");
    }
    nodes[place] = (struct node){descriptor, s->st_dev, s->st_ino, 0, ++generations};
    return place;
}

static void look_up(const struct fuse_in_header *in, const char *name) {
    struct stat s;
    int descriptor = openat(node_of(in)->descriptor, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &s) != 0) return answer_error(in, errno);
    size_t place = keep(descriptor, &s);
    nodes[place].lookups++;
    struct fuse_entry_out out = {.nodeid = place + 1, .generation = nodes[place].generation, .attr = attributes(&s)};
    answer(in, 0, &out, sizeof out);
}

static void forget(uint64_t id, uint64_t count) {
    struct node *node = &nodes[id - 1];
    node->lookups -= count;
    if (id == FUSE_ROOT_ID || node->lookups > 0) return;
    close(node->descriptor);
    node->descriptor = -1;
}

static void get_attributes(const struct fuse_in_header *in) {
    struct stat s;
    if (fstat(node_of(in)->descriptor, &s) != 0) return answer_error(in, errno);
    struct fuse_attr_out out = {.attr = attributes(&s)};
    answer(in, 0, &out, sizeof out);
}

// The kernel's page cache is out of it: every read of a test is a request.
static void open_node(const struct fuse_in_header *in, const struct fuse_open_in *body) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", node_of(in)->descriptor);
    int isDirectory = in->opcode == FUSE_OPENDIR;
    if ((body->flags & O_ACCMODE) != O_RDONLY) return answer_error(in, EROFS);
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (isDirectory ? O_DIRECTORY : 0));
    if (descriptor < 0) return answer_error(in, errno);
    struct fuse_open_out out = {.fh = descriptor, .open_flags = isDirectory ? 0 : FOPEN_DIRECT_IO};
    if (isDirectory) out.fh = (uintptr_t)fdopendir(descriptor);
    answer(in, 0, &out, sizeof out);
}

static void read_file(const struct fuse_in_header *in, const struct fuse_read_in *body) {
    static char bytes[MAX_READ];
    size_t size = body->size < MAX_READ ? body->size : MAX_READ;
    if (body->offset < bad_to && body->offset + size > bad_from) {
        if (body->offset >= bad_from) return answer_error(in, EIO);
        size = bad_from - body->offset;
    }
    ssize_t count = pread(body->fh, bytes, size, body->offset);
    if (count < 0) answer_error(in, errno);
    else answer(in, 0, bytes, count);
}

static void read_directory(const struct fuse_in_header *in, const struct fuse_read_in *body) {
    static char bytes[MAX_READ];
    DIR *directory = (DIR *)(uintptr_t)body->fh;
    size_t used = 0, limit = body->size < MAX_READ ? body->size : MAX_READ;
    if (body->offset == 0) rewinddir(directory);
    else seekdir(directory, body->offset);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        size_t length = strlen(entry->d_name);
        size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
        if (used + size > limit) break;
        struct fuse_dirent *out = (struct fuse_dirent *)(bytes + used);
        memset(out, 0, size);
        *out = (struct fuse_dirent){
            .ino = entry->d_ino, .off = telldir(directory), .namelen = length, .type = entry->d_type};
        memcpy(out->name, entry->d_name, length);
        used += size;
    }
    answer(in, 0, bytes, used);
}

static void read_link(const struct fuse_in_header *in) {
    char target[4096];
    ssize_t count = readlinkat(node_of(in)->descriptor, "", target, sizeof target);
    if (count < 0) answer_error(in, errno);
    else answer(in, 0, target, count);
}

static void tell_space(const struct fuse_in_header *in) {
    struct statvfs s;
    if (fstatvfs(node_of(in)->descriptor, &s) != 0) return answer_error(in, errno);
    struct fuse_statfs_out out = {.st = {
        .blocks = s.f_blocks, .bfree = s.f_bfree, .bavail = s.f_bavail, .files = s.f_files, .ffree = s.f_ffree,
        .bsize = s.f_bsize, .namelen = s.f_namemax, .frsize = s.f_frsize}};
    answer(in, 0, &out, sizeof out);
}

static void begin(const struct fuse_in_header *in, const struct fuse_init_in *body) {
    if (body->major != FUSE_KERNEL_VERSION) fail("the kernel speaks another FUSE protocol");
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = body->max_readahead,
        // Else a held listing would make every other lookup in its directory wait behind a lock.
        .flags = body->flags & (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS),
        .max_write = 4096, .time_gran = 1};
    answer(in, 0, &out, sizeof out);
    puts("ready");
}

static void close_handle(const struct fuse_in_header *in, const struct fuse_release_in *body) {
    if (in->opcode == FUSE_RELEASEDIR) closedir((DIR *)(uintptr_t)body->fh);
    else close(body->fh);
    answer_error(in, 0);
}

static void serve(const struct fuse_in_header *in) {
    const void *body = in + 1;
    switch (in->opcode) {
    case FUSE_INIT: return begin(in, body);
    case FUSE_LOOKUP: return look_up(in, body);
    case FUSE_FORGET: return forget(in->nodeid, ((const struct fuse_forget_in *)body)->nlookup);
    case FUSE_BATCH_FORGET: {
        const struct fuse_batch_forget_in *batch = body;
        const struct fuse_forget_one *one = (const void *)(batch + 1);
        for (uint32_t i = 0; i < batch->count; i++) forget(one[i].nodeid, one[i].nlookup);
        return;
    }
    case FUSE_GETATTR: return get_attributes(in);
    case FUSE_OPEN:
    case FUSE_OPENDIR: return open_node(in, body);
    case FUSE_READ: return read_file(in, body);
    case FUSE_READDIR: return read_directory(in, body);
    case FUSE_READLINK: return read_link(in);
    case FUSE_STATFS: return tell_space(in);
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR: return close_handle(in, body);
    case FUSE_INTERRUPT: return;  // a server that hangs does not hear
    default: return answer_error(in, ENOSYS);
    }
}

static void hold(const struct fuse_in_header *in) {
    struct held *entry = malloc(sizeof *entry + in->len);
    if (!entry) fail("memory");
    entry->next = NULL;
    memcpy(entry->request, in, in->len);
    if (!first_held) held_since = now();
    *last_held = entry;
    last_held = &entry->next;
    held_count++;
}

static void release_all(void) {
    hanging = 0;
    held_count = 0;
    while (first_held) {
        struct held *entry = first_held;
        first_held = entry->next;
        serve((const struct fuse_in_header *)entry->request);
        free(entry);
    }
    last_held = &first_held;
}

// False: unmounted, or nobody is left to serve.
static int take_request(void) {
    static char request[BUFFER] __attribute__((aligned(8)));
    ssize_t count = read(fuse, request, sizeof request);
    if (count < 0) {
        if (errno == ENODEV) return 0;
        if (errno != EINTR && errno != EAGAIN && errno != ENOENT) fail("read /dev/fuse");
        return 1;
    }
    const struct fuse_in_header *in = (const struct fuse_in_header *)request;
    if (in->opcode < 64 && (hanging >> in->opcode & 1)) hold(in);
    else serve(in);
    return 1;
}

// False: no more commands will come. A command is written at once and shorter than PIPE_BUF, so it is read at once.
static int take_command(void) {
    char line[512];
    ssize_t count = read(0, line, sizeof line - 1);
    if (count <= 0) return count < 0 && errno == EINTR;
    line[count] = 0;
    char *word = strtok(line, " \n");
    if (word && strcmp(word, "hang") == 0) {
        while ((word = strtok(NULL, " \n"))) hanging |= 1ULL << (atoi(word) & 63);
    } else if (word && strcmp(word, "release") == 0) {
        release_all();
    } else if (word && strcmp(word, "bad") == 0) {
        bad_from = strtoull(strtok(NULL, " \n"), NULL, 10);
        bad_to = strtoull(strtok(NULL, " \n"), NULL, 10);
    } else if (!word || strcmp(word, "held") != 0) {
        fprintf(stderr, "unknown command\n");
        return 0;
    }
    printf("%u\n", held_count);
    return 1;
}

static void mount_at(const char *place, const char *backing) {
    struct stat s;
    int root = open(backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || fstat(root, &s) != 0) fail(backing);
    keep(root, &s);
    fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0) fail("/dev/fuse");
    char options[128];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", fuse);
    if (mount("longshore-test", place, "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, options) != 0) fail("mount");
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: FuseServer MOUNTPOINT BACKING PARENT LIMIT\n");
        return 2;
    }
    time_t limit = atoi(arguments[4]);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = ask_to_end}, NULL);
    sigset_t blocked, open_mask;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    // The signal comes when the thread that started us ends. Before this line it may have ended already.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != atoi(arguments[3])) return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mount_at(arguments[1], arguments[2]);

    struct pollfd descriptors[] = {{.fd = fuse, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    int goes_on = 1;
    while (goes_on && !is_asked_to_end) {
        struct timespec second = {.tv_sec = 1};
        if (ppoll(descriptors, 2, first_held ? &second : NULL, &open_mask) < 0) continue;
        if (descriptors[0].revents) goes_on = take_request();
        if (goes_on && descriptors[1].revents) goes_on = take_command();
        if (first_held && now() - held_since > limit) {
            fprintf(stderr, "a request was held for %ld s: the file system ends\n", (long)limit);
            goes_on = 0;
        }
    }
    umount2(arguments[1], MNT_DETACH);
    return 0;
}
