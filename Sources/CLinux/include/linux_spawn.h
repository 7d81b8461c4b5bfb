#ifndef TSUGITE_CLINUX_SPAWN_H
#define TSUGITE_CLINUX_SPAWN_H
#include <stdint.h>
#include <sys/types.h>

/// What a new process starts with. Descriptors are the parent's; -1 means /dev/null.
struct linux_spawn_request {
    const char *path;
    char *const *arguments;
    char *const *environment;
    /// NULL: the parent's.
    const char *directory;
    int input, output, error;
    /// Non-zero: in a process group of its own, so that it can be ended with its children.
    int new_group;
};

/// posix_spawn(3) with default signals and an empty signal mask: the process id, or -errno.
/// Every descriptor but 0, 1 and 2 is closed.
long linux_spawn(const struct linux_spawn_request *request);

/// fork(2); the child waits for a byte on a pipe before execve(2), so that the caller can seize it first.
/// `release` becomes the writing end of that pipe; `failure` the reading end of a pipe on which an int
/// errno arrives if the program couldn't be started. Returns the process id, or -errno.
long linux_fork_held(const struct linux_spawn_request *request, int *release, int *failure);
#endif
