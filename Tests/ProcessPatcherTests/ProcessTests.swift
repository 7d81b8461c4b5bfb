import Testing

/// Everything here changes real processes of this machine, one test at a time: operations on all processes would
/// meet the victims of other tests.
@Suite(.serialized, .enabled(if: canTrace, "needs root to trace processes"))
struct ProcessTests {}
