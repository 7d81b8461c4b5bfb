import ELF
import Findings
import Linux
import LivePatch

// Maps the images of one transaction, while the process runs.
//
// All images share one memory file, made by the process itself so that its mappings carry a telling name. We write
// the linked bytes through /proc/PID/fd, seal the file, and the process maps it: code readable and executable, data
// readable and writable, both private. No page is ever writable and executable, nor made executable after it was
// writable, so processes that forbid either (PR_SET_MDWE, systemd's MemoryDenyWriteExecute) accept it.

/// Puts planned images into a process.
struct ImageInstaller {
    let session: ProcessSession
    let context: PatcherContext

    private enum Map {
        static let privateFixed: UInt64 = 0x02 | 0x10_0000
        static let anonymous: UInt64 = 0x20
        static let populate: UInt64 = 0x8000
        static let readExecute: UInt64 = 5
        static let readWrite: UInt64 = 3
    }

    /// One image linked for its place.
    struct Linked {
        var image: PlannedImage
        var bytes: LinkedImage
        var header: InstalledPatch
    }

    /// Places, links and maps; answers the headers as they stand in the process now.
    func install(_ images: [PlannedImage], transaction: UInt64) throws(PatcherError) -> [InstalledPatch] {
        var headers: [InstalledPatch] = []
        var fresh: [PlannedImage] = []
        for image in images {
            if let again = try reuse(image, transaction) {
                headers.append(again)
            } else {
                fresh.append(image)
            }
        }
        guard !fresh.isEmpty else { return headers }
        for _ in 0..<4 {
            let linked = try link(fresh, transaction, avoiding: headers.map(\.image))
            if try map(linked) { return headers + linked.map(\.header) }
            // Somebody mapped something there meanwhile: look again.
            try session.refreshMappings()
        }
        throw noSpace(fresh[0], "the free ranges were taken meanwhile")
    }

    // MARK: Linking

    private func link(
        _ images: [PlannedImage], _ transaction: UInt64, avoiding: [RemoteRange]
    ) throws(PatcherError) -> [Linked] {
        var taken = avoiding
        var linked: [Linked] = []
        var offset: UInt64 = 0
        for var image in images {
            let span = image.module.image.span ?? image.module.base.rawValue..<image.module.base.rawValue + 1
            let places = ImagePlace.candidates(
                size: image.layout.size, near: span, fixedAddress: image.target.type == .executable,
                session.space, excluding: taken)
            guard let place = places.first else { throw noSpace(image, "no gap is large enough") }
            image.base = place
            image.fileOffset = offset
            offset += image.layout.size
            taken.append(image.range)
            linked.append(try finish(image, transaction))
        }
        return linked
    }

    private func finish(_ image: PlannedImage, _ transaction: UInt64) throws(PatcherError) -> Linked {
        var bytes = try image.link()
        let header = try image.header(transaction: transaction, patcher: context.patcher)
        let encoded = HeaderCoding.encode(header)
        guard encoded.count <= Int(image.layout.headerSize) else {
            throw PatcherError(
                Finding(.processHeader, "the header of \(image.input.patch.name) outgrew its room"))
        }
        bytes.code.replaceSubrange(0..<encoded.count, with: encoded)
        return Linked(image: image, bytes: bytes, header: header)
    }

    private func noSpace(_ image: PlannedImage, _ why: String) -> PatcherError {
        PatcherError(
            Finding(
                .processNoSpace,
                "process \(session.process) has no room for \(image.layout.size) bytes within 2 GiB of"
                    + " \(image.module.shortName): \(why)",
                evidence: [
                    "pid": "\(session.process)", "module": image.module.shortName,
                    "bytes": "\(image.layout.size)",
                ]))
    }

    // MARK: Using an image again

    /// Takes an image of the same patch that is out of use; nil if there is none, or it would come out different.
    private func reuse(_ image: PlannedImage, _ transaction: UInt64) throws(PatcherError) -> InstalledPatch? {
        guard let old = image.reused, old.image.count == image.layout.size else { return nil }
        var again = image
        again.base = old.image.start.rawValue
        let linked = try finish(again, transaction)
        var comparable = linked.header
        comparable.state = old.state
        comparable.patcher = old.patcher
        comparable.transaction = old.transaction
        guard comparable == old else { return nil }
        let header = Int(image.layout.headerSize)
        guard let codeStart = old.image.start.adding(image.layout.headerSize),
            try session.memory.bytes(codeStart, linked.bytes.code.count - header)
                == Array(linked.bytes.code[header...])
        else { return nil }
        // What the unwinder has noted of the image stays: it still stands in the unwinder's list.
        let noted = UInt64(image.layout.registrations.count) * ImageLayout.registrationSize
        if linked.bytes.data.count > Int(noted), let data = old.image.start.adding(image.layout.codeSize + noted) {
            try session.memory.write(Array(linked.bytes.data[Int(noted)...]), at: data)
        }
        // Its journal still says `undone`, which is true until the transaction begins.
        return linked.header
    }

