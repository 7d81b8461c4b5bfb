#ifndef TSUGITE_CLINUX_MEMORY_H
#define TSUGITE_CLINUX_MEMORY_H
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "linux_result.h"

/// process_vm_readv(2), one range: the number of bytes read, or -errno.
static inline long linux_process_vm_read(pid_t pid, void *buffer, size_t count, uint64_t address) {
    struct iovec local = {buffer, count};
    struct iovec remote = {(void *)(uintptr_t)address, count};
    return linux_result(syscall(SYS_process_vm_readv, pid, &local, 1UL, &remote, 1UL, 0UL));
}

/// process_vm_writev(2), one range: the number of bytes written, or -errno.
static inline long linux_process_vm_write(pid_t pid, const void *buffer, size_t count, uint64_t address) {
    struct iovec local = {(void *)buffer, count};
    struct iovec remote = {(void *)(uintptr_t)address, count};
    return linux_result(syscall(SYS_process_vm_writev, pid, &local, 1UL, &remote, 1UL, 0UL));
}

/// process_vm_readv(2), many remote ranges into one buffer. `ranges` are pairs of 64-bit start and count,
/// which is struct iovec on every 64-bit machine; `range_count` is at most IOV_MAX (1024).
static inline long linux_process_vm_gather(
    pid_t pid, void *buffer, size_t count, const void *ranges, unsigned long range_count) {
    _Static_assert(sizeof(struct iovec) == 16 && sizeof(void *) == 8, "a range is not an iovec here");
    struct iovec local = {buffer, count};
    return linux_result(syscall(SYS_process_vm_readv, pid, &local, 1UL, ranges, range_count, 0UL));
}

/// memfd_create(2): an open descriptor, or -errno.
long linux_memfd_create(const char *name, unsigned flags);

/// One mapping of a process, as PROCMAP_QUERY tells it.
struct linux_mapping {
    uint64_t start, end, offset, inode;
    /// 1 readable, 2 writable, 4 executable, 8 shared.
    uint64_t flags;
    uint32_t major, minor;
};

/// ioctl(PROCMAP_QUERY) on /proc/PID/maps (Linux 6.11): the first mapping that ends above `address`, maps a
/// file and is executable. -ENOENT if there is none, -ENOTTY if the kernel doesn't know the call.
long linux_query_code_mapping(int maps, uint64_t address, struct linux_mapping *mapping);
#endif
