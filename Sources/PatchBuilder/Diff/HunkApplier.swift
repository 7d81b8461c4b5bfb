// Finding the place of a hunk and putting it in.
//
// Every line of the hunk must be there, byte for byte (no fuzz): a live patch made from code that its author
// didn't see would be a guess. Only the position may differ, because unrelated changes above move lines; the
// place nearest to the expected one is taken, and the shift is reported. A hunk with less context on one side
// than on the other was cut by the end or the beginning of the file and must be found there.

import Findings

struct HunkApplier {
    /// Name of the file, for messages.
    let path: String
    /// Name of the diff, for messages.
    let diff: String

    /// The text after all `hunks`, and by how many lines each was found away from its place.
    func apply(_ hunks: [DiffHunk], to text: TrackedText) throws(BuildError) -> (TrackedText, shifts: [Int]) {
        var result = text
        result.lines = []
        var taken = 0
        var shift = 0
        var shifts: [Int] = []
        for (number, hunk) in hunks.enumerated() {
            let pre = hunk.preLines
            let expected = (hunk.preStart == 0 || pre.isEmpty ? hunk.preStart : hunk.preStart - 1) + shift
            guard let at = Self.place(of: pre, hunk, in: text.lines, near: expected, from: taken) else {
                throw conflict(hunk, number: number, expected: expected, in: text.lines, from: taken)
            }
            shift += at - expected
            shifts.append(shift)
            result.lines += text.lines[taken..<at]
            var cursor = at
            for line in hunk.lines {
                if line.kind == .added {
                    result.lines.append(.init(text: line.text, origin: nil))
                } else {
                    if line.kind == .context { result.lines.append(text.lines[cursor]) }
                    cursor += 1
                }
            }
            taken = cursor
        }
        result.lines += text.lines[taken...]
        return (result, shifts)
    }

    /// Whether `text` is what the hunks make: each hunk's text after stands where it should.
    static func isApplied(_ hunks: [DiffHunk], in text: TrackedText) -> Bool {
        var taken = 0
        for hunk in hunks {
            let post = hunk.postLines
            let expected = max(0, post.isEmpty ? hunk.postStart : hunk.postStart - 1)
            guard let at = place(of: post, hunk, in: text.lines, near: expected, from: taken) else { return false }
            taken = at + post.count
        }
        return true
    }

    /// Index of the nearest place at or behind `from` where `wanted` stands; nil if there is none.
    private static func place(
        of wanted: [ArraySlice<UInt8>], _ hunk: DiffHunk, in lines: [TrackedText.Line], near expected: Int,
        from: Int
    ) -> Int? {
        let last = lines.count - wanted.count
        guard from <= last else { return nil }
        func matches(_ index: Int) -> Bool {
            index >= from && index <= last
                && wanted.indices.allSatisfy { wanted[$0] == lines[index + $0].text }
        }
        // Without any old line there is nothing to search for: only the stated place will do.
        if wanted.isEmpty { return expected >= from && expected <= lines.count ? expected : nil }
        let (leading, trailing) = (hunk.leadingContext, hunk.trailingContext)
        if trailing < leading, matches(last) { return last }
        if leading < trailing, hunk.preStart <= 1 { return matches(0) ? 0 : nil }
        let start = min(max(expected, from), last)
        for distance in 0...max(start - from, last - start) {
            if matches(start + distance) { return start + distance }
            if matches(start - distance) { return start - distance }
        }
        return nil
    }
}

// MARK: - evidence

extension HunkApplier {
    /// Names the hunk, and shows the first line that differs at the most likely place.
    private func conflict(
        _ hunk: DiffHunk, number: Int, expected: Int, in lines: [TrackedText.Line], from: Int
    ) -> BuildError {
        let wanted = hunk.preLines
        let best = closest(wanted, in: lines, near: expected, from: from)
        let offset = wanted.indices.first { index in
            best + index >= lines.count || lines[best + index].text != wanted[index]
        }
        var error = BuildError(
            .diffConflict, "hunk \(number + 1) of \(path) doesn't apply to this tree",
            evidence: [
                "diff": "\(diff), line \(hunk.diffLine)", "file": path, "hunk": "\(number + 1)",
            ])
        if let offset {
            let at = best + offset
            error = error.adding("expected", String(wanted[offset].printable.prefix(160)))
            error = error.adding(
                "found", at < lines.count ? String(lines[at].text.printable.prefix(160)) : "the end of the file")
            error = error.adding("at line", "\(at + 1)")
        }
        return error
    }

    /// The place with the most equal lines; the nearest to `expected` among equals.
    ///
    /// Bounded: looks at most 2,000 lines around the expected place.
    private func closest(
        _ wanted: [ArraySlice<UInt8>], in lines: [TrackedText.Line], near expected: Int, from: Int
    ) -> Int {
        let low = max(from, expected - 2_000)
        let high = min(lines.count, expected + 2_000)
        var best = (score: -1, distance: Int.max, index: min(max(expected, 0), lines.count))
        guard low < high else { return best.index }
        for index in low..<high {
            var score = 0
            for offset in wanted.indices where index + offset < lines.count {
                if lines[index + offset].text == wanted[offset] { score += 1 }
            }
            let distance = abs(index - expected)
            if score > best.score || (score == best.score && distance < best.distance) {
                best = (score, distance, index)
            }
        }
        return best.index
    }
}
