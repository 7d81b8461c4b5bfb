#define _GNU_SOURCE
#include "linux_watch.h"

#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

long linux_watch_create(void) {
    unsigned flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS |
                     FAN_REPORT_TID;
    return linux_result(fanotify_init(flags, O_RDONLY | O_CLOEXEC | O_LARGEFILE));
}

static long mark(int watch, unsigned flags, const char *path, int execution) {
    uint64_t mask = execution ? FAN_OPEN_EXEC_PERM : FAN_OPEN_PERM;
    return linux_result(fanotify_mark(watch, flags, mask, AT_FDCWD, path));
}

long linux_watch_add(int watch, const char *path, int execution) { return mark(watch, FAN_MARK_ADD, path, execution); }

long linux_watch_remove(int watch, const char *path, int execution) {
    return mark(watch, FAN_MARK_REMOVE, path, execution);
}

long linux_watch_allow(int watch, int file) {
    struct fanotify_response response = {.fd = file, .response = FAN_ALLOW};
    return linux_result(write(watch, &response, sizeof response));
}

int linux_watch_parse(const void *bytes, size_t count, struct linux_open_event *event) {
    struct fanotify_event_metadata raw;
    if (count < sizeof raw) return 0;
    memcpy(&raw, bytes, sizeof raw);
    if (raw.event_len < sizeof raw || raw.event_len > count || raw.vers != FANOTIFY_METADATA_VERSION) return 0;
    *event = (struct linux_open_event){raw.event_len, raw.vers, raw.mask, raw.fd, raw.pid};
    return 1;
}

static void end_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

long linux_block_end_signals(void) {
    sigset_t set;
    end_signals(&set);
    return -(long)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int linux_take_end_signal(void) {
    sigset_t set;
    end_signals(&set);
    struct timespec none = {0, 0};
    return sigtimedwait(&set, NULL, &none) > 0;
}

uint64_t linux_watch_execution_bit(void) { return FAN_OPEN_EXEC_PERM; }
