import ELF
import TestSupport

/// What binutils say about the same file: the reference that the reader is held against.
struct Peer {
    let path: String
    private let tools: Compiler

    /// A file that is there.
    init(_ path: String) throws {
        self.path = path
        tools = try Compiler()
    }

    /// A file that the value keeps as long as it lives.
    init(_ bytes: [UInt8]) throws {
        tools = try Compiler()
        path = try tools.write(bytes, name: "file")
    }

    /// Runs a tool of binutils on the file.
    func run(_ tool: String, _ arguments: String...) throws -> String {
        try tools.run("/usr/bin/" + tool, arguments + [path])
    }

    /// The words of each line that a tool prints.
    func words(_ tool: String, _ arguments: String...) throws -> [[Substring]] {
        try tools.run("/usr/bin/" + tool, arguments + [path]).split(separator: "\n").map {
            $0.split { $0 == " " || $0 == "\t" }
        }
    }

    /// The file through our reader.
    func file() throws -> ELFFile { try ELFFile(tools.read(path)) }
}

/// Files to compare: of the system where they are there, and compiled ones.
enum PeerFile: String, CaseIterable, Sendable {
    case ls = "/bin/ls"
    case libc = "/lib/x86_64-linux-gnu/libc.so.6"
    case libm = "/lib/x86_64-linux-gnu/libm.so.6"
    case executable, pie, shared, object, clangObject, comdat, staticProgram, tinyShared, writtenGroups

    func open() throws -> Peer {
        switch self {
        case .ls, .libc, .libm: try Peer(rawValue)
        case .executable: try Peer(ELFFixture.executable.make())
        case .pie: try Peer(ELFFixture.pie.make())
        case .shared: try Peer(ELFFixture.shared.make())
        case .object: try Peer(ELFFixture.object.make())
        case .clangObject: try Peer(ELFFixture.clangObject.make())
        case .comdat: try Peer(ELFFixture.comdat.make())
        case .staticProgram: try Peer(ELFFixture.staticProgram.make())
        case .tinyShared: try Peer(ELFFixture.tinyShared.make())
        case .writtenGroups: try Peer(ELFFixture.writtenGroups.make())
        }
    }
}

extension FixedWidthInteger {
    var hex: String { String(self, radix: 16) }
}

/// Reads hexadecimal digits, or decimal ones without `0x` if `decimal`.
func number(_ text: Substring, decimal: Bool = false) -> UInt64? {
    if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) }
    return UInt64(text, radix: decimal ? 10 : 16)
}

/// The first lines that differ, `nil` if none do: the whole of two long lists would hide them.
func difference(_ ours: [String], _ theirs: [String]) -> String? {
    for (our, their) in zip(ours, theirs) where our != their { return "ours: \(our)\ntheirs: \(their)" }
    return ours.count == theirs.count ? nil : "\(ours.count) lines, theirs \(theirs.count)"
}
