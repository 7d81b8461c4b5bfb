import Linux
import Testing

@Suite struct `Files` {
    @Test func `replaces a file as a whole and leaves nothing beside it`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.path + "/state"
        try FileSystem.replace(path, with: "old")
        try FileSystem.replace(path, with: "new")
        #expect(try FileSystem.readText(path) == "new")
        #expect(try Directory.entries(of: folder.path).map(\.name) == ["state"])
    }

    @Test func `refuses to read more than the limit`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.path + "/large"
        try FileSystem.replace(path, with: [UInt8](repeating: 1, count: 100))
        #expect(try FileSystem.read(path, limit: 100).count == 100)
        #expect(throws: SystemError(call: "read", errno: .fileTooLarge, object: path)) {
            try FileSystem.read(path, limit: 99)
        }
        // A device has no size, and no end.
        #expect(throws: SystemError(call: "read", errno: .fileTooLarge, object: "/dev/zero")) {
            try FileSystem.read("/dev/zero", limit: 1 << 20)
        }
    }

    @Test func `removes a tree without following links out of it`() throws {
        let folder = try TemporaryDirectory()
        let (outside, inside) = (folder.path + "/outside", folder.path + "/inside")
        try FileSystem.makeDirectory(outside)
        try FileSystem.replace(outside + "/precious", with: "x")
        try FileSystem.makeDirectory(inside + "/a/b/c")
        let link = try Command("ln", ["-s", outside, inside + "/a/link"]).run()
        #expect(link.succeeded)
        try Directory.removeTree(inside)
        #expect(!FileFacts.exists(inside))
        #expect(FileFacts.exists(outside + "/precious"))
        try Directory.removeTree(inside)
    }

    @Test func `a temporary directory goes with its value unless kept`() throws {
        func make(keeping: Bool) throws -> String {
            let folder = try TemporaryDirectory()
            #expect(try FileFacts.of(folder.path).mode & 0o777 == 0o700)
            return keeping ? folder.keep() : folder.path
        }
        #expect(try !FileFacts.exists(make(keeping: false)))
        let kept = try make(keeping: true)
        #expect(FileFacts.exists(kept))
        try Directory.removeTree(kept)
    }

    @Test func `a lock names its holder and ends with its value`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.path + "/lock"
        func isHeld() throws -> String? {
            switch try LockFile.take(path, as: "second") {
            case .taken: nil
            case .held(let holder): holder
            }
        }
        do {
            let first = try LockFile.take(path, as: "apply")
            let holder = try #require(try isHeld())
            #expect(holder == "apply (process \(ProcessID.current))")
            _ = consume first
        }
        #expect(try isHeld() == nil)
    }

    @Test func `makes missing directories, and refuses one over a file`() throws {
        let folder = try TemporaryDirectory()
        try FileSystem.makeDirectory(folder.path + "/a/b/c")
        try FileSystem.makeDirectory(folder.path + "/a/b/c")
        try FileSystem.replace(folder.path + "/a/f", with: "")
        #expect(throws: SystemError.self) { try FileSystem.makeDirectory(folder.path + "/a/f") }
        #expect(throws: SystemError.self) { try FileSystem.makeDirectory(folder.path + "/a/f/g") }
        #expect(try FileSystem.freeBytes(at: folder.path) > 0)
    }

    @Test func `a path with a zero byte is refused, not cut`() {
        #expect(throws: SystemError(call: "openat", errno: .invalidArgument, object: "/etc\0/x")) {
            _ = try OwnedDescriptor.open("/etc\0/x")
        }
    }

    @Test func `descriptors are closed when their values go`() throws {
        func reader() throws -> OwnedDescriptor {
            let pipe = try OwnedDescriptor.pipe()
            try pipe.writing.writeAll([7], name: "pipe")
            return pipe.keepingReader()
        }
        // The end of file comes only if the writing end was closed.
        let reading = try reader()
        var bytes: [UInt8] = []
        #expect(try reading.readAll(into: &bytes, limit: 10, name: "pipe") == 1)
        #expect(bytes.first == 7)
    }
}
