import ArgumentParser
import Channel
import Client
import Console
import ELF
import Findings
import KernelPatcher
import Linux
import LivePatch

/// `tsugite inspect`: what is in a patch file, or what would fix a machine that isn't this one.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what is in a live patch, or which updates would fix another machine.",
        discussion: """
            The file is checked as if it were to be applied: targets, functions and why, symbols, sections, diff. \
            readelf -a and objdump -dr open it as well. Without a file, the updates are listed that the attached \
            channels have for a kernel, a package or a crash dump of another machine. A patch for a kernel is a kernel \
            module, which modinfo knows too. Of a boot image (vmlinuz) it is shown what live patches need of it.

            EXAMPLE
              tsugite inspect CVE-2025-23419.tsp --diff
              tsugite inspect --package libssl3=3.0.11-1~deb12u2
              tsugite inspect --kernel "$(uname -r) $(uname -v)"

            EXIT STATUS
              0 shown    13 not a usable patch file    64 wrong usage
            """)

    @Argument(help: ArgumentHelp("The patch file.", valueName: "file"))
    var file: String?
    @Option(help: ArgumentHelp("A package elsewhere.", valueName: "name=version"))
    var package: String?
    @Option(help: ArgumentHelp("A kernel elsewhere, as uname -r and -v print it.", valueName: "release version"))
    var kernel: String?
    @Option(help: ArgumentHelp("A crash dump; its kernel is read from it.", valueName: "file"))
    var vmcore: String?
    @OptionGroup var client: ClientOptions
    @Flag(help: "Print the source diff too.")
    var diff = false

    private var json: Bool { client.json }

    func validate() throws {
        guard [file, package, kernel, vmcore].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("Give a patch file, or one of --package, --kernel and --vmcore.")
        }
        if let package, package.split(separator: "=", maxSplits: 1).count != 2 {
            throw ValidationError("--package takes NAME=VERSION.")
        }
    }

    func run() throws {
        try reportingErrors(json: json) {
            guard let file else { return try inspectElsewhere() }
            let bytes = try ByteStorage(reading: file, limit: LivePatch.Limits.fileSize)
            if KernelImageReport.isOne(ByteView(bytes)) {
                let report = try KernelImageReport(ByteView(bytes))
                return json ? Output.json(report) : Output.result(report.text)
            }
            if try PatchFiles.isForKernel(bytes) {
                let report = KernelInspectReport(try KernelPatchFile(ByteView(bytes).bytes), includesDiff: diff)
                return json ? Output.json(report) : Output.result(report.text)
            }
            let patch = try PatchFile(bytes)
            let report = InspectReport(patch, includesDiff: diff)
            if json { Output.json(report) } else { Output.result(report.text) }
        }
    }

    private func inspectElsewhere() throws {
        let known = try client.fetchStep(client.session()).known()
        let report = OtherMachine.Report(try question(), in: known)
        if json { return Output.json(report) }
        Output.result(report.text)
    }

    private func question() throws -> OtherMachine.Question {
        if let package {
            let parts = package.split(separator: "=", maxSplits: 1).map(String.init)
            return .package(name: parts[0], version: parts[1])
        }
        if let vmcore {
            let file = try ELFFile(ByteStorage(mapping: vmcore))
            let note = try file.notes().first { $0.owner == "VMCOREINFO" }
            return OtherMachine.Question(crashNote: String(decoding: note?.descriptor ?? [], as: UTF8.self))
        }
        return .kernel(release: (kernel ?? "").split(separator: " ").first.map(String.init) ?? "", buildID: nil)
    }
}
