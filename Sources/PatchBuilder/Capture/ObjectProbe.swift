// Looking at object files while the build stands still: what is it, and which bytes?
//
// Answers are remembered by device, inode, size and time of change, because one archive takes part in many
// links. Files outside the tree that are older than the build belong to the system and aren't read at all.

import Linux

struct ObjectProbe {
    /// Where the tree is.
    let tree: BuildTree
    /// When the build began, nanoseconds since 1970.
    let startedAt: UInt64

    private struct Key: Hashable {
        var file: FileIdentity
        var size: UInt64
        var modified: UInt64
    }

    private struct Part {
        var member: String?
        var digest: String
        var kind: FileStamp.Kind
    }

    private var known: [Key: [Part]] = [:]

    init(tree: BuildTree, startedAt: UInt64) {
        self.tree = tree
        self.startedAt = startedAt
    }

    /// The objects that the file at `path` holds: itself, or the members of an archive; none if it is neither.
    ///
    /// - Parameter path: absolute, as the build sees it.
    mutating func stamps(_ path: String) -> [FileStamp] {
        let real = tree.real(path)
        guard let facts = try? FileFacts.of(real), facts.isRegular, facts.size > 0 else { return [] }
        if tree.relative(path) == nil, facts.modified < startedAt {
            return [FileStamp(path: path, member: nil, digest: "", kind: .object, isSystem: true)]
        }
        let key = Key(file: facts.identity, size: facts.size, modified: facts.modified)
        if known[key] == nil { known[key] = parts(of: real, seen: path) }
        return (known[key] ?? []).map {
            FileStamp(path: path, member: $0.member, digest: $0.digest, kind: $0.kind, isSystem: false)
        }
    }

    /// The whole file as data, whatever it holds.
    func data(_ path: String) -> FileStamp? {
        guard let bytes = try? FileSystem.read(tree.real(path)) else { return nil }
        return FileStamp(
            path: path, member: nil, digest: ContentDigest.hex(bytes), kind: .data, isSystem: false)
    }

    private mutating func parts(of real: String, seen: String) -> [Part] {
        guard let kind = Self.look(real) else { return [] }
        guard let bytes = try? FileSystem.read(real) else { return [] }
        switch kind {
        case .object(let kind): return [Part(member: nil, digest: ContentDigest.hex(bytes), kind: kind)]
        case .archive:
            return ArchiveMembers(bytes).members.flatMap { member -> [Part] in
                guard let range = member.bytes else { return thin(member.name, archive: seen) }
                guard case .object(let kind) = Self.kind(of: bytes[range].prefix(20)) else { return [] }
                return [Part(member: member.name, digest: ContentDigest.hex(bytes[range]), kind: kind)]
            }
        }
    }

    /// A member of a thin archive is a file beside it.
    private mutating func thin(_ name: String, archive: String) -> [Part] {
        let path = BuildPath.absolute(name, in: FileSystem.parent(of: archive))
        return stamps(path).filter { $0.member == nil && !$0.isSystem }
            .map { Part(member: name, digest: $0.digest, kind: $0.kind) }
    }
}

// MARK: - first bytes

extension ObjectProbe {
    enum Look: Equatable {
        case object(FileStamp.Kind)
        case archive
    }

    /// What the file at the real path `path` is, from its first bytes; nil for anything but objects and archives.
    static func look(_ path: String) -> Look? {
        guard let file = try? OwnedDescriptor.open(path, [.readOnly, .nonBlocking]) else { return nil }
        var head = [UInt8](repeating: 0, count: 20)
        // Sound: the kernel writes at most the array's bytes.
        let result = unsafe head.withUnsafeMutableBytes { unsafe file.read(at: 0, into: $0) }
        guard !result.failed, result.rawValue >= 8 else { return nil }
        return kind(of: head.prefix(result.rawValue))
    }

    /// What begins with `head`: ELF by `e_type`, `ar` by its magic, LLVM bitcode raw or wrapped.
    static func kind(of head: ArraySlice<UInt8>) -> Look? {
        let bytes = Array(head)
        if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) {
            guard bytes.count >= 18 else { return nil }
            switch bytes[5] == 2 ? bytes[17] : bytes[16] {
            case 1: return .object(.object)
            case 2, 3: return .object(.image)
            default: return nil
            }
        }
        if ArchiveMembers.isArchive(bytes) { return .archive }
        if bytes.starts(with: [0x42, 0x43, 0xC0, 0xDE]) || bytes.starts(with: [0xDE, 0xC0, 0x17, 0x0B]) {
            return .object(.bitcode)
        }
        return nil
    }
}
