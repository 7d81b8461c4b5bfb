import ELF
import Findings
import Linux

/// Says what it means that other bytes than expected stand in a function.
enum BytesFinding {
    /// At a trampoline's place.
    static func make(_ site: SiteWrite, found: [UInt8], _ session: ProcessSession) -> Finding {
        make(
            function: site.function, start: site.address, expected: site.expected, found: found, from: site.address,
            session)
    }

    /// Anywhere in a function.
    ///
    /// - Parameters:
    ///   - start: the function's entry.
    ///   - from: where `expected` and `found` start.
    static func make(
        function: String, start: RemoteAddress, expected: [UInt8], found: [UInt8], from: RemoteAddress,
        _ session: ProcessSession
    ) -> Finding {
        let difference = zip(expected, found).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        let offset = from.rawValue &- start.rawValue &+ UInt64(difference)
        let at = from.rawValue &+ UInt64(difference)
        let byte = found.indices.contains(difference) ? found[difference] : 0
        var evidence = [
            Finding.Evidence("pid", "\(session.process)"), .init("function", function),
            .init("offset", "0x" + String(offset, radix: 16)), .init("address", "\(RemoteAddress(at))"),
            .init("expected", hex(expected[difference...])), .init("found", hex(found.dropFirst(difference))),
        ]
        let place = "\(function)+0x\(String(offset, radix: 16)) in process \(session.process)"
        var finding: Finding
        if byte == 0xcc {
            finding = Finding(.processBreakpoint, "a breakpoint stands at \(place)")
        } else if let target = JumpEncoding.destination(of: found.dropFirst(difference), at: at) {
            finding = Finding(.processOtherPatcher, "\(place) was redirected to \(RemoteAddress(target))")
            let owner = session.installed.first { $0.code.contains(RemoteAddress(target)) }
            let mapping = session.space.mapping(at: RemoteAddress(target))?.name ?? "unmapped"
            evidence.append(.init("jump to", owner.map { "patch \($0.name)" } ?? mapping))
        } else {
            finding = Finding(.processMismatch, "\(place) isn't the code that the patch was made for")
        }
        finding.evidence = evidence
        return finding
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