    // MARK: Mapping

    /// Has the process map the images; false if a place was taken meanwhile, in which case nothing is left.
    private func map(_ linked: [Linked]) throws(PatcherError) -> Bool {
        guard let first = linked.first else { return true }
        let name = Array(ImageName.name(first.image.input.patch, first.image.input.digest).utf8) + [0]
        let borrowed = try context.borrow(session)
        let isMapped: Bool
        do {
            isMapped =
                borrowed.isRunning
                ? try mapInPassing(linked, borrowed, name) : try mapStepwise(linked, borrowed, name)
        } catch {
            throw PatcherError(error, session.process)
        }
        if isMapped { for entry in linked { session.installed.append(entry.header) } }
        return isMapped
    }

    /// The calls that map a list of images; a negative descriptor means anonymous memory.
    private static func mappingCalls(_ linked: [Linked], _ fd: Int64) -> [RemoteCall] {
        linked.flatMap { parts($0, fd) }.map { RemoteCall(number: .mmap, arguments: $0.arguments) }
    }

    private static func closing(_ fd: Int64) -> RemoteCall {
        RemoteCall(number: .close, arguments: [UInt64(bitPattern: fd), 0, 0, 0, 0, 0])
    }

    /// MFD_CLOEXEC, MFD_ALLOW_SEALING, and MFD_EXEC, which kernels before 6.3 don't know.
    private static func creating(_ name: RemoteAddress, knowsExec: Bool) -> RemoteCall {
        RemoteCall(number: .memfdCreate, arguments: [name.rawValue, knowsExec ? 0x13 : 0x03, 0, 0, 0, 0])
    }

    /// Has a stopped thread make the calls one by one.
    private func mapStepwise(
        _ linked: [Linked], _ thread: consuming BorrowedThread, _ name: [UInt8], existing: Int64? = nil
    ) throws(SystemError) -> Bool {
        var borrowed = thread
        let memory = session.memory
        var fd = existing ?? 0
        if existing == nil {
            try memory.remote.write(name, at: borrowed.scratch)
            fd = try borrowed.call(Self.creating(borrowed.scratch, knowsExec: true), memory.remote)
            if fd == -22 {
                fd = try borrowed.call(Self.creating(borrowed.scratch, knowsExec: false), memory.remote)
            }
            if fd >= 0 { try fill(Int32(fd), linked) }
        }
        var mapped: [RemoteRange] = []
        var isTaken = false
        for part in linked.flatMap({ Self.parts($0, fd) }) {
            let answer = SystemCallResult(
                Int(try borrowed.call(RemoteCall(number: .mmap, arguments: part.arguments), memory.remote)))
            if answer.rawValue == Int(bitPattern: UInt(part.range.start.rawValue)) {
                mapped.append(part.range)
                continue
            }
            // A kernel before 4.17 takes the address as a wish.
            if !answer.failed {
                mapped.append(
                    RemoteRange(start: RemoteAddress(UInt64(answer.rawValue)), count: part.range.count))
            }
            isTaken = true
            break
        }
        if fd >= 0 { _ = try borrowed.call(Self.closing(fd), memory.remote) }
        if isTaken {
            for range in mapped { _ = try borrowed.call(Self.unmapping(range), memory.remote) }
        } else if fd < 0 {
            try fillAnonymous(linked)
        }
        try borrowed.giveBack()
        return !isTaken
    }

    private static func unmapping(_ range: RemoteRange) -> RemoteCall {
        RemoteCall(number: .munmap, arguments: [range.start.rawValue, range.count, 0, 0, 0, 0])
    }

    private func fillAnonymous(_ linked: [Linked]) throws(SystemError) {
        for entry in linked {
            try session.memory.remote.write(entry.bytes.code, at: RemoteAddress(entry.image.base))
            guard !entry.bytes.data.isEmpty else { continue }
            try session.memory.remote.write(
                entry.bytes.data, at: RemoteAddress(entry.image.base + entry.image.layout.codeSize))
        }
    }

