#ifndef TSUGITE_CLINUX_H
#define TSUGITE_CLINUX_H
// System calls that Swift can't import: variadic or macro-only. One function per call,
// fixed arguments, the result or -errno; no logic. See syscall(2).
#endif
