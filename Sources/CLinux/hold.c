#define _GNU_SOURCE
#include "linux_hold.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

// The threads that linux_seize_among leaves in the handler's care while it waits.
static _Thread_local linux_thread_list cared_for[2];
static _Thread_local volatile sig_atomic_t cares;

static void reap_ended_of(linux_thread_list list) {
    for (size_t index = 0; index < list.count; index++) {
        pid_t tid;
        memcpy(&tid, list.first + index * list.stride, sizeof tid);
        // Only looked at first: a stop must still be there for who asks for it later.
        siginfo_t info = {0};
        long failed = syscall(SYS_waitid, P_PID, tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, (void *)0);
        if (failed || info.si_pid == 0) continue;
        if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
            (void)syscall(SYS_wait4, tid, (void *)0, WNOHANG | __WALL, (void *)0);
    }
}

// Interrupting is what the signal is for; a wait in execve(2) of the other side ends only by this.
static void reap_ended(int signal) {
    (void)signal;
    if (!cares) return;
    int kept = errno;
    reap_ended_of(cared_for[0]);
    reap_ended_of(cared_for[1]);
    errno = kept;
}

long linux_seize_among(pid_t tid, uint64_t options, linux_thread_list attached, linux_thread_list others) {
    cared_for[0] = attached;
    cared_for[1] = others;
    atomic_signal_fence(memory_order_seq_cst);
    cares = 1;
    long result = linux_ptrace(PTRACE_SEIZE, tid, 0, options);
    cares = 0;
    return result;
}

static int alarm_signal(void) { return SIGRTMAX - 3; }

long linux_alarm_create(int *timer) {
    // Without SA_RESTART: interrupting is the purpose.
    struct sigaction action = {.sa_handler = reap_ended};
    sigemptyset(&action.sa_mask);
    if (sigaction(alarm_signal(), &action, NULL)) return -(long)errno;
    // Threads of some libraries start with every signal blocked.
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, alarm_signal());
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = alarm_signal()};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    // The kernel's own number, not the C library's pointer, which is null for the first timer.
    return linux_result(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, timer));
}

long linux_alarm_set(int timer, uint64_t nanoseconds) {
    struct timespec span = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    struct itimerspec value = {span, span};
    return linux_result(syscall(SYS_timer_settime, timer, 0, &value, (void *)0));
}

void linux_alarm_delete(int timer) { (void)syscall(SYS_timer_delete, timer); }

long linux_thread_count(int task_directory) {
    struct stat facts;
    if (fstat(task_directory, &facts)) return -(long)errno;
    return (long)facts.st_nlink - 2;
}

size_t linux_default_extended_state(size_t size) {
    // Asked once: in a virtual machine each cpuid is an exit to the hypervisor, and threads stand still meanwhile.
    static atomic_size_t known;
    size_t limit = atomic_load_explicit(&known, memory_order_relaxed);
    if (limit == 0) {
        limit = SIZE_MAX;
#ifdef __x86_64__
        unsigned tile_size = 0, tile_offset = 0, c = 0, d = 0;
        if (__get_cpuid_count(0xd, 18, &tile_size, &tile_offset, &c, &d) && tile_size && tile_offset)
            limit = tile_offset;
#endif
        atomic_store_explicit(&known, limit, memory_order_relaxed);
    }
    return limit < size ? limit : size;
}

long linux_seal(int fd) {
    return linux_result(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
}