    /// Has a running thread make the calls in passing, in two rounds: the memory file, then the mappings.
    private func mapInPassing(
        _ linked: [Linked], _ thread: consuming BorrowedThread, _ name: [UInt8]
    ) throws(SystemError) -> Bool {
        let memory = session.memory
        let observer = RoundObserver(session: session)
        var first = thread
        let create = Self.creating(first.scratch, knowsExec: true)
        try first.pass([create], argument: name, memory.remote)
        try first.letGo()
        guard let fd = try observer.file(named: String(decoding: name.dropLast(), as: UTF8.self)) else {
            // It can't make memory files, or only without the newest flag: found out step by step.
            return try mapStepwise(linked, try again(), name)
        }
        try fill(Int32(fd), linked)
        var second = try again()
        let calls = Self.mappingCalls(linked, fd) + [Self.closing(fd)]
        guard second.isRunning, calls.count <= 8 else {
            return try mapStepwise(linked, second, name, existing: fd)
        }
        try second.pass(calls, memory.remote)
        try second.letGo()
        guard try observer.waitForClose(fd) else {
            throw SystemError(call: "mmap", errno: .timedOut, object: "process \(session.process)")
        }
        let wanted = linked.flatMap { Self.parts($0, fd).map(\.range) }
        let (there, missing) = try observer.mappings(wanted, name: linked.map { ImageName.prefix + $0.header.name })
        if missing == 0 { return true }
        for range in there { try unmap([range]) }
        return false
    }

    private func again() throws(SystemError) -> BorrowedThread {
        do { return try context.borrow(session) } catch {
            throw SystemError(call: "ptrace", errno: .tryAgain, object: error.finding.message)
        }
    }

    private func unmap(_ ranges: [RemoteRange]) throws(SystemError) {
        var borrowed = try again()
        for range in ranges { _ = try borrowed.call(Self.unmapping(range), session.memory.remote) }
        try borrowed.giveBack()
    }

    private func fill(_ fd: Int32, _ linked: [Linked]) throws(SystemError) {
        let path = "/proc/\(session.alive)/fd/\(fd)"
        let file = try OwnedDescriptor.open(path, .readWrite)
        for entry in linked {
            try Self.write(entry.bytes.code, at: entry.image.fileOffset, file, path)
            try Self.write(entry.bytes.data, at: entry.image.fileOffset + entry.image.layout.codeSize, file, path)
        }
        try file.seal()
    }

    private static func write(
        _ bytes: [UInt8], at offset: UInt64, _ file: borrowing OwnedDescriptor, _ path: String
    ) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            // The slice lies inside the array.
            let result = unsafe bytes.withUnsafeBytes { buffer in
                unsafe file.write(UnsafeRawBufferPointer(rebasing: buffer[done...]), at: offset + UInt64(done))
            }
            let count = try result.check("pwrite", path)
            if count == 0 { throw SystemError(call: "pwrite", errno: .noSpace, object: path) }
            done += count
        }
    }

    private struct Part {
        let range: RemoteRange
        let arguments: [6 of UInt64]
    }

    private static func parts(_ entry: Linked, _ fd: Int64) -> [Part] {
        let (image, layout) = (entry.image, entry.image.layout)
        let flags = fd >= 0 ? Map.privateFixed : Map.privateFixed | Map.anonymous
        let file = UInt64(bitPattern: fd >= 0 ? fd : -1)
        var parts = [
            Part(
                range: image.codeRange,
                arguments: [
                    image.base, layout.codeSize, Map.readExecute, flags | Map.populate, file,
                    fd >= 0 ? image.fileOffset : 0,
                ])
        ]
        if layout.dataSize > 0 {
            let start = image.base + layout.codeSize
            parts.append(
                Part(
                    range: RemoteRange(start: RemoteAddress(start), count: layout.dataSize),
                    arguments: [
                        start, layout.dataSize, Map.readWrite, flags, file,
                        fd >= 0 ? image.fileOffset + layout.codeSize : 0,
                    ]))
        }
        return parts
    }

    // MARK: Taking out

    /// Unmaps images that were never in use.
    func remove(_ images: [InstalledPatch]) throws(PatcherError) {
        guard !images.isEmpty else { return }
        try onProcess(session.process) { () throws(SystemError) in try unmap(images.map(\.image)) }
        session.installed.removeAll { images.contains($0) }
    }
}
