import Findings

extension BuildError {
    /// Whether the answer is known and is no; otherwise it couldn't be found out.
    package var isRefusal: Bool {
        let failures: Set<FindingCode> = [
            .buildFailed, .buildCommandUnknown, .preFailed, .postFailed, .workFolder, .noSpace, .elfMalformed,
            .fileUnreadable, .systemCall, .diffMalformed,
        ]
        return !failures.contains(finding.code)
    }
}
