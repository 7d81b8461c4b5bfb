#ifndef TSUGITE_CLINUX_TRACE_H
#define TSUGITE_CLINUX_TRACE_H
#include <linux/ptrace.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "linux_result.h"

/// ptrace(2), the kernel's own form: 0 (for few requests a size), or -errno.
static inline long linux_ptrace(long request, pid_t tid, uint64_t address, uint64_t data) {
    return linux_result(syscall(SYS_ptrace, request, tid, address, data));
}

/// ptrace(2) for requests whose data is memory of the caller.
static inline long linux_ptrace_data(long request, pid_t tid, uint64_t address, void *data) {
    return linux_result(syscall(SYS_ptrace, request, tid, address, data));
}

/// PTRACE_GETREGSET and PTRACE_SETREGSET: the number of bytes transferred, or -errno.
static inline long linux_ptrace_register_set(long request, pid_t tid, uint64_t type, void *data, size_t size) {
    struct iovec bytes = {data, size};
    long result = linux_result(syscall(SYS_ptrace, request, tid, type, &bytes));
    return result < 0 ? result : (long)bytes.iov_len;
}

/// What wait4(2) answered: the id of the thread or 0 (nothing to report) or -errno, and its raw status.
struct linux_wait_answer {
    long result;
    int status;
};

/// wait4(2) without resource usage.
static inline struct linux_wait_answer linux_wait(pid_t id, int options) {
    struct linux_wait_answer answer = {0, 0};
    answer.result = linux_result(syscall(SYS_wait4, id, &answer.status, options, (void *)0));
    return answer;
}
#endif
