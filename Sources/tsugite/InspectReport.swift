import ELF
import FoundationEssentials
import LivePatch

/// Everything in a patch file, ready to print.
struct InspectReport: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.inspect/1"
    /// The patch's name.
    var name: String
    /// SHA-256 of the file.
    var id: String
    /// In bytes.
    var size: Int
    /// `x86_64` or the number.
    var machine: String
    /// Digests of the diffs.
    var changes: [String]
    /// What the table of targets says, which is what patchers go by.
    var targets: [Target]
    /// Loadable sections.
    var sections: [Section]
    /// What the builder says about it; nil if it isn't of a known form.
    var manifest: Manifest?
    /// The source diff.
    var diff: String?

    struct Target: Encodable {
        var name: String
        var buildID: String
        var type: String
        var functions: [Function]
        var symbols: [Symbol]
        var sections: [Int]
        var threadStorage: String?
    }

    struct Function: Encodable {
        var name: String
        var address: UInt64
        var size: UInt64
        var entrySkip: Int
        var originalDigest: String
        var newSize: UInt64
        var parts: [Part]
    }

    struct Part: Encodable {
        var address: UInt64
        var size: Int
    }

    struct Symbol: Encodable {
        var name: String
        var found: String
    }

    struct Section: Encodable {
        var index: Int
        var name: String
        var flags: String
        var size: UInt64
        var relocations: Int
    }
}

extension InspectReport {
    /// Reads out a patch file.
    init(_ file: PatchFile, includesDiff: Bool) {
        let patch = file.patch
        name = patch.name
        id = file.id.description
        size = file.size
        machine = patch.machine == .x86_64 ? "x86_64" : "\(patch.machine.rawValue)"
        changes = patch.changes.map(\.description)
        targets = patch.targets.map { Target($0, patch.object) }
        sections = patch.object.sections.enumerated().map { Section(index: $0.offset, $0.element) }
        let known = try? JSONDecoder().decode(Manifest.self, from: FoundationEssentials.Data(patch.manifest))
        manifest = known?.schema == Manifest.schemaName ? known : nil
        diff = includesDiff ? String(decoding: patch.diff, as: UTF8.self) : nil
    }
}

extension InspectReport.Target {
    fileprivate init(_ target: PatchTarget, _ object: PatchObject) {
        name = target.name
        buildID = target.buildID.description
        type = target.type == .shared ? "shared" : "executable"
        functions = target.functions.map { function in
            InspectReport.Function(
                name: function.name, address: function.address, size: function.size, entrySkip: function.entrySkip,
                originalDigest: Digest(of: function.original).description,
                newSize: object.symbols[function.replacement].size,
                parts: function.parts.map { .init(address: $0.address, size: $0.original.count) })
        }
        symbols = target.externals.map { .init(name: object.symbols[$0.symbol].name, found: Self.text($0.source)) }
        sections = target.sections
        threadStorage = target.threadStorage.map {
            switch $0 {
            case .executable(let size): "block of \(size) bytes below the thread pointer"
            case .slots(let module, let offset, let variable):
                "module id in slot \(module.map(Self.hex) ?? "none"), offset of \(Self.hex(variable)) in slot "
                    + (offset.map(Self.hex) ?? "none")
            }
        }
    }

    static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    private static func text(_ source: ExternalSymbol.Source) -> String {
        switch source {
        case .target(let address): "in the target at \(hex(address))"
        case .slot(let address): "through the target's slot at \(hex(address))"
        case .lookup(let name, let version, let weak):
            "looked up as \(name)" + (version.map { "@\($0)" } ?? "") + (weak ? ", null if there is none" : "")
        case .threadLocal(let offset): "thread-local at \(hex(offset))"
        }
    }
}

extension InspectReport.Section {
    fileprivate init(index: Int, _ section: PatchObject.Section) {
        self.index = index
        name = section.name
        flags =
            (section.flags.contains(.write) ? "W" : "") + "A" + (section.flags.contains(.execinstr) ? "X" : "")
        size = section.size
        relocations = section.relocations.count
    }
}

extension InspectReport {
    /// The text form.
    var text: String {
        var lines = ["\(name)  id \(id.prefix(12))  \(size) bytes  \(machine)"]
        if let manifest {
            lines.append("made by \(manifest.builder)")
            if !manifest.advisories.isEmpty {
                lines.append("answers \(manifest.advisories.joined(separator: ", "))")
            }
        }
        lines += changes.map { "diff \($0)" }
        for target in targets { lines += ["", text(target)] }
        lines.append("\nsections")
        lines += sections.map {
            "  [\($0.index)] \($0.name)  \($0.flags)  \($0.size) bytes, \($0.relocations) relocations"
        }
        lines += (manifest?.notes ?? []).map { "note: \($0)" }
        if let diff { lines += ["", diff] }
        return lines.joined(separator: "\n")
    }

    private func text(_ target: Target) -> String {
        var lines: [String] = []
        if let known = manifest?.targets.first(where: { $0.buildID == target.buildID }) {
            lines.append(ManifestText.target(known))
        } else {
            lines.append("\(target.name)  build-id \(target.buildID)")
        }
        lines.append("  trampolines")
        for function in target.functions {
            lines.append(
                "    \(Target.hex(function.address))  \(function.name)  \(function.size) bytes → \(function.newSize)"
                    + (function.parts.isEmpty
                        ? ""
                        : ", parts at \(function.parts.map { Target.hex($0.address) }.joined(separator: ", "))")
                    + (function.entrySkip > 0 ? ", behind \(function.entrySkip) bytes kept" : ""))
        }
        if !target.symbols.isEmpty { lines.append("  symbols") }
        lines += target.symbols.map { "    \($0.name)  \($0.found)" }
        if let storage = target.threadStorage { lines.append("  thread-local storage: \(storage)") }
        return lines.joined(separator: "\n")
    }
}
