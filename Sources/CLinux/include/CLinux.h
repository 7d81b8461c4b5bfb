#ifndef TSUGITE_CLINUX_H
#define TSUGITE_CLINUX_H
// System calls that Swift can't import: variadic or macro-only. One function per call,
// fixed arguments, the result or -errno; no logic. See syscall(2).
//
// No function here leaves its answer in errno: a closure's end, a release or a log line between the call
// and the look would change it. Calls on the stop path are inline and cost exactly their system call.
#include "linux_constants.h"
#include "linux_files.h"
#include "linux_hold.h"
#include "linux_memory.h"
#include "linux_modules.h"
#include "linux_processes.h"
#include "linux_sandbox.h"
#include "linux_socket.h"
#include "linux_spawn.h"
#include "linux_trace.h"
#include "linux_watch.h"
#endif
