#define _GNU_SOURCE
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "CLinux.h"

long linux_kill(pid_t pid, int signal) { return linux_result(kill(pid, signal)); }

long linux_pidfd_open(pid_t pid, unsigned flags) { return linux_result(syscall(SYS_pidfd_open, pid, flags)); }

long linux_pidfd_send_signal(int pidfd, int signal) {
    return linux_result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

long linux_pidfd_getfd(int pidfd, int remote_fd) {
    return linux_result(syscall(SYS_pidfd_getfd, pidfd, remote_fd, 0));
}

long linux_kcmp_vm(pid_t first, pid_t second) {
    return linux_result(syscall(SYS_kcmp, first, second, KCMP_VM, 0UL, 0UL));
}

long linux_usable_processors(void) {
    cpu_set_t set;
    long result = linux_result(sched_getaffinity(0, sizeof set, &set));
    return result < 0 ? result : CPU_COUNT(&set);
}

uint64_t linux_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void linux_sleep(uint64_t nanoseconds) {
    struct timespec span = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    nanosleep(&span, NULL);
}

static const char *or_empty(const char *text) { return text ? text : ""; }

const char *linux_error_name(int code) { return or_empty(strerrorname_np(code)); }
const char *linux_error_text(int code) { return or_empty(strerrordesc_np(code)); }
const char *linux_signal_name(int signal) { return or_empty(sigabbrev_np(signal)); }
