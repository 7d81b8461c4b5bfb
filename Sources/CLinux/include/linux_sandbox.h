#ifndef TSUGITE_CLINUX_SANDBOX_H
#define TSUGITE_CLINUX_SANDBOX_H
#include <stdint.h>

/// getpwnam_r(3): 0, -ENOENT if there is no such user, or another -errno.
long linux_user(const char *name, uint32_t *user, uint32_t *group);

/// fchownat(2) on the path itself, never on what a link leads to.
long linux_own(const char *path, uint32_t user, uint32_t group);

/// Becomes a user for good: no supplementary groups, all three ids.
long linux_become(uint32_t user, uint32_t group);

/// No new rights, no core files, no writing outside of one folder, no exec: prctl(2), landlock(7).
///
/// 1 if all of it holds, 0 if this kernel has no Landlock, -errno if something failed. Threads started later inherit
/// it; call it before there are any.
long linux_confine(const char *writable);
#endif
