package import ELF

/// How far the shipped binary was shown to be what was rebuilt here.
package struct TargetProof: Sendable, Equatable, Codable {
    /// Three degrees, surest first.
    package enum Tier: String, Sendable, Codable {
        /// Same GNU build-id, and the loaded bytes agree.
        case sameBuildID = "same-build-id"
        /// Another build-id, but everything that is loaded is equal to the byte.
        case sameImage = "same-image"
        /// Compared function by function; addresses differ.
        case functions = "function-by-function"
    }

    /// The degree.
    package var tier: Tier
    /// Functions of the rebuilt file.
    package var functions: Int
    /// How many of them are equal in the shipped file.
    package var identical: Int
    /// First place where the loaded bytes differ, for the lowest tier.
    package var firstDifference: UInt64?

    /// Share of equal functions, 0 to 1.
    package var share: Double { functions == 0 ? 1 : Double(identical) / Double(functions) }
}

/// A shipped binary with the proof, and the way from rebuilt addresses to shipped ones.
package struct ProvenTarget: Sendable {
    /// The binary that runs on machines.
    package var shipped: ELFFile
    /// Its counterpart that was built here, with symbols.
    package var rebuilt: ELFFile
    /// The degree of proof.
    package var proof: TargetProof
    /// For the lowest tier, where things are in the shipped file.
    package var layout: ShippedLayout?

    /// Link-time address in the shipped file of what is at `address` in the rebuilt one; nil if not known.
    package func translate(_ address: UInt64) -> UInt64? {
        guard let layout else { return address }
        return layout.translate(address)
    }

    /// Why the function at a rebuilt address isn't the shipped one; nil if it is.
    package func mismatch(ofFunctionAt address: UInt64) -> CodeMismatch? { layout?.mismatches[address] }
}

extension ProvenTarget {
    /// Compares; pure.
    /// - Throws: if one of the files is malformed.
    package init(shipped: ELFFile, rebuilt: ELFFile) throws(ELFError) {
        self.shipped = shipped
        self.rebuilt = rebuilt
        let map = try LinkMap(rebuilt)
        let count = map.functions().count
        let difference = try ImageComparison(shipped, rebuilt).firstDifference()
        guard let difference else {
            let (first, second) = (try shipped.buildID(), try rebuilt.buildID())
            let tier = first != nil && first == second ? TargetProof.Tier.sameBuildID : .sameImage
            proof = TargetProof(tier: tier, functions: count, identical: count)
            return
        }
        var search = try ShippedLayoutSearch(shipped: shipped, rebuilt: rebuilt, map: map)
        let found = search.run()
        layout = found
        proof = TargetProof(
            tier: .functions, functions: found.functionCount, identical: found.identical,
            firstDifference: difference)
    }
}

/// Whether two linked files load the same bytes.
///
/// Left out: the build-id itself (it is a digest over parts that aren't loaded too), and the fields of the
/// file header that say where the section table is (stripping moves it), and the folders in which the loader looks
/// for needed libraries.
struct ImageComparison {
    private let one: ELFFile
    private let other: ELFFile
    private let ignored: [Range<UInt64>]

    init(_ one: ELFFile, _ other: ELFFile) throws(ELFError) {
        self.one = one
        self.other = other
        var ignored: [Range<UInt64>] = []
        if let first = one.segments.first(where: { $0.type == .load && $0.offset == 0 }) {
            // e_shoff, and e_shentsize to e_shstrndx (gABI, file header).
            for field: Range<UInt64> in [0x28..<0x30, 0x3a..<0x40] {
                ignored.append(Range(from: first.address &+ field.lowerBound, count: field.length))
            }
        }
        for segment in one.segments where segment.type == .note {
            let notes = try one.bytes.slice(segment.offset, segment.fileSize, "note segment")
            if let place = Self.buildIDPlace(notes) {
                ignored.append(
                    Range(from: segment.address &+ UInt64(place.lowerBound), count: UInt64(place.count)))
            }
        }
        self.ignored = ignored + Self.runPaths(one, other)
    }

    /// Where the folders for needed libraries stand, if the two files differ in nothing else of the dynamic section.
    ///
    /// CMake and chrpath(1) take the build folder out of a linked file when they install it.
    private static func runPaths(_ one: ELFFile, _ other: ELFFile) -> [Range<UInt64>] {
        let paths: Set<DynamicTag> = [.runpath, .rpath]
        guard let first = try? one.dynamicSection(), let second = try? other.dynamicSection(),
            first.runpath != second.runpath,
            first.entries.filter({ !paths.contains($0.tag) }) == second.entries.filter({ !paths.contains($0.tag) }),
            let segment = one.segments.first(where: { $0.type == .dynamic })
        else { return [] }
        var ranges = [Range(from: segment.address, count: segment.memorySize)]
        for section in [first, second] {
            guard let path = section.runpath, let table = section[.strtab],
                let offset = section.entries.first(where: { paths.contains($0.tag) })?.value
            else { continue }
            ranges.append(Range(from: table &+ offset, count: UInt64(path.utf8.count)))
        }
        return ranges
    }

    /// Where the descriptor of the build-id note stands: behind its 16 bytes of header and name.
    private static func buildIDPlace(_ notes: ByteView) -> Range<Int>? {
        let bytes = notes.bytes
        let header: [UInt8] = [3, 0, 0, 0, 0x47, 0x4e, 0x55, 0]
        var at = 0
        while at + 16 <= bytes.count {
            if bytes[at] == 4, Array(bytes[at + 8..<at + 16]) == header {
                let size = min(Int(bytes[at + 4]), bytes.count - at - 16)
                return at + 16..<at + 16 + size
            }
            at += 4
        }
        return nil
    }

    /// Address of the first byte that differs; nil if none does.
    func firstDifference() throws(ELFError) -> UInt64? {
        let (first, second) = (loads(one), loads(other))
        for (left, right) in zip(first, second) {
            guard left.address == right.address, left.flags == right.flags else {
                return min(left.address, right.address)
            }
            if let difference = try firstDifference(left, right) { return difference }
            guard left.memorySize == right.memorySize else { return left.address &+ left.fileSize }
        }
        return first.count == second.count ? nil : first.first?.address ?? 0
    }

    private func loads(_ file: ELFFile) -> [Segment] { file.segments.filter { $0.type == .load } }

    private func firstDifference(_ left: Segment, _ right: Segment) throws(ELFError) -> UInt64? {
        let block: UInt64 = 4096
        let size = min(left.fileSize, right.fileSize)
        let (from, to) = (
            try one.bytes.slice(left.offset, left.fileSize, "segment"),
            try other.bytes.slice(right.offset, right.fileSize, "segment")
        )
        for start in stride(from: 0, to: size, by: Int(block)) as StrideTo<UInt64> {
            let count = min(block, size - start)
            let (a, b) = (try from.slice(start, count, "block").bytes, try to.slice(start, count, "block").bytes)
            guard a != b else { continue }
            for offset in a.indices where a[offset] != b[offset] {
                let address = left.address &+ start &+ UInt64(offset)
                if !ignored.contains(where: { $0.contains(address) }) { return address }
            }
        }
        return left.fileSize == right.fileSize ? nil : left.address &+ size
    }
}
