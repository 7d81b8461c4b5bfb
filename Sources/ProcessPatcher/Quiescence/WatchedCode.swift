import Linux

/// Code that is about to change, so that no thread may be executing it or return into it.
struct WatchedCode: Sendable, Equatable {
    /// The code.
    let range: RemoteRange
    /// The function that it belongs to, for people.
    let function: String
}

/// The watched ranges in the form that a scan of thousands of stacks needs: sorted, in plain memory.
///
/// Two rules differ by one byte at each end. A thread *at* an address executes it if it lies in [start, end), but
/// a thread at the very first byte has not begun: it will execute whatever stands there. A *return* address lies
/// behind a call, so it lies in (start, end]: the last instruction may be a call that never returns, behind which
/// the unwinder of exceptions still looks; and a word that equals the start is a function pointer.
@safe
struct WatchIndex: ~Copyable {
    private let starts: UnsafeMutableBufferPointer<UInt64>
    private let ends: UnsafeMutableBufferPointer<UInt64>
    private let lowest: UInt64
    private let span: UInt64
    private let names: [String]

    init(_ watched: [WatchedCode]) {
        let sorted = watched.sorted { $0.range.start < $1.range.start }
        unsafe starts = .allocate(capacity: max(sorted.count, 1))
        unsafe ends = .allocate(capacity: max(sorted.count, 1))
        var highest: UInt64 = 0
        for (index, code) in sorted.enumerated() {
            let end = code.range.end?.rawValue ?? .max
            // The index is below the capacity.
            unsafe starts.initializeElement(at: index, to: code.range.start.rawValue)
            unsafe ends.initializeElement(at: index, to: end)
            highest = max(highest, end)
        }
        count = sorted.count
        lowest = sorted.first?.range.start.rawValue ?? .max
        span = highest &- lowest
        names = sorted.map(\.function)
    }

    deinit {
        unsafe starts.deallocate()
        unsafe ends.deallocate()
    }

    private let count: Int

    /// The range that a thread at this address is executing; nil if none.
    @inline(__always)
    func executing(_ address: UInt64) -> Int? {
        guard let index = last(startingBelow: address) else { return nil }
        // The index came from the search below, which stays inside.
        return unsafe address < ends[index] ? index : nil
    }

    /// The range that this return address leads into; nil if none.
    @inline(__always)
    func returning(_ word: UInt64) -> Int? {
        // One comparison sorts out nearly every word of a stack.
        guard word &- lowest <= span, count > 0, let index = last(startingBelow: word) else { return nil }
        // The index came from the search below, which stays inside.
        return unsafe word <= ends[index] ? index : nil
    }

    /// The last range that starts below the address.
    @inline(__always)
    private func last(startingBelow address: UInt64) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            // `middle` is below `count`.
            if unsafe starts[middle] < address { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }

    /// The function that a range belongs to.
    func name(_ index: Int) -> String { names[index] }

    /// Goes through the words of a stack.
    ///
    /// - Returns: the positions of the first and the last word that may be a return address into watched code; nil
    ///   if there is none.
    @inline(__always)
    func hits(in words: UnsafeBufferPointer<UInt64>) -> (first: Int, last: Int)? {
        var found: (first: Int, last: Int)?
        for index in 0..<words.count {
            // The index is below the count.
            let word = unsafe words[index]
            if word &- lowest <= span, returning(word) != nil {
                found = (found?.first ?? index, index)
            }
        }
        return found
    }
}
