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
        let outputs = build.outputs.compactMap { link in Self.identity(link.file).map { (link, $0) } }
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

    /// The links that made the files of a package build, for each shipped file; nil where none did.
    ///
    /// The build's own version of a file has the build-id of the link that made it, whatever the shipped one has.
    func match(_ files: [ShippedFile], staged: StagedPackages) -> [TargetMatch?] {
        let outputs = build.outputs.compactMap { link in Self.identity(link.file).map { (link, $0) } }
        return files.map { file in
            guard let identity = Self.identity(file.path) else { return nil }
            if let own = staged.counterpart(of: file).flatMap(Self.identity), let id = own.buildID,
                let link = outputs.last(where: { $0.1.buildID == id })?.0
            {
                let isSame = identity.buildID == id
                return TargetMatch(target: file.path, link: link.id, reason: isSame ? .buildID : .name)
            }
            return match(file.path, identity, outputs)
        }
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
        var machine: UInt16
        /// Sizes of the sections that are loaded, by name.
        var sections: [String: UInt64]
        /// SHA-256 of `.text`.
        var code: String

        /// How much two files look like builds of the same; comparable among candidates only.
        func resemblance(to other: Identity) -> Int {
            let same = sections.count { other.sections[$0.key] == $0.value }
            return same + (code == other.code ? 1_000 : 0)
        }
    }

    private func match(
        _ target: String, _ identity: Identity, _ outputs: [(LinkCommand, Identity)]
    ) -> TargetMatch? {
        if let id = identity.buildID, let same = outputs.last(where: { $0.1.buildID == id }) {
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
            let found = outputs.filter { test($0.0) && $0.1.machine == identity.machine }
            // Flavours have the same name; what looks most like the target is its counterpart. Among equals the last:
            // libtool links a program once for the build folder and once more to install.
            let best = found.max { left, right in
                let (one, other) = (left.1.resemblance(to: identity), right.1.resemblance(to: identity))
                return (one, left.0.id) < (other, right.0.id)
            }
            if let best { return TargetMatch(target: target, link: best.0.id, reason: .name) }
        }
        return nil
    }

    /// `libz.so` for `libz.so.1.2.13`; `lt-prog`, libtool's name, for `prog`.
    static func stem(_ name: String) -> String {
        var name = name
        if let range = name.firstRange(of: ".so.") { name = String(name[..<range.lowerBound]) + ".so" }
        return name.hasPrefix("lt-") ? String(name.dropFirst(3)) : name
    }

    /// Nil for what isn't ELF of the kind that this version knows; among outputs, 32-bit flavours.
    private static func identity(_ path: String) -> Identity? {
        guard let bytes = try? FileSystem.read(path), let file = try? ELFFile(ByteView(bytes)) else { return nil }
        let id = try? file.buildID()
        var sections: [String: UInt64] = [:]
        for section in file.sections where section.flags.contains(.alloc) {
            sections[section.name] = section.size
        }
        let code = file.section(named: ".text").flatMap { try? file.rawContents(of: $0).bytes } ?? []
        return Identity(
            buildID: id.map { "\($0)" }, soname: (try? file.dynamicSection())?.soname,
            machine: file.machine.rawValue,
            sections: sections, code: ContentDigest.hex(code))
    }
}
