// The line that made one object, as kbuild saved it in `.NAME.o.cmd`.
//
//     cmd_fs/pipe.o := gcc-12 -Wp,-MMD,fs/.pipe.o.d ... -c -o fs/pipe.o SOURCE/fs/pipe.c ; ./tools/objtool/objtool
//         --orc --retpoline ... fs/pipe.o
//
// (`savedcmd_` since 6.3.) It is make's text: `$$` stands for `$`, `$(pound)` for `#`. The steps are separated by
// `;` or `&&`; the first compiles, those behind it change the object. Steps of another kind aren't repeated
// blindly: an object that something unknown has changed can't be made twice alike.

import Findings

struct KernelCommand: Equatable, Sendable {
    /// The compile, its program first.
    let compile: [String]
    /// What changes the object after that, in order.
    let steps: [[String]]
    /// The object's path as in the line.
    let object: String

    /// Reads the file that kbuild saved.
    init(saved text: String, name: String) throws(BuildError) {
        guard let line = text.split(separator: "\n").first, let assign = line.firstRange(of: " := "),
            line.hasPrefix("cmd_") || line.hasPrefix("savedcmd_")
        else { throw Self.unusable(name, "no saved command") }
        let command = String(line[assign.upperBound...]).replacing("$(pound)", with: "#").replacing("$$", with: "$")
        guard let words = Self.words(command) else { throw Self.unusable(name, "quotes that don't match") }
        let steps = words.split { $0 == ";" || $0 == "&&" }.map(Array.init)
        guard let compile = steps.first, compile.contains("-c"),
            let output = compile.firstIndex(of: "-o"), output + 1 < compile.count
        else { throw Self.unusable(name, "no compile") }
        object = compile[output + 1]
        self.compile = compile
        self.steps = Array(steps.dropFirst())
        for step in self.steps where step.first.map({ !$0.hasSuffix("/objtool") }) ?? true {
            throw Self.unusable(name, "the step \(step.first ?? "")")
        }
    }

    /// The name of the module that the object is for; `nil` for the kernel proper.
    ///
    /// Names are as the kernel has them, with `_` for `-`.
    var module: String? {
        guard compile.contains("-DMODULE") else { return nil }
        let prefix = "-D__KBUILD_MODNAME=kmod_"
        return compile.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    /// The compile into another object, with more flags; no dependency list.
    func compile(into output: String, adding flags: [String]) -> [String] {
        var result: [String] = []
        var isOutput = false
        for word in self.compile {
            if isOutput {
                result.append(output)
                isOutput = false
                continue
            }
            if word.hasPrefix("-Wp,-MMD,") || word.hasPrefix("-Wp,-MD,") || Self.isDebug(word) { continue }
            isOutput = word == "-o"
            result.append(word)
        }
        return result + flags
    }

    /// The later steps on another object.
    func steps(on output: String) -> [[String]] {
        steps.map { $0.map { $0 == object ? output : $0 } }
    }

    /// Debugging information doesn't change code, and costs most of the time.
    private static func isDebug(_ word: String) -> Bool {
        word == "-g" || word.hasPrefix("-gdwarf") || word == "-gz" || word.hasPrefix("-gz=")
    }

    /// Splits as a shell does: blanks, single and double quotes, backslashes; operators stand alone.
    static func words(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == " " || character == "\t" {
                if let done = word { words.append(done) }
                word = nil
            } else if character == ";" {
                if let done = word { words.append(done) }
                word = nil
                words.append(";")
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let done = word { words.append(done) }
        return quote == nil && !isEscaped ? words : nil
    }

    private static func unusable(_ name: String, _ what: String) -> BuildError {
        BuildError(
            .kernelSource, "the compile line of \(name) can't be repeated: \(what)", evidence: ["object": name],
            remedy: "Build the tree with the kernel's own makefiles; the line is in .\(name).cmd.")
    }
}
