import ArgumentParser
import Console
import Findings
import KernelPatcher
import Linux

/// `tsugite uname`: as uname(1), with the kernel by the fixes in memory.
struct Uname: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the version whose fixes the running kernel has in memory, with the options of uname.",
        discussion: """
            uname(1) tells which kernel was booted. A live patch that was built with --effective VERSION brings all \
            fixes of that version, and then it is printed instead. Where single fixes are applied, or patches of \
            others, no version is true, and none is printed.

            EXAMPLE
              tsugite uname
              tsugite uname -a
              tsugite uname --json

            EXIT STATUS
              0 printed    13 can't be told, with the reason
            """)
    @Flag(name: .customShort("r"), help: "Effective release; also if nothing is chosen.") var release = false
    @Flag(name: .customShort("v"), help: "Version of the kernel that was booted.") var version = false
    @Flag(name: .customShort("a"), help: "All.") var all = false
    @Flag(name: .customShort("s"), help: "Kernel name.") var system = false
    @Flag(name: .customShort("n"), help: "Host name.") var node = false
    @Flag(name: .customShort("m"), help: "Machine.") var machine = false
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        var schema = "tsugite.uname/1"
        let booted: String
        let effective: String?
        let findings: [Finding]
    }

    func run() throws {
        try reportingErrors(json: output.json) {
            let effective = try EffectiveKernel.current()
            let asksForRelease = release || all || output.json || !(system || node || version || machine)
            let isUnknown = asksForRelease && effective.version == nil
            if output.json {
                Output.json(
                    Report(
                        booted: effective.booted, effective: effective.version,
                        findings: effective.finding.map { [$0] } ?? []))
            } else if let finding = effective.finding, isUnknown {
                Output.note("tsugite: \(finding)")
            } else {
                Output.result(words(effective.version ?? "").joined(separator: " "))
            }
            if isUnknown { throw ExitStatus.blocked.exit }
        }
    }

    private func words(_ effective: String) -> [String] {
        var words: [String] = []
        if system || all { words.append(Self.line("ostype")) }
        if node || all { words.append(Self.line("hostname")) }
        if release || all || !(system || node || version || machine) { words.append(effective) }
        if version || all { words.append(Self.line("version")) }
        if machine || all { words.append(Self.line("arch")) }
        if all { words.append("GNU/Linux") }
        return words
    }

    private static func line(_ name: String) -> String {
        let text = (try? FileSystem.readText("/proc/sys/kernel/" + name)) ?? ""
        return text.split(separator: "\n").first.map(String.init) ?? ""
    }
}
