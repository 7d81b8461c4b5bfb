import ELF
import Findings
import KernelImage
import Linux

// Whether a fix changes the layout of a structure.
//
// Code before and after the fix works on the same data, in the same kernel. If a member moved, or a structure
// grew, the new code would read what isn't there. Both objects carry type information of their own, made by the
// compiler; every structure that both have must have the same members at the same places. A structure that is
// only in one of them is no one's problem: no data of it crosses from one to the other.

struct LayoutCheck {
    private let before: [String: Layout]
    private let after: [String: Layout]
    private let unit: String

    /// Size and members of a structure or union.
    struct Layout: Equatable {
        let size: UInt32
        let members: [Member]
    }

    /// A member; those of unnamed structures inside count as the outer one's.
    struct Member: Equatable {
        let name: String
        let bitOffset: UInt32
        let bitSize: UInt32
    }

    /// Reads the types of the two objects of a unit.
    init(pre: String, post: String, unit: String) throws(BuildError) {
        before = try Self.layouts(pre)
        after = try Self.layouts(post)
        self.unit = unit
    }

    /// Refuses a changed layout by name.
    func run() throws(BuildError) {
        for (name, layout) in after.sorted(by: { $0.key < $1.key }) {
            guard let old = before[name], old != layout else { continue }
            throw refusal(name, old, layout)
        }
    }

    private func refusal(_ name: String, _ old: Layout, _ new: Layout) -> BuildError {
        let names = Set(old.members.map(\.name))
        let change =
            new.members.first { !names.contains($0.name) }.map { "new member \($0.name)" }
            ?? new.members.first { !old.members.contains($0) }.map { "member \($0.name) moved" } ?? "a member went"
        return BuildError(
            .kernelRefused, "the layout of \(name) changes in \(unit): \(change)",
            evidence: [
                "unit": unit, "entity": name, "reason": change, "size before": "\(old.size)",
                "size after": "\(new.size)",
            ],
            remedy:
                "Keep the new data in a shadow variable (klp_shadow_get_or_alloc), or reboot into the fixed kernel."
        )
    }

    private static func layouts(_ path: String) throws(BuildError) -> [String: Layout] {
        let bytes = try WorkFolder.read(path)
        do throws(KernelImageError) {
            let file: ELFFile
            let section: ByteView
            do throws(ELFError) {
                file = try ELFFile(ByteView(bytes))
                guard let found = file.section(named: ".BTF") else { return [:] }
                section = try file.rawContents(of: found)
            } catch {
                throw KernelImageError(.malformed(error), in: path)
            }
            return try layouts(in: try BTF(section))
        } catch {
            throw BuildError(error)
        }
    }

    private static func layouts(in types: BTF) throws(KernelImageError) -> [String: Layout] {
        var layouts: [String: Layout] = [:]
        for id in types.ids {
            guard let type = try types.type(id), type.kind == .structure || type.kind == .union, !type.name.isEmpty
            else { continue }
            var members: [Member] = []
            try collect(type, at: 0, types, &members, depth: 0)
            let key = (type.kind == .structure ? "struct " : "union ") + type.name
            layouts[key] = Layout(size: type.sizeOrType, members: members)
        }
        return layouts
    }

    private static func collect(
        _ type: BTF.TypeRecord, at start: UInt32, _ types: BTF, _ members: inout [Member], depth: Int
    ) throws(KernelImageError) {
        for member in type.members {
            let offset = start &+ member.bitOffset
            if member.name.isEmpty, depth < 16, let inner = try types.type(member.type),
                inner.kind == .structure || inner.kind == .union
            {
                try collect(inner, at: offset, types, &members, depth: depth + 1)
            } else {
                members.append(Member(name: member.name, bitOffset: offset, bitSize: member.bitSize))
            }
        }
    }
}
