#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "CLinux.h"

// posix_spawn ---------------------------------------------------------------------------------------------

static int redirect(posix_spawn_file_actions_t *actions, int from, int to) {
    if (from < 0) return posix_spawn_file_actions_addopen(actions, to, "/dev/null", to == 0 ? O_RDONLY : O_WRONLY, 0);
    // A dup2 onto itself clears close-on-exec here (POSIX 2017, glibc 2.29).
    return posix_spawn_file_actions_adddup2(actions, from, to);
}

static int fill_actions(posix_spawn_file_actions_t *actions, const struct linux_spawn_request *request) {
    int error = redirect(actions, request->input, 0);
    if (!error) error = redirect(actions, request->output, 1);
    if (!error) error = redirect(actions, request->error, 2);
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    if (!error && request->directory) error = posix_spawn_file_actions_addchdir_np(actions, request->directory);
    return error;
}

static int fill_attributes(posix_spawnattr_t *attributes, const struct linux_spawn_request *request) {
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t signals;
    sigemptyset(&signals);
    int error = posix_spawnattr_setsigmask(attributes, &signals);
    sigfillset(&signals);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &signals);
    if (!error && request->new_group) {
        flags |= POSIX_SPAWN_SETPGROUP;
        error = posix_spawnattr_setpgroup(attributes, 0);
    }
    return error ? error : posix_spawnattr_setflags(attributes, flags);
}

long linux_spawn(const struct linux_spawn_request *request) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return -error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&actions);
        return -error;
    }
    pid_t pid = 0;
    error = fill_actions(&actions, request);
    if (!error) error = fill_attributes(&attributes, request);
    if (!error) error = posix_spawn(&pid, request->path, &actions, &attributes, request->arguments, request->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error ? -error : pid;
}

// fork, held ----------------------------------------------------------------------------------------------
// Between fork and exec only async-signal-safe functions: the parent may have other threads.

static int place_child_descriptor(int from, int to) {
    int fd = from >= 0 ? from : open("/dev/null", to == 0 ? O_RDONLY : O_WRONLY);
    if (fd < 0) return -1;
    if (fd == to) return fcntl(fd, F_SETFD, 0);
    return dup2(fd, to) < 0 ? -1 : 0;
}

// The parent's blocked and handled signals must not leak into the tool.
static void reset_child_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become_program(const struct linux_spawn_request *request, int hold, int failure) {
    char byte;
    // End of file means that the parent died or gave up.
    if (read(hold, &byte, 1) != 1) _exit(127);
    reset_child_signals();
    if (request->new_group) setpgid(0, 0);
    // Descriptors of the parent that aren't close-on-exec must not live on in the tool (Linux 5.11).
    syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
    int ready = (!request->directory || chdir(request->directory) == 0) &&
                place_child_descriptor(request->input, 0) == 0 &&
                place_child_descriptor(request->output, 1) == 0 && place_child_descriptor(request->error, 2) == 0;
    if (ready) execve(request->path, request->arguments, request->environment);
    int code = errno;
    ssize_t written = write(failure, &code, sizeof code);
    (void)written;
    _exit(127);
}

// The child's ends live above 2, where placing its standard descriptors can't overwrite them.
static int lift(int *fd) {
    if (*fd > 2) return 0;
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    if (high < 0) return -1;
    close(*fd);
    *fd = high;
    return 0;
}

long linux_fork_held(const struct linux_spawn_request *request, int *release, int *failure) {
    int hold[2] = {-1, -1}, report[2] = {-1, -1};
    long result = linux_result(pipe2(hold, O_CLOEXEC));
    if (result == 0) result = linux_result(pipe2(report, O_CLOEXEC));
    if (result == 0) result = linux_result(lift(&hold[0]) | lift(&hold[1]) | lift(&report[0]) | lift(&report[1]));
    if (result == 0) result = linux_result(fork());
    if (result == 0) {
        close(hold[1]);
        become_program(request, hold[0], report[1]);
    }
    if (hold[0] >= 0) close(hold[0]);
    if (report[1] >= 0) close(report[1]);
    if (result < 0) {
        if (hold[1] >= 0) close(hold[1]);
        if (report[0] >= 0) close(report[0]);
        return result;
    }
    *release = hold[1];
    *failure = report[0];
    return result;
}
