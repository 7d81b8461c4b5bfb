#define _GNU_SOURCE
#include "linux_hold.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void nothing(int signal) { (void)signal; }

static int alarm_signal(void) { return SIGRTMAX - 3; }

long linux_alarm_create(int *timer) {
    // Without SA_RESTART: interrupting is the purpose.
    struct sigaction action = {.sa_handler = nothing};
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
#ifdef __x86_64__
    unsigned tile_size = 0, tile_offset = 0, c = 0, d = 0;
    if (__get_cpuid_count(0xd, 18, &tile_size, &tile_offset, &c, &d) && tile_size && tile_offset < size)
        return tile_offset;
#endif
    return size;
}

long linux_seal(int fd) {
    return linux_result(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
}
