import ArgumentParser
import Client
import Console
import Findings
import Linux

/// `tsugite effective`: the versions whose fixes are in memory.
struct Effective: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the effective versions: those whose fixes are in memory.",
        discussion: """
            Root reads it back from all processes, and records it in /run/tsugite/effective.json. Everybody else is told \
            what is recorded there, unless the machine was booted since.
            """)
    @Argument(help: "Only this package.") var package: String?
    @Flag(help: "Compute it anew from memory (needs root), and write the file.") var refresh = false
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let versions = try EffectiveVersions.current(client.session(), refresh: refresh)
            let shown = versions.packages.filter { package == nil || $0.name == package }
            if client.json { return Output.json(versions) }
            if package == nil {
                Output.result("kernel  \(versions.effectiveKernel ?? "can't be told; see tsugite uname")")
            }
            for item in shown {
                let text =
                    item.effective
                    ?? (item.missing == 0
                        ? "not known to this user"
                        : "mixed: \(item.missing) of \(item.covered + item.missing) processes lack it")
                Output.result(package == nil ? "\(item.name)  \(text)" : text)
            }
            if let package, shown.isEmpty {
                let onDisk = DiskVersions.read(client.root).installed[package]
                guard let onDisk else {
                    throw ClientError(Finding(.clientUpdateUnknown, "no package \(package) is known here"))
                }
                Output.result(onDisk)
            }
        }
    }
}
