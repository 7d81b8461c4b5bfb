import ELF
import Linux

/// Finds room for an image within reach of its module: a pure function over the mappings.
///
/// Direct jumps reach 2 GiB either way, so the whole image has to lie within that distance of both ends of the
/// module. An executable at a fixed address uses 32-bit absolute addresses, so its image has to lie in the lowest
/// 2 GiB as well. Places below the module come first: the heap grows upwards from the executable, and libraries
/// that are loaded later go below the ones that are there. Stacks grow downwards, and are given room.
enum ImagePlace {
    private static let reach: UInt64 = 0x7fff_0000
    /// Nothing is placed lower: the system's own limit is 64 KiB.
    private static let lowest: UInt64 = 0x10_0000
    private static let highest: UInt64 = 0x7fff_ffff_0000
    /// Room left above a heap and below a stack, in bytes.
    private static let growth: UInt64 = 256 << 20
    /// Room left to other neighbours.
    private static let margin: UInt64 = 64 << 10

    /// Places for `size` bytes, the best first.
    static func candidates(
        size: UInt64, near module: Range<UInt64>, fixedAddress: Bool, _ space: AddressSpace,
        excluding: [RemoteRange]
    ) -> [UInt64] {
        guard size < reach else { return [] }
        let low = max(lowest, module.upperBound > reach ? module.upperBound - reach : 0)
        var high = min(highest, module.lowerBound.addingReportingOverflow(reach).partialValue)
        if fixedAddress { high = min(high, reach) }
        guard low < high else { return [] }
        var below: [UInt64] = []
        var above: [UInt64] = []
        for gap in gaps(space, excluding) {
            for keep in [gap.roomy, gap.whole] {
                let start = max(keep.lowerBound, low)
                let end = min(keep.upperBound, high)
                guard end > start, end - start >= size else { continue }
                if end <= module.lowerBound {
                    below.append((end - size) & ~(ImageLayout.page - 1))
                } else {
                    above.append(ImageLayout.align(start, ImageLayout.page))
                }
            }
        }
        let fitting = { (at: UInt64) in at >= low && at + size <= high }
        return (below.filter(fitting).sorted(by: >).prefix(8) + above.filter(fitting).sorted().prefix(8)).map { $0 }
    }

    private struct Gap {
        /// All of it.
        let whole: Range<UInt64>
        /// What is left if the neighbours may grow.
        let roomy: Range<UInt64>
    }

    private static func gaps(_ space: AddressSpace, _ excluding: [RemoteRange]) -> [Gap] {
        var taken = space.mappings.map { ($0.area.start.rawValue, $0.area.end.rawValue, $0.name) }
        taken += excluding.map { ($0.start.rawValue, $0.end?.rawValue ?? .max, "") }
        taken.sort { $0.0 < $1.0 }
        var gaps: [Gap] = []
        var end: UInt64 = 0
        var below = ""
        for (start, stop, name) in taken + [(highest, highest, "")] {
            if start > end {
                let low = min(end + (below == "[heap]" ? growth : margin), start)
                let top = start - min(name == "[stack]" ? growth : margin, start - low)
                gaps.append(Gap(whole: end..<start, roomy: low..<max(low, top)))
            }
            if stop > end {
                end = stop
                below = name
            }
        }
        return gaps
    }
}
