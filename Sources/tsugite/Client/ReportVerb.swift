import ArgumentParser
import Channel
import Client
import Console
import Findings
import Linux

/// `tsugite report`: disk and memory, for other tools.
struct ReportVerb: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json, osv, vex, csaf, openmetrics, nagios
    }

    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Say what is fixed on disk and what in memory, per advisory, package and process.",
        discussion: """
            text, json     both axes (schema tsugite.report/1)
            osv            what the attached channels fix live, as OSV records
            vex, csaf      what is fixed in this machine's memory, as OpenVEX or CSAF VEX
            openmetrics    gauges for a monitoring system
            nagios         one line; exit status 0 fine, 1 updates wait, 2 vulnerable in memory, 3 could not look

            --advisories takes the Debian security tracker's JSON, or OSV records.

            EXAMPLE
              tsugite report --format vex --advisories debian-tracker.json
            """)

    @Option(help: "text, json, osv, vex, csaf, openmetrics or nagios.") var format = Format.text
    @Option(parsing: .upToNextOption, help: ArgumentHelp("What the world knows.", valueName: "file"))
    var advisories: [String] = []
    @Option(help: "The Debian release that the tracker is asked about; this machine's by default.") var release:
        String?
    @OptionGroup var client: ClientOptions

    func run() throws {
        do {
            try reportingErrors(json: client.json) { try print(client.session()) }
        } catch let exit as ExitCode where format == .nagios && exit.rawValue > 3 {
            throw ExitCode(3)
        }
    }

    private func print(_ session: Session) throws {
        let known = try FetchStep(program: "", store: session.store, configuration: session.configuration).known()
        if format == .osv {
            let time = UTCTime.now()
            return text(
                .array(
                    known.sorted { $0.key < $1.key }.flatMap {
                        OSV.records($0.value, label: $0.key, modified: time)
                    }))
        }
        let disk = DiskVersions.read(client.root)
        var facts: [AdvisoryFact] = []
        for file in advisories {
            facts += try AdvisorySource.read(
                file, release: release ?? DiskVersions.release(client.root), disk: disk)
        }
        let report = try session.report(known, disk: disk, facts: facts)
        switch client.json ? .json : format {
        case .json: Output.json(report)
        case .vex: text(document(report).openVEX)
        case .csaf: text(document(report).csaf)
        case .openmetrics: Output.result(OpenMetrics.text(report))
        case .nagios:
            let (line, status) = ReportFormats.nagios(report)
            Output.result(line)
            if status != 0 { throw ExitCode(status) }
        case .osv, .text: table(report)
        }
    }

    private func document(_ report: TwoAxisReport) -> AdvisoryDocument {
        let name = (try? FileSystem.readText("/proc/sys/kernel/hostname"))?.split(separator: "\n").first
        let host = name.map(String.init) ?? "localhost"
        return AdvisoryDocument(
            author: "tsugite on \(host)", identifier: "urn:tsugite:\(host):\(report.time)", time: .now(),
            statements: ReportFormats.statements(report))
    }

    private func text(_ json: JSON) { Output.result(String(decoding: json.compactBytes, as: UTF8.self)) }

    private func table(_ report: TwoAxisReport) {
        Output.result("advisory            package              disk        memory      processes")
        for item in report.statements {
            let pad = OperationRendering.pad
            Output.result(
                pad(item.advisory, 20) + pad(item.package, 21) + pad(item.disk.rawValue, 12)
                    + pad(item.memory.rawValue, 12)
                    + "\(item.processes.count { $0.state == .fixed }) of \(item.processes.count) fixed"
                    + (item.update.map { "  [\($0)]" } ?? ""))
        }
        if report.unreadable > 0 { Output.result(OperationRendering.unreadable(report.unreadable)) }
    }
}

/// Prints replaced files that need no restart, for needrestart.
struct CoveredPathsVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "covered-paths",
        abstract: "Print the replaced files whose old builds are fixed in memory, for needrestart.",
        discussion: "One path a line. /etc/needrestart/conf.d/tsugite.conf asks for them.")
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let session = try client.session()
            let found = CoveredPaths.of(try session.planner(), DiskVersions.read(client.root))
            if client.json { Output.json(found) } else { for path in found { Output.result(path) } }
        }
    }
}
