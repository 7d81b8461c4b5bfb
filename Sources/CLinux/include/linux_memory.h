#ifndef TSUGITE_CLINUX_MEMORY_H
#define TSUGITE_CLINUX_MEMORY_H
#include <stdint.h>
#include <sys/mman.h>
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

/// mmap(2): the address, or -errno (which is never a valid address).
static inline long linux_mmap(uint64_t hint, size_t count, int protection, int flags, int fd, uint64_t offset) {
    return linux_result(syscall(SYS_mmap, hint, count, protection, flags, fd, offset));
}

/// munmap(2).
static inline long linux_munmap(uint64_t address, size_t count) {
    return linux_result(syscall(SYS_munmap, address, count));
}
#endif
