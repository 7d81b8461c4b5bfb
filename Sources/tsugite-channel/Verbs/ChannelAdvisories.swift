import ArgumentParser
import Channel
import Console
import Findings

/// Tells scanners what a channel fixes live.
struct ChannelAdvisories: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case osv, vex, csaf
    }

    static let configuration = CommandConfiguration(
        commandName: "advisories", abstract: "Write what the channel fixes live, for scanners and dashboards.",
        discussion: """
            osv     records of the Open Source Vulnerability format
            vex     an OpenVEX document
            csaf    a CSAF 2.0 document of the VEX profile

            EXAMPLE
              tsugite channel advisories /srv/channel --format csaf >/srv/www/channel.json
            """)

    @Argument(help: "Folder of the channel.") var folder: String
    @Option(help: "osv, vex or csaf.") var format = Format.osv
    @Option(help: "Who says it.") var author = "tsugite"
    @Option(help: "A name for the channel: in records' ids, and in the documents' URI.") var label = "channel"

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let catalogue = try Repository(folder: folder).offer([]).catalogue
            let time = UTCTime.now()
            let document = AdvisoryDocument(
                author: author, identifier: "urn:tsugite:\(label):\(catalogue.version)", time: time,
                statements: catalogue.vexStatements)
            let json: JSON =
                switch format {
                case .osv: .array(OSV.records(catalogue, label: label, modified: time))
                case .vex: document.openVEX
                case .csaf: document.csaf
                }
            Output.result(String(decoding: json.compactBytes, as: UTF8.self))
        }
    }
}
