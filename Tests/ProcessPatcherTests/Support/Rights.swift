import Glibc
import TestSupport

/// Whether this user may trace processes: most tests here need it.
let canTrace = geteuid() == 0
