#ifndef TSUGITE_CLINUX_HOLD_H
#define TSUGITE_CLINUX_HOLD_H
// What holding whole processes still needs beyond one tracee at a time.
#include <linux/elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "linux_constants.h"
#include "linux_memory.h"
#include "linux_result.h"
#include "linux_trace.h"

/// A timer whose signal interrupts blocking calls of the thread that made it, again and again while armed.
/// The signal's handler does nothing but what linux_seize_among asks for. Returns 0 or -errno.
long linux_alarm_create(int *timer);
/// Arms the timer to fire every `nanoseconds`; 0 disarms it.
long linux_alarm_set(int timer, uint64_t nanoseconds);
/// Deletes the timer.
void linux_alarm_delete(int timer);

/// Threads whose ids lie `stride` bytes apart from `first` on.
struct linux_thread_list {
    const char *first;
    size_t stride, count;
};
typedef struct linux_thread_list linux_thread_list;

/// PTRACE_SEIZE of one more thread of a process. Returns 0 or -errno.
///
/// A thread in execve(2) keeps others from attaching until all threads besides it have gone, and a traced one has gone
/// only when its tracer has taken note: who attaches then waits for itself. So while this waits and the alarm is armed,
/// its handler takes note of those that end among the threads of both lists.
long linux_seize_among(pid_t tid, uint64_t options, linux_thread_list attached, linux_thread_list others);

/// Where a task directory's link count tells the number of threads: fstat(2) on /proc/PID/task.
/// Returns the number of threads or -errno.
long linux_thread_count(int task_directory);

/// Length of the extended state in the layout of a signal frame that every thread is allowed to restore:
/// without the components that a thread has to ask for (AMX tiles). `size` is what the kernel reports in all.
size_t linux_default_extended_state(size_t size);

/// One word of the thread's user area: PTRACE_POKEUSER.
static inline long linux_poke_user(pid_t tid, uint64_t offset, uint64_t word) {
    return linux_ptrace(6, tid, offset, word);
}

/// The position of the first `byte` in some bytes, or `count`.
static inline size_t linux_find_byte(const void *bytes, size_t count, int byte) {
    const void *found = memchr(bytes, byte, count);
    return found ? (size_t)((const char *)found - (const char *)bytes) : count;
}

/// fcntl(F_ADD_SEALS): no one may write, grow or shrink the file from now on.
long linux_seal(int fd);

static const long LINUX_NT_X86_XSTATE = 0x202;
static const long LINUX_PTRACE_GETREGSET_REQUEST = 0x4204;
#endif
