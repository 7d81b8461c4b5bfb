/// One note, `Elf64_Nhdr` with its name and descriptor.
public struct Note: Sendable, Equatable {
    /// The owner, such as `GNU`.
    public let owner: String
    /// The owner's own number for the kind of note.
    public let type: UInt32
    /// The descriptor's bytes.
    public let descriptor: [UInt8]

    /// Reads all notes of a note section or segment.
    public static func list(_ bytes: ByteView, alignment: UInt64 = 4) throws(ELFError) -> [Note] {
        let step = alignment == 8 ? 8 : 4
        func aligned(_ value: Int) -> Int { (value + step - 1) / step * step }
        var notes: [Note] = []
        var at = 0
        while bytes.count - at >= 12 {
            let (nameSize, size) = (
                Int(try bytes.load(at, as: UInt32.self)), Int(try bytes.load(at + 4, as: UInt32.self))
            )
            let descriptorAt = aligned(at + 12 + nameSize)
            let name = try bytes.slice(UInt64(at + 12), UInt64(nameSize), "note's name")
            // The last note's padding may be left out, so an empty descriptor may start beyond the end.
            let descriptor = try bytes.slice(
                size == 0 ? 0 : UInt64(descriptorAt), UInt64(size), "note's descriptor")
            notes.append(
                Note(
                    owner: String(decoding: name.bytes.prefix { $0 != 0 }, as: UTF8.self),
                    type: try bytes.load(at + 8), descriptor: descriptor.bytes))
            at = aligned(descriptorAt + size)
        }
        return notes
    }
}

/// A GNU build-id: names one linked binary for good.
public struct BuildID: Hashable, Sendable {
    /// The id's bytes, mostly 20 (SHA-1).
    public let bytes: [UInt8]

    /// Takes the descriptor of an `NT_GNU_BUILD_ID` note.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Reads lower or upper case hexadecimal digits; `nil` if the text isn't whole bytes of them.
    public init?(hex: some StringProtocol) {
        guard hex.utf8.count % 2 == 0, !hex.isEmpty else { return nil }
        var bytes: [UInt8] = []
        var rest = Substring(hex)
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16), rest.first != "+", rest.first != "-" else {
                return nil
            }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        self.bytes = bytes
    }
}

extension BuildID: CustomStringConvertible {
    /// Lower case hexadecimal digits.
    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension ELFFile {
    /// All notes: those of the segments, or, in an object or a file of debugging information whose segments
    /// lead nowhere, those of the sections.
    public func notes() throws(ELFError) -> [Note] {
        do throws(ELFError) {
            let notes = try segmentNotes()
            if !notes.isEmpty { return notes }
        } catch {
            guard sections.contains(where: { $0.type == .note }) else { throw error }
        }
        var notes: [Note] = []
        for section in sections where section.type == .note {
            notes += try Note.list(try rawContents(of: section), alignment: section.alignment)
        }
        return notes
    }

    /// The build-id that the linker noted; `nil` if none.
    public func buildID() throws(ELFError) -> BuildID? { try notes().buildID }
}

extension [Note] {
    /// The descriptor of the `NT_GNU_BUILD_ID` note.
    public var buildID: BuildID? {
        first { $0.owner == "GNU" && $0.type == 3 }.map { BuildID($0.descriptor) }
    }
}
