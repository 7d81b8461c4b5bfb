import ELF

/// Reads the units of `.debug_info` one after the other.
struct DebugUnitReader {
    private let info: [UInt8]
    private let abbreviations: [UInt8]
    private var at = 0
    private var entries: [DebugEntries.Entry] = []
    /// Start of the unit: what short references count from.
    private var unit = 0

    /// How entries of one kind are written.
    private struct Abbreviation {
        var tag: UInt64
        var hasChildren: Bool
        var attributes: [(name: UInt64, form: UInt64, constant: Int64)]
    }

    init(info: [UInt8], abbreviations: [UInt8]) {
        self.info = info
        self.abbreviations = abbreviations
    }

    mutating func read() throws(ELFError) -> [DebugEntries.Entry] {
        while at + 11 <= info.count { try readUnit() }
        return entries
    }

    private func damaged(_ what: String) -> ELFError {
        ELFError(.inconsistent, at: UInt64(at), "debug information: \(what)")
    }

    private mutating func readUnit() throws(ELFError) {
        unit = at
        let length = try Int(fixed(4))
        guard length < 0xffff_fff0, length <= info.count - at else { throw damaged("length of a unit") }
        let end = at + length
        let version = try fixed(2)
        let table: Int
        switch version {
        case 2...4:
            table = try Int(fixed(4))
            _ = try fixed(1)
        case 5:
            // Only whole units; skeletons and type units have no layout of their own here.
            guard try fixed(1) == 1 else {
                at = end
                return
            }
            _ = try fixed(1)
            table = try Int(fixed(4))
        default: throw damaged("version \(version)")
        }
        let known = try readAbbreviations(table)
        var parents = [-1]
        while at < end {
            let offset = at
            let code = try unsigned()
            if code == 0 {
                if parents.count > 1 { parents.removeLast() }
                continue
            }
            guard let abbreviation = known[code] else { throw damaged("abbreviation \(code)") }
            var entry = DebugEntries.Entry(offset: offset, tag: abbreviation.tag, parent: parents.last ?? -1)
            for attribute in abbreviation.attributes { try read(attribute, into: &entry) }
            entries.append(entry)
            if abbreviation.hasChildren { parents.append(entries.count - 1) }
        }
        at = end
    }

    private func readAbbreviations(_ start: Int) throws(ELFError) -> [UInt64: Abbreviation] {
        var cursor = DebugUnitReader(info: abbreviations, abbreviations: [])
        cursor.at = start
        var known: [UInt64: Abbreviation] = [:]
        while cursor.at < abbreviations.count {
            let code = try cursor.unsigned()
            if code == 0 { break }
            var found = Abbreviation(
                tag: try cursor.unsigned(), hasChildren: try cursor.fixed(1) != 0, attributes: [])
            while true {
                let (name, form) = (try cursor.unsigned(), try cursor.unsigned())
                let constant = form == 0x21 ? try cursor.signed() : 0
                if name == 0, form == 0 { break }
                found.attributes.append((name, form, constant))
            }
            known[code] = found
        }
        return known
    }

    // MARK: - attributes

    private enum Value {
        case number(Int64)
        case reference(Int)
        case text(DebugEntries.TextPlace)
        case block(Range<Int>)
        case nothing
    }

    private mutating func read(
        _ attribute: (name: UInt64, form: UInt64, constant: Int64), into entry: inout DebugEntries.Entry
    ) throws(ELFError) {
        let value = try self.value(attribute.form, attribute.constant)
        var number: Int64?
        if case .number(let found) = value { number = found }
        let small = number.flatMap { Int(exactly: $0) }
        switch attribute.name {
        case 0x03: if case .text(let place) = value { entry.name = place }
        case 0x0b: entry.size = small
        case 0x0c: entry.bitOffset = entry.bitOffset ?? small.map { -1 - $0 }
        case 0x0d: entry.bitSize = small
        case 0x11: entry.hasStaticPlace = true
        case 0x1c: entry.constant = number
        case 0x20: entry.isInline = (small ?? 0) & 1 != 0 || small == 2 || small == 3
        case 0x2f: entry.count = small.map { $0.addingReportingOverflow(1).partialValue }
        case 0x37: entry.count = small
        case 0x31, 0x47: if case .reference(let offset) = value { entry.origin = offset }
        case 0x38: entry.location = small ?? constantOfBlock(value)
        case 0x4d: entry.location = small ?? constantOfBlock(value)
        case 0x4c: entry.isVirtual = (small ?? 0) != 0
        case 0x3c: entry.isDeclaration = (small ?? 0) != 0
        case 0x3e: entry.encoding = small
        case 0x3f: entry.isExternal = (small ?? 0) != 0
        case 0x49: if case .reference(let offset) = value { entry.type = offset }
        case 0x6b: entry.bitOffset = small
        // DW_OP_addr in front: a variable at a fixed place.
        case 0x02:
            if case .block(let range) = value, !range.isEmpty,
                info[range.lowerBound] == 0x03 || isThreadLocal(range)
            {
                entry.hasStaticPlace = true
            }
        default: break
        }
    }

