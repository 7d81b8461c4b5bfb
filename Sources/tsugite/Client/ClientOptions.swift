import ArgumentParser
import Client
import Console
import Findings
import Linux
import ProcessPatcher

/// What all verbs of the client have in common.
struct ClientOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Use the files below this folder instead of /.", visibility: .hidden))
    var root = ""
    @Option(help: "How long to wait while another command changes this machine: 10s, 5m.")
    var lockWait = WaitTime(duration: .seconds(10))
    @Flag(help: "Print the report as JSON.") var json = false

    var paths: Paths { Paths(root: root) }

    func session() throws(ClientError) -> Session { try Session(paths: paths) }

    func lock(_ verb: String) throws(ClientError) -> MachineLock {
        try MachineLock.take(paths, as: "tsugite \(verb)", wait: lockWait.duration)
    }

    /// The process that follows channels.
    func fetchStep(_ session: Session) throws(ClientError) -> FetchStep {
        guard let program = Neighbour.channel.path else {
            throw ClientError(Finding(.clientMissing, "tsugite-channel isn't installed beside this command"))
        }
        return FetchStep(program: program, store: session.store, configuration: session.configuration)
    }

    /// Runs a verb and prints what it threw.
    func reporting(_ body: () throws -> Void) throws { try reportingErrors(json: json, body) }

    /// Prints an action and leaves with its status.
    func finish(_ report: ActionReport) throws {
        if json { Output.json(report) } else { Output.result(ActionText.report(report)) }
        let status = ExitStatus(report.outcome)
        if status != .done { throw status.exit }
    }
}
