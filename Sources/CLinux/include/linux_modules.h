#ifndef TSUGITE_CLINUX_MODULES_H
#define TSUGITE_CLINUX_MODULES_H
#include <sys/syscall.h>
#include <unistd.h>

#include "linux_result.h"

/// init_module(2): the module's file is in memory.
static inline long linux_init_module(const void *image, unsigned long length, const char *parameters) {
    return linux_result(syscall(SYS_init_module, image, length, parameters));
}

/// delete_module(2).
static inline long linux_delete_module(const char *name, unsigned flags) {
    return linux_result(syscall(SYS_delete_module, name, flags));
}

/// O_NONBLOCK: don't wait for the module's users.
static const unsigned LINUX_MODULE_NO_WAIT = 04000;
#endif
