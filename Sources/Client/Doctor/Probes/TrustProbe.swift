import Channel
import Findings

/// TRUST-EXPIRED, TRUST-KEY, TRUST-ROLLBACK: what channels may be believed.
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
            default:
                guard let catalogue = facts.planner.catalogues[source.label], catalogue.expires < facts.time else {
                    break
                }
                add(.trustExpired, "what this machine knows of it has expired", "expired \(catalogue.expires)")
            }
            return found
        }
    }
}
