import ArgumentParser
import Console
import Findings
import Linux
import ProcessPatcher

/// `tsugite symbols`: tells debuggers and profilers the names of new code.
struct Symbols: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the names of the new code in a process to files that gdb and perf read.",
        discussion: """
            One object file for each patch, and the commands that load them, in a file for gdb's `source`. With
            --symfs, the files that perf looks for behind our mappings, in a folder beside links to all others.

            EXAMPLES
              tsugite symbols --pid 4711 -o names && gdb -p 4711 -x names/gdb
              tsugite symbols --pid 4711 --symfs names && perf report --symfs names
            """)

    @Option(help: ArgumentHelp("The process.", valueName: "number"))
    var pid: Int32
    @Option(name: .shortAndLong, help: ArgumentHelp("Folder for gdb's files.", valueName: "folder"))
    var output: String?
    @Option(help: ArgumentHelp("Folder for perf's files.", valueName: "folder"))
    var symfs: String?

    func run() throws {
        try reportingErrors(json: false) {
            let patches = try ProcessPatcher.symbols(in: ProcessID(pid))
            guard !patches.isEmpty else {
                Output.result("process \(pid) carries no patch; next: tsugite status --pid \(pid)")
                return
            }
            if output != nil || symfs == nil { try writeForDebugger(patches, Build.absolute(output ?? ".")) }
            if let symfs { try writeForProfiler(patches, Build.absolute(symfs)) }
        }
    }

    private func writeForDebugger(_ patches: [SymbolReport], _ folder: String) throws {
        try FileSystem.makeDirectory(folder)
        var commands = ["set confirm off"]
        for (number, patch) in patches.enumerated() {
            let file = "\(folder)/\(pid)-\(number).o"
            try FileSystem.replace(file, with: patch.object())
            commands.append("add-symbol-file \(file) -s .text 0x\(String(patch.start, radix: 16))")
            tell(patch, file)
        }
        try FileSystem.replace("\(folder)/gdb", with: commands.joined(separator: "\n") + "\n")
        Output.result("next: gdb -p \(pid) -x \(folder)/gdb")
    }

    private func writeForProfiler(_ patches: [SymbolReport], _ folder: String) throws {
        try FileSystem.makeDirectory(folder)
        // perf looks for every other file there, too.
        for top in ["usr", "lib", "lib64", "bin", "sbin", "opt", "srv", "home", "root", "var", "tmp"] {
            try FileSystem.link("\(folder)/\(top)", to: "/\(top)")
        }
        for patch in patches where patch.mapping.hasPrefix("/") {
            // A profiler keeps the name as the kernel tells it, and to the kernel the file of a memfd has no path left.
            let file = folder + patch.mapping + " (deleted)"
            try FileSystem.replace(file, with: patch.profile())
            tell(patch, file)
        }
        Output.result("next: perf record -p \(pid), then perf report --symfs \(folder)")
    }

    private func tell(_ patch: SymbolReport, _ file: String) {
        Output.result("\(patch.patch) in \(patch.target): \(patch.functions.count) functions, \(file)")
    }
}
