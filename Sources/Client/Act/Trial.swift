public import Findings
import Linux

extension Session {
    /// Runs the configured health checks; nil if all succeed.
    public func failingHealthCheck() -> Finding? {
        for check in configuration.healthChecks {
            let command = Command("/bin/sh", ["-c", check], directory: "/", timeout: .seconds(60))
            guard let ended = try? command.run(), ended.succeeded else {
                let text = (try? command.run())?.errorText ?? "can't be started"
                return Finding(
                    .clientUnhealthy, "the health check failed: \(check)",
                    evidence: ["check": check, "output": String(text.prefix(500))])
            }
        }
        return nil
    }

    /// Takes out what is on trial and has run out of time, or everything on trial if a health check fails.
    ///
    /// A trial that began in another boot is over, too: its patches went with the memory.
    /// - Returns: nil if nothing was due.
    public func judgeTrials(at now: Int64) throws(ClientError) -> ActionReport? {
        let trials = try store.state().installed.filter { $0.trial != nil }
        guard !trials.isEmpty else { return nil }
        let boot = try asClient { () throws(SystemError) in try KernelIdentity.current() }.bootID
        let unhealthy = failingHealthCheck()
        let due = trials.filter { update in
            guard let trial = update.trial else { return false }
            return unhealthy != nil || trial.until <= now || trial.bootID != boot
        }
        guard !due.isEmpty else { return nil }
        var plan = try planner().remove(due.map(\.id))
        for index in plan.steps.indices {
            plan.steps[index].reason = unhealthy?.message ?? "the trial ended without being accepted"
        }
        var report = try carryOut(plan, verb: "trial")
        report.findings += [unhealthy].compactMap { $0 }
        return report
    }

    /// Ends a trial by keeping the update.
    public func accept(_ id: String) throws(ClientError) {
        var state = try store.state()
        guard let index = state.installed.firstIndex(where: { $0.id == id }) else {
            throw ClientError(.clientUpdateUnknown, "no update \(id) is installed", ["update": id])
        }
        state.installed[index].trial = nil
        if state.installed[index].isKernel { try keepForBoot(state.installed[index]) }
        try store.write(state, to: store.paths.record)
        try refreshPlans()
    }
}
