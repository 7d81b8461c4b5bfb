#ifndef TSUGITE_CLINUX_FILES_H
#define TSUGITE_CLINUX_FILES_H
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "linux_result.h"

/// openat(2); `directory` may be LINUX_AT_FDCWD.
static inline long linux_openat(int directory, const char *path, int flags, mode_t mode) {
    return linux_result(syscall(SYS_openat, directory, path, flags, mode));
}

/// close(2). Never retried: on Linux the descriptor is gone even after EINTR.
static inline long linux_close(int fd) { return linux_result(close(fd)); }

/// read(2).
static inline long linux_read(int fd, void *buffer, size_t count) {
    return linux_result(syscall(SYS_read, fd, buffer, count));
}

/// write(2).
static inline long linux_write(int fd, const void *buffer, size_t count) {
    return linux_result(syscall(SYS_write, fd, buffer, count));
}

/// pread64(2); the offset is the raw 64 bits, so addresses of /proc/PID/mem fit.
static inline long linux_pread(int fd, void *buffer, size_t count, uint64_t offset) {
    return linux_result(syscall(SYS_pread64, fd, buffer, count, offset));
}

/// pwrite64(2); the offset is the raw 64 bits.
static inline long linux_pwrite(int fd, const void *buffer, size_t count, uint64_t offset) {
    return linux_result(syscall(SYS_pwrite64, fd, buffer, count, offset));
}

/// getdents64(2): the number of bytes of struct linux_dirent64 records, 0 at the end, or -errno.
static inline long linux_getdents(int fd, void *buffer, size_t count) {
    return linux_result(syscall(SYS_getdents64, fd, buffer, count));
}

/// fcntl(F_DUPFD_CLOEXEC): a new descriptor above 2, or -errno.
long linux_duplicate(int fd);

/// lseek(2) to the start, which makes a directory be read anew.
static inline long linux_rewind(int fd) { return linux_result(lseek(fd, 0, SEEK_SET)); }

/// What fstat(2) tells, in fixed sizes. `device` is encoded as by makedev(3).
struct linux_file_facts {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    uint64_t modified_seconds;
    uint64_t modified_nanoseconds;
    uint32_t mode;
    uint32_t links;
    uint32_t owner;
    uint32_t group;
};

/// Major and minor number of an encoded device.
uint32_t linux_device_major(uint64_t device);
uint32_t linux_device_minor(uint64_t device);
/// The encoded device of a major and minor number: makedev(3).
uint64_t linux_device(uint32_t major, uint32_t minor);

long linux_fstat(int fd, struct linux_file_facts *facts);
/// fstatat(2); flags such as AT_SYMLINK_NOFOLLOW.
long linux_stat_at(int directory, const char *path, int flags, struct linux_file_facts *facts);
/// readlinkat(2): the length (not terminated), or -errno.
long linux_readlink_at(int directory, const char *path, char *buffer, size_t count);
long linux_flock(int fd, int operation);
long linux_fsync(int fd);
/// syncfs(2): the whole file system that the file is on.
long linux_syncfs(int fd);
long linux_ftruncate(int fd, uint64_t size);
long linux_rename_at(int old_directory, const char *old_path, int new_directory, const char *new_path);
/// unlinkat(2); flags 0 or AT_REMOVEDIR.
long linux_unlink_at(int directory, const char *path, int flags);
long linux_mkdir_at(int directory, const char *path, mode_t mode);
long linux_symlink(const char *target, const char *path);
long linux_pipe(int ends[2]);
long linux_poll(int *fds, int count, int timeout_milliseconds, int *ready);

/// Bytes that an unprivileged writer may still use on the file system of `path`, from statvfs(3).
long linux_free_bytes(const char *path, uint64_t *bytes);

static const int LINUX_AT_FDCWD = AT_FDCWD;
static const int LINUX_AT_REMOVEDIR = 0x200;
static const int LINUX_AT_SYMLINK_NOFOLLOW = 0x100;
static const int LINUX_O_PATH = 010000000;
#endif
