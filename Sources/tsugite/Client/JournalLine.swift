import Client
import Console
import Glibc

/// What verbs say that nobody watches: lines on standard error, as many as `log_level` asks for.
///
/// Below systemd each line begins with its priority (sd-daemon(3)), which the journal takes off again.
struct JournalLine {
    let level: Configuration.LogLevel

    init(_ session: Session) { level = session.configuration.logLevel }

    /// Something went wrong.
    func error(_ text: String) { write(.error, text) }
    /// Something changed.
    func info(_ text: String) { write(.info, text) }
    /// What was looked at and left alone.
    func debug(_ text: String) { write(.debug, text) }

    private func write(_ weight: Configuration.LogLevel, _ text: String) {
        guard weight <= level else { return }
        // getenv gives a text of the environment, which nobody changes here.
        let isJournal = unsafe getenv("JOURNAL_STREAM") != nil
        let priority = weight == .error ? "<3>" : weight == .info ? "<6>" : "<7>"
        for line in text.split(separator: "\n") { Output.note((isJournal ? priority : "") + line) }
    }
}
