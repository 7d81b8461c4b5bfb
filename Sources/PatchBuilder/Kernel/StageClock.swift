import Linux

/// How long the stages of a build took.
struct StageClock {
    private var start = MonotonicTime.now
    /// In seconds, by stage.
    private(set) var seconds: [String: Double] = [:]

    /// A stage has ended, and the next one begins.
    mutating func end(_ stage: String) {
        let now = MonotonicTime.now
        let passed = start.duration(to: now).components
        seconds[stage, default: 0] += Double(passed.seconds) + Double(passed.attoseconds) / 1e18
        start = now
    }
}
