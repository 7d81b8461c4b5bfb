/// A file's text under edit: each line knows where in the original it stood, if it is untouched.
struct TrackedText: Equatable, Sendable {
    /// One line.
    struct Line: Equatable, Sendable {
        /// Bytes with terminator.
        var text: ArraySlice<UInt8>
        /// Index in the original, from 0; nil for a line that a diff added.
        var origin: Int?
    }

    /// The lines as they are now.
    var lines: [Line]

    /// An untouched text.
    init(_ original: SourceLines) {
        lines = original.lines.enumerated().map { Line(text: $0.element, origin: $0.offset) }
    }

    /// The text without tracks.
    var source: SourceLines { SourceLines(lines: lines.map(\.text)) }

    /// Gives lines that ended up as they were their origin back.
    ///
    /// One diff may take away what the next one restores, and a hunk may remove and add the same line.
    /// Between two untouched lines, equal lines at both ends are untouched.
    mutating func settle(against original: SourceLines) {
        var settled: [Line] = []
        settled.reserveCapacity(lines.count)
        var gap: [Line] = []
        var next = 0
        for line in lines {
            guard let origin = line.origin, origin >= next else {
                gap.append(Line(text: line.text, origin: nil))
                continue
            }
            settled += Self.settledGap(gap, original.lines[next..<origin], from: next)
            gap = []
            settled.append(line)
            next = origin + 1
        }
        settled += Self.settledGap(gap, original.lines[next...], from: next)
        lines = settled
    }

    private static func settledGap(
        _ gap: [Line], _ old: ArraySlice<ArraySlice<UInt8>>, from start: Int
    ) -> [Line] {
        var gap = gap
        let limit = min(gap.count, old.count)
        var front = 0
        while front < limit, gap[front].text == old[old.startIndex + front] {
            gap[front].origin = start + front
            front += 1
        }
        var back = 0
        while back < limit - front, gap[gap.count - 1 - back].text == old[old.endIndex - 1 - back] {
            gap[gap.count - 1 - back].origin = start + old.count - 1 - back
            back += 1
        }
        return gap
    }

    /// The edited regions, in line numbers from 1.
    func regions(originalCount: Int) -> [StabilisedFile.Region] {
        var regions: [StabilisedFile.Region] = []
        var (pre, post) = (0, 0)
        func close(at preEnd: Int, _ postEnd: Int) {
            guard preEnd > pre || postEnd > post else { return }
            regions.append(
                .init(preStart: pre + 1, preCount: preEnd - pre, postStart: post + 1, postCount: postEnd - post))
        }
        for (index, line) in lines.enumerated() {
            guard let origin = line.origin else { continue }
            close(at: origin, index)
            (pre, post) = (origin + 1, index + 1)
        }
        close(at: originalCount, lines.count)
        return regions
    }
}
