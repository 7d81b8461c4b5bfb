// Which files a linker will open: names on its command line, `-l` looked up along `-L`, linker scripts that
// name more. Shared libraries are passed over: their code is not in the output.

import Linux

struct LinkInputs {
    private let process: CapturedProcess
    private let arguments: LinkerArguments
    private var stamps: [FileStamp] = []

    /// The objects that go into the link which `process` is about to make.
    static func find(for process: CapturedProcess, _ probe: inout ObjectProbe) -> [FileStamp] {
        var finder = LinkInputs(process: process, arguments: LinkerArguments(process.arguments))
        for input in finder.arguments.inputs { finder.add(input, &probe) }
        return finder.stamps
    }

    private init(process: CapturedProcess, arguments: LinkerArguments) {
        self.process = process
        self.arguments = arguments
    }

    private mutating func add(_ input: LinkerArguments.Input, _ probe: inout ObjectProbe) {
        switch input {
        case .data(let path): if let stamp = probe.data(process.absolute(path)) { stamps.append(stamp) }
        case .file(let path): add(file: process.absolute(path), depth: 0, &probe)
        case .library(let name, let staticOnly):
            if let path = library(name, staticOnly: staticOnly, probe) { add(file: path, depth: 0, &probe) }
        }
    }

    private mutating func add(file path: String, depth: Int, _ probe: inout ObjectProbe) {
        let found = probe.stamps(path)
        stamps += found.filter { $0.kind != .image }
        guard found.isEmpty, depth < 4, probe.tree.relative(path) != nil else { return }
        // Neither object nor archive: the linker takes it for a script.
        guard let facts = try? FileFacts.of(probe.tree.real(path)), facts.isRegular, facts.size < 1 << 20,
            let text = try? FileSystem.readText(probe.tree.real(path))
        else { return }
        for name in Self.namesInScript(text) {
            if name.hasPrefix("-l") {
                if let path = library(String(name.dropFirst(2)), staticOnly: false, probe) {
                    add(file: path, depth: depth + 1, &probe)
                }
            } else {
                add(file: process.absolute(name), depth: depth + 1, &probe)
            }
        }
    }

    /// The first place along the search path, as ld finds it: in each folder the shared one first.
    private func library(_ name: String, staticOnly: Bool, _ probe: ObjectProbe) -> String? {
        let names: [String]
        if name.hasPrefix(":") {
            names = [String(name.dropFirst())]
        } else {
            names = staticOnly ? ["lib\(name).a"] : ["lib\(name).so", "lib\(name).a"]
        }
        for folder in arguments.searchPaths {
            var place = folder
            for mark in ["=", "$SYSROOT"] where place.hasPrefix(mark) {
                place = (arguments.sysroot ?? "") + place.dropFirst(mark.count)
            }
            for name in names {
                let path = process.absolute(place + "/" + name)
                if FileFacts.exists(probe.tree.real(path)) { return path }
            }
        }
        return nil
    }

    /// The names inside `INPUT(...)`, `GROUP(...)` and `AS_NEEDED(...)`.
    static func namesInScript(_ text: String) -> [String] {
        var names: [String] = []
        var word = ""
        var open: [Bool] = []
        func isList(_ word: String) -> Bool { ["INPUT", "GROUP", "AS_NEEDED"].contains(word) }
        for character in text.prefix(1 << 16) {
            switch character {
            case "(":
                open.append(isList(word))
                word = ""
            case ")", " ", "\t", "\n", ",", ";":
                if open.last == true, !word.isEmpty, !isList(word) { names.append(word) }
                if character != " " || !isList(word) { word = isList(word) && character == " " ? word : "" }
                if character == ")" { _ = open.popLast() }
            default: word.append(character)
            }
        }
        return names
    }
}
