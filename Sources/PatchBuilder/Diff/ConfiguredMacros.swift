// Macros that the build decides: HAVE_THIS, from a configure script or a makefile.
//
// The patch is compiled with the tree as it was configured before the diff. Where the diff adds both a question
// (`#ifdef HAS_FDOPENDIR`) and what answers it (a test in configure), the question would get the wrong answer, and the
// fix would be left out without a word.

enum ConfiguredMacros {
    /// A question that only a new run of the build's configuration answers.
    struct Question: Equatable {
        var macro: String
        /// The source that asks.
        var source: String
        /// The file of the build that would answer.
        var decidedBy: String
    }

    /// The first such question among what the diffs add.
    static func unanswered(_ files: [AppliedFile]) -> Question? {
        var deciders: [String: String] = [:]
        for file in files where [.buildSystem, .generator].contains(FileRole(path: file.path)) {
            let known = Set((file.pre?.lines ?? []).flatMap(macros))
            for macro in added(by: file).flatMap(macros) where !known.contains(macro) {
                deciders[macro] = file.path
                // As a compiler is told: -DHAVE_IT.
                if macro.hasPrefix("D") { deciders[String(macro.dropFirst())] = file.path }
            }
        }
        guard !deciders.isEmpty else { return nil }
        for file in files where [.source, .header].contains(FileRole(path: file.path)) {
            for line in added(by: file) where isQuestion(line) {
                for macro in macros(line) {
                    if let decidedBy = deciders[macro] {
                        return Question(macro: macro, source: file.path, decidedBy: decidedBy)
                    }
                }
            }
        }
        return nil
    }

    private static func added(by file: AppliedFile) -> [ArraySlice<UInt8>] {
        (file.post?.lines ?? []).filter { $0.origin == nil }.map(\.text)
    }

    /// `#if`, `#ifdef`, `#ifndef`, `#elif` and their like.
    private static func isQuestion(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.printable.drop { $0.isWhitespace }
        guard words.first == "#" else { return false }
        let directive = words.dropFirst().drop { $0.isWhitespace }
        return directive.hasPrefix("if") || directive.hasPrefix("elif")
    }

    /// Words written as macros are: capitals, digits and underscores, three at least.
    private static func macros(_ line: ArraySlice<UInt8>) -> [String] {
        line.split { !$0.isInWord }.filter { word in
            word.count > 2 && word.contains { $0 >= 0x41 && $0 <= 0x5a } && !word.contains { $0 >= 0x61 }
        }
        .map { String(decoding: $0, as: UTF8.self) }
    }
}
