// Keeping `__LINE__` where it was.
//
// A diff that adds one line at the top of a file changes `__LINE__` everywhere below: every assert, log call
// and static check of the file would compile to other bytes, and the whole file would look changed. So behind
// each edited region a `#line` directive puts the old numbering back. Lines that the diff replaces take the
// numbers of the lines that they replace; lines beyond that get numbers behind the end of the old file, which
// no untouched line has, so that names pasted together with `__LINE__` stay unique.
//
// A directive may only stand in certain places (``LineScanner``); if the first untouched line isn't one, the
// next legal place is taken, and untouched lines before it are counted and reported. A directive inside an
// `#if` group counts only if the group is compiled; so the number is said again behind each branch.
// Where the file has `#line` directives of its own (generated parsers), the numbers and names that those give
// are what is kept.

struct Stabiliser {
    /// A text with its directives.
    struct Result: Equatable, Sendable {
        /// The text to compile.
        var bytes: [UInt8]
        /// Untouched lines whose number couldn't be kept.
        var shiftedLines: Int
    }

    /// Number and name of a line as the compiler counts them.
    ///
    /// A nil name is the file's own.
    private struct Position: Equatable {
        var number: Int
        var name: String?
    }

    private let original: [Position]
    private let post: TrackedText
    private let contexts: [LineContext]
    private let wanted: [Position]

    /// Rewrites `post`, whose tracks lead to `pre`.
    static func stabilise(pre: SourceLines, post: TrackedText) -> Result {
        Stabiliser(pre: pre, post: post).rewritten()
    }

    private init(pre: SourceLines, post: TrackedText) {
        original = Self.positions(LineScanner.contexts(of: pre))
        self.post = post
        contexts = LineScanner.contexts(of: post.source)
        wanted = Self.wantedPositions(post, original)
    }

    /// What the compiler counts for each line of an unedited text.
    private static func positions(_ contexts: [LineContext]) -> [Position] {
        var next = Position(number: 1, name: nil)
        return contexts.map { context in
            let position = next
            next = follower(of: position, context)
            return position
        }
    }

    private static func follower(of position: Position, _ context: LineContext) -> Position {
        if case .line(let number, let name) = context.directive {
            return Position(number: number, name: name ?? position.name)
        }
        return Position(number: position.number + 1, name: position.name)
    }

    /// The number that each line should have.
    private static func wantedPositions(_ post: TrackedText, _ original: [Position]) -> [Position] {
        var overflow = (original.map(\.number).max() ?? 0) + 1
        var slots: ArraySlice<Position> = []
        var previous = -1
        var wanted: [Position] = []
        wanted.reserveCapacity(post.lines.count)
        for (index, line) in post.lines.enumerated() {
            if let origin = line.origin {
                wanted.append(original[origin])
                previous = origin
                continue
            }
            if index == 0 || post.lines[index - 1].origin != nil {
                let end = post.lines[index...].first { $0.origin != nil }?.origin ?? original.count
                slots = original[min(previous + 1, end)..<end]
            }
            if let slot = slots.popFirst() {
                wanted.append(slot)
            } else {
                wanted.append(Position(number: overflow, name: wanted.last?.name ?? original.first?.name))
                overflow += 1
            }
        }
        return wanted
    }
}

// MARK: - writing

extension Stabiliser {
    private func rewritten() -> Result {
        var bytes: [UInt8] = []
        var running: Position? = Position(number: 1, name: nil)
        // For each open `#if` group: was a directive put into it?
        var marked: [Bool] = []
        var shifted = 0
        for (index, line) in post.lines.enumerated() {
            let context = contexts[index]
            if running != wanted[index], context.isLegalPlace, isWorthwhile(index) {
                bytes += directive(wanted[index], after: running, like: line.text)
                running = Position(number: wanted[index].number, name: wanted[index].name)
                for group in marked.indices { marked[group] = true }
            }
            if running != wanted[index], line.origin != nil, !line.text.withoutTerminator.isEmpty { shifted += 1 }
            bytes += line.text
            running = running.map { Self.follower(of: $0, context) }
            if case .line(let number, let name) = context.directive {
                running = Position(number: number, name: name ?? running?.name)
            }
            if leaveGroup(context.directive, &marked) { running = nil }
        }
        return Result(bytes: bytes, shiftedLines: shifted)
    }

    /// New lines need no directive of their own unless they would take numbers of untouched lines.
    private func isWorthwhile(_ index: Int) -> Bool {
        guard post.lines[index].origin == nil else { return true }
        return index == 0 || wanted[index].number != wanted[index - 1].number + 1
    }

    /// True if the numbering is in doubt behind this line: the group that ends had a directive in it.
    private func leaveGroup(_ directive: LineContext.Directive?, _ marked: inout [Bool]) -> Bool {
        switch directive {
        case .opensGroup:
            marked.append(false)
            return false
        case .nextGroup: return marked.last ?? false
        case .closesGroup: return marked.popLast() ?? false
        default: return false
        }
    }

    private func directive(
        _ position: Position, after running: Position?, like line: ArraySlice<UInt8>
    ) -> [UInt8] {
        var text = "#line \(position.number)"
        // Behind an `#if` group that may have set a name the name is said again.
        let sameName = running.map { $0.name == position.name } ?? false
        if !sameName, let name = position.name { text += " " + name }
        let isDOS = line.dropLast().last == SourceLines.carriageReturn && line.last == SourceLines.newline
        return Array(text.utf8) + (isDOS ? [SourceLines.carriageReturn] : []) + [SourceLines.newline]
    }
}
