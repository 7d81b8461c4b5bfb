import Channel
import Findings

/// TRUST-EXPIRED, TRUST-KEY, TRUST-ROLLBACK: what channels may be believed; and under its own code, whatever else the
/// last look at a channel ended with.
enum TrustProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        facts.planner.configuration.channels.flatMap { source in
            let failed = facts.planner.state.failed[source.label]
            var found: [Finding] = []
            func add(_ code: FindingCode, _ text: String, _ more: String) {
                found.append(
                    Finding(
                        code, "channel \(source.label): \(text)", evidence: ["channel": source.url, "detail": more])
                )
            }
            switch failed {
            case "CHN-SIGNATURES", "CHN-KEY":
                add(.trustKey, "it is signed by keys that this machine doesn't trust", failed ?? "")
            case "CHN-ROLLBACK": add(.trustRollback, "it offers something older than was seen here", failed ?? "")
            case "CHN-EXPIRED": add(.trustExpired, "what it offers has expired", failed ?? "")
            case let code?:
                found.append(unreached(source, code, facts))
                fallthrough
            case nil:
                guard let catalogue = facts.planner.catalogues[source.label], catalogue.expires < facts.time else {
                    break
                }
                add(.trustExpired, "what this machine knows of it has expired", "expired \(catalogue.expires)")
            }
            return found
        }
    }

    /// The channel can't be reached, or what it has can't be used: CHN-NETWORK, CHN-FILE and their kin.
    private static func unreached(_ source: Configuration.Source, _ code: String, _ facts: DoctorFacts) -> Finding {
        let met = facts.planner.state.failures?[source.label]
        let last = facts.planner.state.checked[source.label].map { "\(UTCTime(seconds: $0))" } ?? "never"
        var finding = Finding(
            FindingCode(rawValue: code), "channel \(source.label): the last look at it failed",
            evidence: ["channel": source.url, "trusted root": source.trustedRoot, "last reached": last],
            remedy: met?.remedy)
        if let met {
            finding.message += ": \(met.message)"
            finding.evidence += met.evidence
        }
        return finding
    }
}
