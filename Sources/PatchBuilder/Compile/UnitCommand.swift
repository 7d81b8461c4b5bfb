// A recorded compile, rewritten: one source, one object elsewhere, no side outputs.
//
// Everything that decides about code stays as it was, in its order; only what names outputs, other inputs and
// dependency files goes. What is added comes last, where it wins.

struct UnitCommand {
    /// The recorded command.
    let command: CompileCommand
    /// The source file to compile instead of the recorded one: where the diff has moved it.
    var source: String?
    /// A folder of headers to search behind all others.
    var headers: String?

    /// Arguments that compile the unit into `output`.
    ///
    /// - Parameter sectioned: with functions and data in sections of their own, and with everything pinned
    ///   that would make two compiles differ: the two sides of a pair. Otherwise as the build made it.
    func object(_ output: String, sectioned: Bool) -> [String] {
        var arguments = stripped()
        arguments += ["-c", "-o", output, "-w"]
        if command.family == .clang { arguments.append("-Qunused-arguments") }
        if sectioned {
            if let headers { arguments += ["-idirafter", headers] }
            arguments += ["-ffunction-sections", "-fdata-sections"] + pins + debugInformation
        }
        return arguments
    }

    /// Arguments that print the unit's dependency list as a make rule.
    func dependencies() -> [String] {
        stripped() + ["-M", "-w"] + (command.family == .clang ? ["-Qunused-arguments"] : [])
    }

    /// The environment.
    ///
    /// - Parameter pinned: with the date fixed, for the two sides of a pair.
    func environment(pinned: Bool) -> [String] {
        let isFixed = !pinned || command.environment.contains { $0.hasPrefix("SOURCE_DATE_EPOCH=") }
        return command.environment + (isFixed ? [] : ["SOURCE_DATE_EPOCH=\(Self.epoch)"])
            // Compilers' messages end up in reports.
            + (command.environment.contains { $0.hasPrefix("LC_ALL=") } ? [] : ["LC_MESSAGES=C"])
    }

    /// 1980-01-01, for builds that don't say when they are.
    private static let epoch = 315_532_800

    /// Debug information in the plainest form, which the stage *compare* reads types from; it has no influence
    /// on code (GCC manual, `-fcompare-debug`).
    private var debugInformation: [String] {
        guard command.language == .c || command.language == .cxx else { return [] }
        let plain = ["-g", "-gdwarf-4", "-gno-split-dwarf", "-gz=none", "-fno-debug-types-section"]
        return command.family == .gcc ? plain + ["-fno-var-tracking"] : plain
    }

    /// Date, time and random names.
    ///
    /// GCC takes date and time from `SOURCE_DATE_EPOCH`; clang before 16 doesn't, so the macros are defined, which
    /// a precompiled header would refuse. `__TIMESTAMP__` is the source file's time, which the exchange of texts
    /// keeps (``TextExchange``).
    private var pins: [String] {
        switch command.family {
        case .gcc:
            return command.arguments.contains { $0.hasPrefix("-frandom-seed") }
                ? [] : ["-frandom-seed=" + BuildPath.name(command.source)]
        case .clang where !command.arguments.contains("-include-pch"):
            return [
                "-Wno-builtin-macro-redefined", "-D__DATE__=\"Jan  1 1980\"", "-D__TIME__=\"00:00:00\"",
            ]
        default: return []
        }
    }
}

// MARK: - what goes

extension UnitCommand {
    /// The recorded arguments without outputs, other inputs and libraries.
    private func stripped() -> [String] {
        let parsed = DriverArguments(command.arguments)
        let sourceIndex = parsed.sources.first { $0.path == command.sourceArgument }?.index
        let others = Set(parsed.sources.map(\.index)).union(parsed.linkerInputs).subtracting(
            sourceIndex.map { [$0] } ?? [])
        var result: [String] = []
        var index = 0
        while index < command.arguments.count {
            let argument = command.arguments[index]
            let takesValue = index > 0 && DriverArguments.takesValue(argument)
            let end = min(index + (takesValue ? 2 : 1), command.arguments.count)
            if index == 0 || !(others.contains(index) || Self.isDropped(argument)) {
                if index == sourceIndex, let source {
                    result.append(source)
                } else {
                    result += command.arguments[index..<end].map { Self.withoutListings($0) }
                }
            }
            index = end
        }
        return result
    }

    private static let dropped: Set<String> = [
        "-c", "-S", "-o", "--output", "-MD", "-MMD", "-MP", "-MG", "-MF", "-MT", "-MQ", "-MJ", "-MV", "-v", "-H",
        "-l",
        "-save-temps", "--save-temps", "-fstack-usage", "-gsplit-dwarf", "-aux-info", "-dumpbase", "-dumpdir",
        "-dumpbase-ext", "-serialize-diagnostics", "--serialize-diagnostics", "-index-store-path", "-ftime-report",
        "-time", "-Q",
    ]

    private static let droppedPrefixes = [
        "-MF", "-MT", "-MQ", "-save-temps=", "--save-temps=", "-fdump-", "-fcallgraph-info", "-ftime-trace",
        "-fsave-optimization-record", "-Wp,-MD,", "-Wp,-MMD,", "-Wp,-MF,", "-Wp,-MT,", "-Wp,-MQ,", "-Wp,-MP",
        "-fdiagnostics-format", "-foptimization-record-file",
    ]

    private static func isDropped(_ argument: String) -> Bool {
        if dropped.contains(argument) || droppedPrefixes.contains(where: argument.hasPrefix) { return true }
        if argument.hasPrefix("-o"), !argument.hasPrefix("-object"), !argument.hasPrefix("-output") { return true }
        return argument.hasPrefix("-l") && argument.count > 2
    }

    /// `-Wa,-adhlns=file.lst` writes a listing; the rest of such an argument stays.
    private static func withoutListings(_ argument: String) -> String {
        guard argument.hasPrefix("-Wa,-a") || argument.contains(",-a") && argument.hasPrefix("-Wa,") else {
            return argument
        }
        let kept = argument.split(separator: ",", omittingEmptySubsequences: false).filter { !$0.hasPrefix("-a") }
        return kept.count > 1 ? kept.joined(separator: ",") : "-Wa,"
    }
}
