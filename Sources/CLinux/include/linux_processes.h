#ifndef TSUGITE_CLINUX_PROCESSES_H
#define TSUGITE_CLINUX_PROCESSES_H
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "linux_result.h"

/// gettid(2). Asked of the kernel each time: a cached thread identity lies across await.
static inline pid_t linux_gettid(void) { return (pid_t)syscall(SYS_gettid); }

/// getpid(2).
static inline pid_t linux_getpid(void) { return getpid(); }

/// tgkill(2).
static inline long linux_tgkill(pid_t pid, pid_t tid, int signal) {
    return linux_result(syscall(SYS_tgkill, pid, tid, signal));
}

/// kill(2).
long linux_kill(pid_t pid, int signal);
/// pidfd_open(2): a close-on-exec descriptor, or -errno.
long linux_pidfd_open(pid_t pid, unsigned flags);
/// pidfd_send_signal(2).
long linux_pidfd_send_signal(int pidfd, int signal);
/// pidfd_getfd(2): a duplicate of the other process's descriptor, or -errno.
long linux_pidfd_getfd(int pidfd, int remote_fd);
/// kcmp(2) with KCMP_VM: 0 equal, 1 less, 2 greater, 3 unordered, or -errno.
long linux_kcmp_vm(pid_t first, pid_t second);
/// sched_yield(2).
static inline void linux_yield(void) { (void)syscall(SYS_sched_yield); }
/// How many processors this thread may run on, from sched_getaffinity(2); or -errno.
long linux_usable_processors(void);
/// CLOCK_MONOTONIC in nanoseconds.
uint64_t linux_monotonic_nanoseconds(void);
/// nanosleep for at most `nanoseconds`; a signal ends it early.
void linux_sleep(uint64_t nanoseconds);
/// The name of an error, `EPERM`; "" for an unknown one.
const char *linux_error_name(int code);
/// The kernel's sentence for an error, from the C library's untranslated table; "" for an unknown one.
const char *linux_error_text(int code);
/// The name of a signal without SIG, `TERM`; "" for an unknown one.
const char *linux_signal_name(int signal);
#endif
