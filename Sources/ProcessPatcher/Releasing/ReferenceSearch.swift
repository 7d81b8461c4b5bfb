import Linux

// Looks through memory for words that may lead into an image: addresses as they are, and those that the C library
// hides. Like a conservative collector of garbage it takes every aligned word for an address, so it may find what is
// none, and then the image stays; what it can't read counts as found.

/// A search of a process's memory, with its buffer.
@safe
struct ReferenceSearch: ~Copyable {
    /// What a search came to.
    enum Result: Equatable {
        /// Nothing leads there.
        case nothing
        /// The word at this address may.
        case found(RemoteAddress)
        /// This part can't be read.
        case unreadable(RemoteRange)
    }

    private let image: RemoteRange
    /// The guards of all threads' C libraries.
    private let masks: [UInt64]
    private let room: PopulatedMemory
    private static let size = 256 << 10

    init(_ image: RemoteRange, masks: [UInt64], of process: ProcessID) throws(PatcherError) {
        self.image = image
        self.masks = masks
        room = try onProcess(process) { () throws(SystemError) in try PopulatedMemory(count: Self.size) }
    }

    /// Whether a word may lead into the image.
    @inline(__always)
    func isReference(_ word: UInt64) -> Bool {
        if word &- image.start.rawValue < image.count { return true }
        for mask in masks
        where PointerMangling.revealed(word, mask) &- image.start.rawValue < image.count { return true }
        return false
    }

    /// Searches ranges, which begin at multiples of eight; the image itself is passed over.
    func search(_ ranges: [RemoteRange], _ memory: ProcessMemory) -> Result {
        for range in ranges {
            var at = range.start.rawValue
            let end = at &+ range.count
            while at < end {
                let wanted = Int(min(end - at, UInt64(Self.size)))
                // Sound: the part lies inside the buffer.
                let answer = unsafe memory.remote.read(
                    at: RemoteAddress(at), into: UnsafeMutableRawBufferPointer(rebasing: room.bytes[..<wanted]))
                guard !answer.failed, answer.rawValue > 0 else {
                    return .unreadable(RemoteRange(start: RemoteAddress(at), count: end - at))
                }
                let count = answer.rawValue / 8
                guard count > 0 else { break }
                if let index = first(count) { return .found(RemoteAddress(at + UInt64(index) * 8)) }
                at += UInt64(count) * 8
            }
        }
        return .nothing
    }

    /// The first reference among the words that were read.
    private func first(_ count: Int) -> Int? {
        for index in 0..<count {
            // Sound: the words lie inside the buffer, which is aligned.
            if unsafe isReference(room.bytes.load(fromByteOffset: index * 8, as: UInt64.self)) { return index }
        }
        return nil
    }
}
