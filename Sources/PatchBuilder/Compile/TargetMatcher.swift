// Which link made the counterpart of a shipped file?
//
// The build-id says it if the build is reproducible to the byte. Otherwise names do: the SONAME, or the file name
// with the version digits of a shared library left out. Whether it is really the same program is for the stage
// `prove` to say.

import ELF
import Findings
import Linux

struct TargetMatcher {
    let build: ReproducedBuild

    /// One match per target, in order.
    func match(_ targets: [String]) throws(BuildError) -> [TargetMatch] {
        var matches: [TargetMatch] = []
        let outputs = build.outputs.map { ($0, Self.identity($0.file)) }
        for target in targets {
            guard let identity = Self.identity(target) else { throw Self.unreadable(target) }
            guard let match = match(target, identity, outputs) else {
                let made = outputs.map { BuildPath.name($0.0.output) }.sorted().joined(separator: ", ")
                throw BuildError(
                    .targetUnknown, "the build makes no file that corresponds to \(target)",
                    evidence: [
                        "target": target, "build-id": identity.buildID ?? "none",
                        "soname": identity.soname ?? "none",
                        "the build makes": made,
                    ])
            }
            matches.append(match)
        }
        return matches
    }

    /// Refuses targets that are no ELF files.
    static func checkReadable(_ targets: [String]) throws(BuildError) {
        for target in targets where identity(target) == nil { throw unreadable(target) }
    }

    private static func unreadable(_ target: String) -> BuildError {
        BuildError(
            .targetUnknown, "\(target) is no ELF file that can be read", evidence: ["target": target],
            remedy: "Check --target; symbolic links are followed, archives and scripts are no targets.")
    }

    private struct Identity {
        var buildID: String?
        var soname: String?
    }

    private func match(
        _ target: String, _ identity: Identity, _ outputs: [(LinkCommand, Identity?)]
    ) -> TargetMatch? {
        if let id = identity.buildID, let same = outputs.last(where: { $0.1?.buildID == id }) {
            return TargetMatch(target: target, link: same.0.id, reason: .buildID)
        }
        let real = BuildPath.name(Links.followed(target) ?? target)
        let tests: [(LinkCommand) -> Bool] = [
            { BuildPath.name($0.output) == real },
            { BuildPath.name($0.output) == BuildPath.name(target) },
            { $0.soname != nil && $0.soname == identity.soname },
            { Self.stem(BuildPath.name($0.output)) == Self.stem(real) },
        ]
        for test in tests {
            // The last of its name: libtool links a program once for the build folder and once more to install.
            if let found = outputs.last(where: { test($0.0) }) {
                return TargetMatch(target: target, link: found.0.id, reason: .name)
            }
        }
        return nil
    }

    /// `libz.so` for `libz.so.1.2.13`; `lt-prog`, libtool's name, for `prog`.
    static func stem(_ name: String) -> String {
        var name = name
        if let range = name.firstRange(of: ".so.") { name = String(name[..<range.lowerBound]) + ".so" }
        return name.hasPrefix("lt-") ? String(name.dropFirst(3)) : name
    }

    private static func identity(_ path: String) -> Identity? {
        guard let bytes = try? FileSystem.read(path), let file = try? ELFFile(ByteView(bytes)) else { return nil }
        let id = try? file.buildID()
        return Identity(buildID: id.map { "\($0)" }, soname: (try? file.dynamicSection())?.soname)
    }
}
