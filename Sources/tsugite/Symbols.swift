import ArgumentParser
import Console
import Findings
import Linux
import ProcessPatcher

/// `tsugite symbols`: tells a debugger the names of new code.
struct Symbols: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the names of the new code in a process to files that gdb reads.",
        discussion: """
            One object file for each patch, and the commands that load them, in a file for gdb's `source`.

            EXAMPLE
              tsugite symbols --pid 4711 -o names && gdb -p 4711 -x names/gdb
            """)

    @Option(help: ArgumentHelp("The process.", valueName: "number"))
    var pid: Int32
    @Option(name: .shortAndLong, help: ArgumentHelp("Folder for the files.", valueName: "folder"))
    var output = "."

    func run() throws {
        try reportingErrors(json: false) {
            let patches = try ProcessPatcher.symbols(in: ProcessID(pid))
            try FileSystem.makeDirectory(output)
            let folder = Build.absolute(output)
            var commands = ["set confirm off"]
            for (number, patch) in patches.enumerated() {
                let file = "\(folder)/\(pid)-\(number).o"
                try FileSystem.replace(file, with: patch.object())
                commands.append("add-symbol-file \(file) -s .text 0x\(String(patch.start, radix: 16))")
                Output.result("\(patch.patch) in \(patch.target): \(patch.functions.count) functions, \(file)")
            }
            try FileSystem.replace("\(folder)/gdb", with: commands.joined(separator: "\n") + "\n")
            Output.result("next: gdb -p \(pid) -x \(folder)/gdb")
        }
    }
}
