import Linux

/// The kernel's log: `/dev/kmsg` for this boot, pstore for what the last one left behind.
public enum KernelLog {
    private static let limit = 8 << 20

    /// Everything that the kernel still remembers of this boot; empty if it may not be read.
    static func text() -> String {
        guard let file = try? OwnedDescriptor.open("/dev/kmsg", [.readOnly, .nonBlocking]) else { return "" }
        // One read gives one record; EAGAIN means the end, EPIPE that records were overwritten meanwhile.
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var all: [UInt8] = []
        var skipped = 0
        while all.count < limit, skipped < 1000 {
            do throws(SystemError) {
                let count = try file.readSome(into: &buffer, name: "/dev/kmsg")
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

    /// The last line of the log that names a module, for the evidence of a refusal.
    static func lastWords(about module: String) -> String {
        let lines = text().split(separator: "\n").filter { $0.contains(module) && $0.contains(";") }
        guard let last = lines.last, let start = last.firstIndex(of: ";") else { return "nothing" }
        return String(last[last.index(after: start)...].prefix(200))
    }
}
