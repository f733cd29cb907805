// Linux calls that the Glibc module of Swift 6.3 does not import: thin functions and constants, no logic.
#pragma once
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

/// openat2(2): glibc 2.36 has no wrapper.
int clinux_openat2(int directory, const char *_Nonnull path, uint64_t flags, uint64_t mode, uint64_t resolve);

/// What the daemon asks of statx(2). `born_ns` and `mount_id` are zero where the file system or kernel has none.
struct clinux_stat {
    uint64_t device, inode, size, blocks, links, mount_id;
    uint64_t special_device;  // of a device file itself, like `device`; 0:0 on a character device is overlayfs's whiteout
    uint32_t mode, uid, gid;
    uint32_t is_mount_root;  // 0: certainly no mount's root; 1: it is, or the kernel cannot tell (before 5.8)
    int64_t modified_ns, born_ns;
};
int clinux_statx(int directory, const char *_Nonnull path, int flags, struct clinux_stat *_Nonnull out);

/// A file system's own identity that survives a remount: its UUID where it has one and the kernel tells it (6.9+), else
/// f_fsid and type.
int clinux_filesystem_id(int descriptor, uint8_t *_Nonnull out16);

/// f_type of statfs(2), or 0 with errno set. Asks the server on a network file system: it may hang there.
uint64_t clinux_filesystem_type(int descriptor);

/// getxattr(2): length of the value, or -1 with errno set.
long clinux_getxattr(const char *_Nonnull path, const char *_Nonnull name, void *_Nonnull value, size_t capacity);

/// open_by_handle_at(2) with O_PATH: the file that a handle names on the file system of `near`, an open descriptor. Needs
/// CAP_DAC_READ_SEARCH; ESTALE when there is none.
int clinux_open_handle(int near, int type, const void *_Nonnull handle, size_t size);

/// renameat2(2) with RENAME_EXCHANGE: two paths change places at once.
int clinux_exchange(const char *_Nonnull one, const char *_Nonnull two);

/// pidfd_open(2): glibc 2.36 has it in sys/pidfd.h, which the Glibc module leaves out.
int clinux_pidfd_open(int process);

void *_Nullable clinux_memrchr(const void *_Nonnull bytes, int byte, size_t count);
int clinux_set_thread_name(const char *_Nonnull name);

/// malloc_trim(3): gives freed heap back to the system.
void clinux_return_heap(void);

/// Gives the calling thread a descriptor table of its own that holds 0-2 and `kept` (close_range(2),
/// CLOSE_RANGE_UNSHARE, Linux 5.9). -1: the kernel or a seccomp filter refused, the table is still shared.
int clinux_private_descriptors(int kept);

/// PR_SET_TIMERSLACK of prctl(2) for the calling thread, inherited by threads it makes; returns the former value (ns).
long clinux_set_timer_slack(unsigned long nanoseconds);

static const int CLINUX_AT_EMPTY_PATH = 0x1000;
static const int CLINUX_O_PATH = 010000000;
static const int CLINUX_O_NOATIME = 01000000;