    /// `DW_OP_const8u offset; DW_OP_GNU_push_tls_address` and the standard's own operator.
    private func isThreadLocal(_ range: Range<Int>) -> Bool {
        guard let last = range.last else { return false }
        return info[last] == 0xe0 || info[last] == 0x9b
    }

    /// The number in `DW_OP_plus_uconst N` or `DW_OP_constu N`; nil for anything that must be computed.
    private func constantOfBlock(_ value: Value) -> Int? {
        guard case .block(let range) = value, let first = range.first, [0x23, 0x10].contains(info[first]) else {
            return nil
        }
        var cursor = self
        cursor.at = first + 1
        return (try? cursor.unsigned()).flatMap { Int(exactly: $0) }
    }

    private mutating func value(_ form: UInt64, _ constant: Int64) throws(ELFError) -> Value {
        switch form {
        case 0x01, 0x07: return .number(Int64(bitPattern: try fixed(8)))
        case 0x0b, 0x0c: return .number(Int64(try fixed(1)))
        case 0x05: return .number(Int64(try fixed(2)))
        case 0x06: return .number(Int64(try fixed(4)))
        case 0x17:
            _ = try fixed(4)
            return .nothing
        case 0x0d: return .number(try signed())
        case 0x0f: return .number(Int64(bitPattern: try unsigned()))
        case 0x19: return .number(1)
        case 0x21: return .number(constant)
        case 0x08: return try inlineText()
        case 0x0e: return .text(.init(section: .strings, offset: try Int(fixed(4))))
        case 0x1f: return .text(.init(section: .lineStrings, offset: try Int(fixed(4))))
        case 0x10: return .reference(try Int(fixed(4)))
        case 0x11: return .reference(unit + (try Int(fixed(1))))
        case 0x12: return .reference(unit + (try Int(fixed(2))))
        case 0x13: return .reference(unit + (try Int(fixed(4))))
        case 0x14: return .reference(unit + (try Int(clamping: fixed(8) & 0xffff_ffff)))
        case 0x15: return .reference(unit + (try Int(clamping: unsigned() & 0xffff_ffff)))
        case 0x0a: return .block(try block(try Int(fixed(1))))
        case 0x03: return .block(try block(try Int(fixed(2))))
        case 0x04: return .block(try block(try Int(fixed(4))))
        case 0x09, 0x18: return .block(try block(try Int(clamping: unsigned())))
        case 0x1e: return .block(try block(16))
        case 0x20:
            _ = try fixed(8)
            return .nothing
        case 0x16: return try value(try unsigned(), 0)
        default: throw damaged("form \(form)")
        }
    }

    private mutating func inlineText() throws(ELFError) -> Value {
        let start = at
        guard at < info.count, let end = info[at...].firstIndex(of: 0) else { throw damaged("an endless text") }
        at = end + 1
        return .text(.init(section: .info, offset: start))
    }

    private mutating func block(_ count: Int) throws(ELFError) -> Range<Int> {
        guard count >= 0, count <= info.count - at else { throw damaged("a block of \(count) bytes") }
        at += count
        return at - count..<at
    }

    // MARK: - numbers

    private mutating func fixed(_ width: Int) throws(ELFError) -> UInt64 {
        guard width <= info.count - at else { throw damaged("cut off") }
        var value: UInt64 = 0
        for byte in 0..<width { value |= UInt64(info[at + byte]) << UInt64(8 * byte) }
        at += width
        return value
    }

    /// ULEB128.
    private mutating func unsigned() throws(ELFError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < info.count {
            let byte = info[at]
            at += 1
            if shift < 64 { value |= UInt64(byte & 0x7f) << shift }
            shift += 7
            if byte & 0x80 == 0 { return value }
        }
        throw damaged("cut off in a number")
    }

    /// SLEB128.
    private mutating func signed() throws(ELFError) -> Int64 {
        let start = at
        var value = Int64(bitPattern: try unsigned())
        let bits = UInt64(7 * (at - start))
        if bits < 64, info[at - 1] & 0x40 != 0 { value |= -1 << Int64(bits) }
        return value
    }
}
