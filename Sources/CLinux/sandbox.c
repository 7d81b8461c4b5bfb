#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "CLinux.h"

long linux_user(const char *name, uint32_t *user, uint32_t *group) {
    char buffer[4096];
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (error) return -error;
    if (!found) return -ENOENT;
    *user = entry.pw_uid;
    *group = entry.pw_gid;
    return 0;
}

long linux_own(const char *path, uint32_t user, uint32_t group) {
    return linux_result(fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW));
}

long linux_become(uint32_t user, uint32_t group) {
    if (setgroups(0, NULL) < 0) return -errno;
    if (setresgid(group, group, group) < 0) return -errno;
    return linux_result(setresuid(user, user, user));
}

#define WRITING                                                                                        \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |  \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |        \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |     \
     LANDLOCK_ACCESS_FS_MAKE_SYM)

static long allow_writing_below(int rules, const char *path) {
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    struct landlock_path_beneath_attr below = {.allowed_access = WRITING, .parent_fd = folder};
    long result = linux_result(syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0));
    close(folder);
    return result;
}

long linux_confine(const char *writable) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    struct landlock_ruleset_attr all = {.handled_access_fs = WRITING | LANDLOCK_ACCESS_FS_EXECUTE};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0) return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
    long result = allow_writing_below(rules, writable);
    if (result == 0) result = linux_result(syscall(SYS_landlock_restrict_self, rules, 0));
    close(rules);
    return result < 0 ? result : 1;
}
