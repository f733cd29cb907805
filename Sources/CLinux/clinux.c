// The bodies of clinux.h, which need _GNU_SOURCE (the Glibc module of Swift is built without it).
#define _GNU_SOURCE
#include "clinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

int clinux_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int clinux_open_handle(int near, int type, const void *handle, size_t size) {
    union { struct file_handle head; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } h;
    if (size > MAX_HANDLE_SZ) {
        errno = EINVAL;
        return -1;
    }
    h.head.handle_bytes = (unsigned)size;
    h.head.handle_type = type;
    memcpy(h.head.f_handle, handle, size);
    return open_by_handle_at(near, &h.head, O_PATH | O_CLOEXEC);
}

#define CLINUX_STATX_MNT_ID 0x1000
#define CLINUX_STATX_ATTR_MOUNT_ROOT 0x2000

int clinux_statx(int directory, const char *path, int flags, struct clinux_stat *out) {
    struct statx s;
    if (statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME | CLINUX_STATX_MNT_ID, &s) != 0) return -1;
    out->device = ((uint64_t)s.stx_dev_major << 32) | s.stx_dev_minor;
    out->inode = s.stx_ino;
    out->size = s.stx_size;
    out->blocks = s.stx_blocks;
    out->links = s.stx_nlink;
    out->mount_id = (s.stx_mask & CLINUX_STATX_MNT_ID) ? s.stx_mnt_id : 0;
    out->special_device = ((uint64_t)s.stx_rdev_major << 32) | s.stx_rdev_minor;
    out->mode = s.stx_mode;
    out->uid = s.stx_uid;
    out->gid = s.stx_gid;
    out->is_mount_root = !(s.stx_attributes_mask & CLINUX_STATX_ATTR_MOUNT_ROOT)
        || (s.stx_attributes & CLINUX_STATX_ATTR_MOUNT_ROOT);
    out->modified_ns = s.stx_mtime.tv_sec * 1000000000LL + s.stx_mtime.tv_nsec;
    out->born_ns = (s.stx_mask & STATX_BTIME) ? s.stx_btime.tv_sec * 1000000000LL + s.stx_btime.tv_nsec : 0;
    return 0;
}

struct clinux_uuid { uint8_t length; uint8_t uuid[16]; };  // struct fsuuid2 of linux/fs.h 6.9
#define CLINUX_FS_IOC_GETFSUUID _IOR(0x15, 0, struct clinux_uuid)

int clinux_filesystem_id(int descriptor, uint8_t *out16) {
    struct clinux_uuid u = {0};
    memset(out16, 0, 16);
    static const uint8_t none[16];  // made with `mkfs -U clear`: the same for all such file systems
    if (ioctl(descriptor, CLINUX_FS_IOC_GETFSUUID, &u) == 0 && u.length == 16 && memcmp(u.uuid, none, 16) != 0) {
        memcpy(out16, u.uuid, 16);
        return 0;
    }
    struct statfs s;
    if (fstatfs(descriptor, &s) != 0) return -1;
    memcpy(out16, &s.f_fsid, sizeof s.f_fsid);
    memcpy(out16 + 8, &s.f_type, sizeof s.f_type);
    return 0;
}

uint64_t clinux_filesystem_type(int descriptor) {
    struct statfs s;
    return fstatfs(descriptor, &s) == 0 ? (uint64_t)s.f_type : 0;
}

long clinux_getxattr(const char *path, const char *name, void *value, size_t capacity) {
    return getxattr(path, name, value, capacity);
}

int clinux_exchange(const char *one, const char *two) {
    return renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE);
}

int clinux_pidfd_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }

void *clinux_memrchr(const void *bytes, int byte, size_t count) { return memrchr(bytes, byte, count); }
int clinux_set_thread_name(const char *name) { return pthread_setname_np(pthread_self(), name); }
void clinux_return_heap(void) { malloc_trim(0); }

long clinux_set_timer_slack(unsigned long nanoseconds) {
    long former = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
    return former;
}

#define CLINUX_CLOSE_RANGE_UNSHARE (1U << 1)  // linux/close_range.h

int clinux_private_descriptors(int kept) {
    // Unshares, and copies nothing above what stays: the table may be long.
    unsigned highest = kept > 2 ? kept : 2;
    if (syscall(SYS_close_range, highest + 1, ~0U, CLINUX_CLOSE_RANGE_UNSHARE) != 0) return -1;
    if (kept > 3) syscall(SYS_close_range, 3U, (unsigned)kept - 1, 0U);
    return 0;
}
