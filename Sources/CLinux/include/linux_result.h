#ifndef TSUGITE_CLINUX_RESULT_H
#define TSUGITE_CLINUX_RESULT_H
#include <errno.h>

/// Turns the C library's "-1 and errno" into the kernel's own "-errno".
static inline long linux_result(long result) { return result == -1 ? -(long)errno : result; }
#endif
