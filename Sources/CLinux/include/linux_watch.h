#ifndef TSUGITE_CLINUX_WATCH_H
#define TSUGITE_CLINUX_WATCH_H
#include <stddef.h>
#include <stdint.h>

#include "linux_result.h"

/// One event of fanotify(7), without the parts that follow it.
struct linux_open_event {
    uint32_t length;
    uint8_t version;
    uint64_t mask;
    int32_t file;
    int32_t thread;
};

/// fanotify_init(2) for permission events with thread numbers: a close-on-exec, non-blocking descriptor, or -errno.
long linux_watch_create(void);
/// fanotify_mark(2): adds the file at a path; `execution` nonzero means opening to execute it, else any opening.
long linux_watch_add(int watch, const char *path, int execution);
/// fanotify_mark(2): takes the file at a path out again.
long linux_watch_remove(int watch, const char *path, int execution);
/// Writes the answer that a file may be opened.
long linux_watch_allow(int watch, int file);
/// Takes an event apart: 0 if the bytes hold none that is whole.
int linux_watch_parse(const void *bytes, size_t count, struct linux_open_event *event);
/// The bit of an event about opening to execute.
uint64_t linux_watch_execution_bit(void);

/// Blocks SIGINT, SIGTERM and SIGHUP for this thread and those that it makes: 0 or -errno.
long linux_block_end_signals(void);
/// Whether one of them has come; it is taken.
int linux_take_end_signal(void);
#endif
