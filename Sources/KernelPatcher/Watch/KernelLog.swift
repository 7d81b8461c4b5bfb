import Glibc
import Linux

/// The kernel's log: `/dev/kmsg` for this boot, pstore for what the last one left behind.
public enum KernelLog {
    private static let limit = 8 << 20
    fileprivate static let path = "/dev/kmsg"

    /// Everything that the kernel still remembers of this boot; empty if it may not be read.
    static func text() -> String {
        guard let file = try? OwnedDescriptor.open(path, [.readOnly, .nonBlocking]) else { return "" }
        return text(file)
    }

    /// What is still unread.
    fileprivate static func text(_ file: borrowing OwnedDescriptor) -> String {
        // One read gives one record; EAGAIN means the end, EPIPE that records were overwritten meanwhile.
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var all: [UInt8] = []
        var skipped = 0
        while all.count < limit, skipped < 1000 {
            do throws(SystemError) {
                let count = try file.readSome(into: &buffer, name: path)
                if count == 0 { break }
                all += buffer[..<count]
            } catch {
                guard error.errno.name == "EPIPE" else { break }
                skipped += 1
            }
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// Errors of this boot with a live patch in their trace.
    public static func oopses() -> [KernelOops] { KernelOops.find(in: text()) }

    /// Errors with a live patch in their trace among what firmware or memory kept of earlier boots.
    public static func pastOopses(_ folder: String = "/sys/fs/pstore") -> [KernelOops] {
        guard let entries = try? Directory.entries(of: folder) else { return [] }
        // The newest part of a log comes first, and an error may be cut in two; each part is looked at by itself.
        return entries.map(\.name).filter { $0.hasPrefix("dmesg-") }.sorted().flatMap { name -> [KernelOops] in
            guard let text = try? FileSystem.readText("\(folder)/\(name)", limit: limit) else { return [] }
            return KernelOops.find(in: text)
        }
    }
}

/// A place in the kernel's log: what is said from here on can be read later.
struct KernelLogMark: ~Copyable {
    private let file: OwnedDescriptor?

    /// The end as it is now.
    init() {
        guard let opened = try? OwnedDescriptor.open(KernelLog.path, [.readOnly, .nonBlocking]) else {
            file = nil
            return
        }
        // Behind the last record (Documentation/ABI/testing/dev-kmsg); if that fails, more is read than is needed.
        _ = lseek(opened.rawValue, 0, SEEK_END)
        file = consume opened
    }

    /// The messages since, without what stands before them; the last ones, if there are many.
    func messages(_ limit: Int = 4) -> [String] {
        switch file {
        case .some(let file): Self.messages(in: KernelLog.text(file), limit)
        case .none: []
        }
    }

    /// The messages of records such as `6,1234,5678901,-;livepatch: enabling patch 'tsugite_a'`.
    static func messages(in records: String, _ limit: Int = 4) -> [String] {
        let lines = records.split(separator: "\n").compactMap { (line: Substring) -> String? in
            // What follows a record, indented, are its fields.
            guard line.first != " ", let start = line.firstIndex(of: ";") else { return nil }
            return String(line[line.index(after: start)...].prefix(200))
        }
        return lines.suffix(limit)
    }
}
