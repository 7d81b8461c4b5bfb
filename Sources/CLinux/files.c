#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "CLinux.h"

static long facts_of(long result, const struct stat *from, struct linux_file_facts *facts) {
    if (result < 0) return result;
    *facts = (struct linux_file_facts){
        .device = from->st_dev,
        .inode = from->st_ino,
        .size = (uint64_t)from->st_size,
        .modified_seconds = (uint64_t)from->st_mtim.tv_sec,
        .modified_nanoseconds = (uint64_t)from->st_mtim.tv_nsec,
        .mode = from->st_mode,
        .links = (uint32_t)from->st_nlink,
        .owner = from->st_uid,
        .group = from->st_gid,
    };
    return 0;
}

uint32_t linux_device_major(uint64_t device) { return major(device); }
uint32_t linux_device_minor(uint64_t device) { return minor(device); }
uint64_t linux_device(uint32_t major_number, uint32_t minor_number) {
    return makedev(major_number, minor_number);
}

long linux_fstat(int fd, struct linux_file_facts *facts) {
    struct stat found;
    return facts_of(linux_result(fstat(fd, &found)), &found, facts);
}

long linux_stat_at(int directory, const char *path, int flags, struct linux_file_facts *facts) {
    struct stat found;
    return facts_of(linux_result(fstatat(directory, path, &found, flags)), &found, facts);
}

long linux_readlink_at(int directory, const char *path, char *buffer, size_t count) {
    return linux_result(readlinkat(directory, path, buffer, count));
}

long linux_flock(int fd, int operation) { return linux_result(flock(fd, operation)); }
long linux_fsync(int fd) { return linux_result(fsync(fd)); }
long linux_syncfs(int fd) { return linux_result(syncfs(fd)); }
long linux_ftruncate(int fd, uint64_t size) { return linux_result(ftruncate(fd, (off_t)size)); }

long linux_rename_at(int old_directory, const char *old_path, int new_directory, const char *new_path) {
    return linux_result(renameat(old_directory, old_path, new_directory, new_path));
}

long linux_unlink_at(int directory, const char *path, int flags) {
    return linux_result(unlinkat(directory, path, flags));
}

long linux_mkdir_at(int directory, const char *path, mode_t mode) {
    return linux_result(mkdirat(directory, path, mode));
}

long linux_symlink(const char *target, const char *path) { return linux_result(symlink(target, path)); }

long linux_pipe(int ends[2]) { return linux_result(pipe2(ends, O_CLOEXEC)); }

long linux_poll(int *fds, int count, int timeout_milliseconds, int *ready) {
    struct pollfd asked[8];
    if (count < 0 || count > 8) return -EINVAL;
    for (int i = 0; i < count; i++) asked[i] = (struct pollfd){fds[i], POLLIN, 0};
    long result = linux_result(poll(asked, (nfds_t)count, timeout_milliseconds));
    for (int i = 0; i < count; i++) ready[i] = result > 0 && asked[i].revents != 0;
    return result;
}

long linux_free_bytes(const char *path, uint64_t *bytes) {
    struct statvfs found;
    long result = linux_result(statvfs(path, &found));
    if (result == 0) *bytes = (uint64_t)found.f_bavail * found.f_frsize;
    return result;
}

long linux_duplicate(int fd) { return linux_result(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }
