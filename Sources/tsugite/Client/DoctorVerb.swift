import ArgumentParser
import Channel
import Client
import Console
import Findings
import Glibc
import Linux

/// `tsugite doctor`: why nothing changed.
struct DoctorVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say why an update did not happen, with evidence and remedy.",
        discussion: """
            All findings in one go, worst first. tsugite explain CODE says more about each.

            EXIT STATUS
              0 healthy (notes at most)    1 findings    2 could not look    64 wrong usage
            """)

    @Flag(help: "Set right what may be set right without asking.") var fix = false
    @OptionGroup var client: ClientOptions

    func run() throws {
        do {
            var report = try examine()
            if fix { try setRight(&report) }
            if client.json { Output.json(report) } else { Output.result(Self.text(report)) }
            if !report.isHealthy { throw ExitCode(1) }
        } catch let error as any DiagnosableError {
            Output.note("tsugite: \(error.finding)")
            throw ExitCode(2)
        }
    }

    private func examine() throws -> DoctorReport {
        let session: Session
        do throws(ClientError) {
            session = try client.session()
        } catch {
            // A configuration that can't be read is the one thing to be told first.
            guard error.finding.code == .clientConfiguration else { throw error }
            return DoctorReport([error.finding])
        }
        let step = FetchStep(program: "", store: session.store, configuration: session.configuration)
        return Doctor.examine(
            try session.doctorFacts(try step.known(), hasNetworkPart: Neighbour.channel.path != nil))
    }

    private func setRight(_ report: inout DoctorReport) throws {
        for index in report.findings.indices {
            guard let words = DoctorEntry.of(report.findings[index].finding.code)?.fix else { continue }
            let more = client.root.isEmpty ? [] : ["--root", client.root]
            let ended = try Command(Neighbour.ownPath, words + more, timeout: .seconds(600)).run()
            let line = "tsugite \(words.joined(separator: " "))"
            report.findings[index].fixed = ended.succeeded ? "done: \(line)" : "tried: \(line)"
        }
        // What is left is what counts.
        let left = Set(try examine().findings.map(\.finding.code))
        for item in report.findings where item.fixed != nil {
            Output.note("\(item.finding.code.rawValue): \(item.fixed ?? "")")
        }
        report.findings.removeAll { $0.fixed != nil && !left.contains($0.finding.code) }
    }

    private static func text(_ report: DoctorReport) -> String {
        var lines: [String] = []
        for item in report.findings {
            lines.append("\(item.level.rawValue): \(item.finding)")
            if item.isFixable { lines.append("  tsugite doctor --fix may do this") }
        }
        lines.append(report.isHealthy ? "healthy" : "tsugite explain CODE says more about each code")
        return lines.joined(separator: "\n")
    }
}

/// `tsugite explain`: what a code means.
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say what a code such as USR-BUSY means.")
    @Argument(help: "The code; without one, all are listed.") var code: String?

    func run() throws {
        guard let code else {
            for entry in FindingCode.table { Output.result("\(entry.code.rawValue)  \(entry.meaning)") }
            return
        }
        guard let entry = FindingCode.table.first(where: { $0.code.rawValue == code.uppercased() }) else {
            throw ValidationError("There is no code \(code); tsugite explain lists all.")
        }
        Output.result("\(entry.code.rawValue)\n\n\(entry.meaning)")
        if let row = DoctorEntry.of(entry.code) {
            Output.result("\nWhat you notice: \(row.symptom)\nHow it is found: \(row.detection)")
            if row.fix != nil { Output.result("tsugite doctor --fix sets it right.") }
        }
        Output.result("\nWhat to do: \(entry.remedy)")
    }
}
