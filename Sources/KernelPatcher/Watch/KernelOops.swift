public import Findings

// Errors that the kernel reports in its log, and whether a live patch had a part in them.
//
//     [  12.3] BUG: kernel NULL pointer dereference, address: 0000000000000000
//     [  12.3] RIP: 0010:cmdline_proc_show+0x5/0x20 [tsugite_CVE_2026_1]
//     [  12.3] Call Trace:
//     [  12.3]  seq_read_iter+0x11a/0x4b0
//     [  12.3] ---[ end trace 0000000000000000 ]---
//
// The kernel marks each function of a module with the module's name in brackets. An error whose instruction or call
// trace has a function of a live patch is tied to that patch. The line `Modules linked in:` names every module there
// is, so it isn't looked at.

/// One error that the kernel reported.
public struct KernelOops: Sendable, Equatable, Codable {
    /// The first line, without time: what happened.
    public var what: String
    /// Functions of live patches in its instruction and call trace, `function+0x5/0x20 [module]`.
    public var frames: [String]
    /// The modules of those live patches.
    public var modules: [String]

    /// The finding.
    public var finding: Finding {
        var finding = Finding(
            .kernelOops, "the kernel reported an error in code of \(modules.joined(separator: ", ")): \(what)",
            evidence: ["what": what], remedy: modules.first.map { "tsugite undo \($0)" })
        for frame in frames.prefix(6) { finding.evidence.append(Finding.Evidence("trace", frame)) }
        return finding
    }

    /// All errors of a log in which live patches of Tsugite had a part.
    /// - Parameter log: lines as dmesg(1), `/dev/kmsg` or pstore have them.
    public static func find(in log: String) -> [KernelOops] {
        var found: [KernelOops] = []
        var open: KernelOops?
        func close() {
            if let oops = open, !oops.modules.isEmpty { found.append(oops) }
            open = nil
        }
        for line in log.split(whereSeparator: \.isNewline) {
            let text = message(line)
            if isStart(text) {
                // A second headline belongs to the same error: "BUG: ...", then "Oops: 0000 [#1]".
                if !(open?.modules.isEmpty ?? true) || text.hasPrefix("WARNING:") { close() }
                if open == nil { open = KernelOops(what: String(text), frames: [], modules: []) }
            }
            if let module = enabled(text) {
                // What came before was in another patch of that name.
                close()
                found.removeAll { $0.modules.first == module }
                continue
            }
            if text.hasPrefix("---[ end trace") {
                close()
                continue
            }
            guard open != nil, !text.hasPrefix("Modules linked in:"), let module = module(of: text) else {
                continue
            }
            open?.frames.append(String(text.drop { $0 == " " }))
            if !(open?.modules.contains(module) ?? true) { open?.modules.append(module) }
        }
        close()
        return found
    }

    /// Whether a log has the beginning of an error at all.
    static func mayBe(in log: String) -> Bool {
        log.split(whereSeparator: \.isNewline).contains { isStart(message($0)) }
    }

    /// The module of `livepatch: enabling patch 'NAME'`.
    private static func enabled(_ text: Substring) -> String? {
        let start = "livepatch: enabling patch '"
        guard text.hasPrefix(start) else { return nil }
        return String(text.dropFirst(start.count).prefix { $0 != "'" })
    }

    private static let starts = [
        "BUG:", "WARNING:", "Oops:", "general protection fault", "kernel BUG at", "Kernel panic", "invalid opcode:",
        "stack segment:", "double fault:", "refcount_t:", "Unable to handle kernel", "watchdog: BUG:",
        "divide error:",
    ]

    private static func isStart(_ text: Substring) -> Bool { starts.contains(where: text.hasPrefix) }

    /// A line without what stands before the message: `<4>[   12.345678] `, or `4,123,12345,-;`.
    private static func message(_ line: Substring) -> Substring {
        var text = line
        if text.first == "<", let end = text.firstIndex(of: ">") { text = text[text.index(after: end)...] }
        if let semicolon = text.firstIndex(of: ";"),
            text[..<semicolon].allSatisfy({ $0.isNumber || $0 == "," || $0 == "-" || $0 == "c" })
        {
            text = text[text.index(after: semicolon)...]
        }
        if text.first == "[", let end = text.firstIndex(of: "]") {
            let inside = text[text.index(after: text.startIndex)..<end]
            if inside.allSatisfy({ $0.isNumber || $0 == "." || $0 == " " || $0 == "T" || $0 == "C" }) {
                text = text[text.index(after: end)...]
                if text.first == " " { text = text.dropFirst() }
            }
        }
        return text
    }

    /// The module of a line such as ` show+0x5/0x20 [tsugite_x]`, if it is a live patch's by its name: one of ours, or one
    /// that klp-build made.
    private static func module(of text: Substring) -> String? {
        guard text.contains("+0x"), let open = text.range(of: "[tsugite_") ?? text.range(of: "[livepatch_") else {
            return nil
        }
        let start = text.index(after: open)
        return String(text[start...].prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
    }
}

extension Substring {
    /// The position of a text; the standard library's `firstRange(of:)` answers a range.
    fileprivate func range(of other: String) -> Index? { firstRange(of: other)?.lowerBound }
}
