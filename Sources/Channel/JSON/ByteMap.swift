/// A map from text to values, ordered and compared by the UTF-8 bytes of its keys.
///
/// Swift compares strings by meaning: a composed and a decomposed `é` are equal. Names in signed metadata are
/// bytes; two names that only look alike must stay two names, or a file could be taken for another. So every
/// lookup by a name from outside goes through this type. Byte order is also the order that canonical JSON
/// wants, so writing needs no sorting.
public struct ByteMap<Value> {
    /// One key with its value.
    public struct Entry {
        /// The name, as it was written.
        public let key: String
        /// What belongs to it.
        public var value: Value

        /// Makes an entry.
        public init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// All entries, ascending by the bytes of their keys, no key twice.
    public private(set) var entries: [Entry]

    /// Makes an empty map.
    public init() { entries = [] }

    /// Sorts entries into a map; `nil` if a key stands there twice.
    public init?(unique unsorted: [Entry]) {
        entries = unsorted
        if !Self.isAscending(entries) {
            entries.sort { Self.order($0.key, $1.key) < 0 }
            guard Self.isAscending(entries) else { return nil }
        }
    }

    /// The number of entries.
    public var count: Int { entries.count }
    /// Whether there is no entry.
    public var isEmpty: Bool { entries.isEmpty }
    /// The keys, ascending by their bytes.
    public var keys: [String] { entries.map(\.key) }
    /// The values, in the order of their keys.
    public var values: [Value] { entries.map(\.value) }

    /// The value under exactly these bytes; assigning `nil` removes it.
    public subscript(key key: String) -> Value? {
        get {
            let (index, found) = position(of: key)
            return found ? entries[index].value : nil
        }
        set {
            let (index, found) = position(of: key)
            switch (newValue, found) {
            case (let value?, true): entries[index].value = value
            case (let value?, false): entries.insert(Entry(key: key, value: value), at: index)
            case (nil, true): entries.remove(at: index)
            case (nil, false): break
            }
        }
    }

    /// Adds many entries at once; a later value replaces an earlier one of the same key.
    public mutating func merge(_ others: [Entry]) {
        let incoming = others.enumerated().sorted {
            let order = Self.order($0.element.key, $1.element.key)
            return order != 0 ? order < 0 : $0.offset < $1.offset
        }
        var merged: [Entry] = []
        merged.reserveCapacity(entries.count + others.count)
        var old = entries[...]
        for (_, entry) in incoming {
            while let first = old.first, Self.order(first.key, entry.key) < 0 {
                merged.append(old.removeFirst())
            }
            if let first = old.first, Self.order(first.key, entry.key) == 0 { old.removeFirst() }
            if let last = merged.last, Self.order(last.key, entry.key) == 0 { merged.removeLast() }
            merged.append(entry)
        }
        merged.append(contentsOf: old)
        entries = merged
    }

    /// The same keys with other values.
    public func mapValues<Other, Failure: Error>(
        _ transform: (String, Value) throws(Failure) -> Other
    ) throws(Failure) -> ByteMap<Other> {
        var result = ByteMap<Other>()
        result.entries.reserveCapacity(entries.count)
        for entry in entries {
            result.entries.append(.init(key: entry.key, value: try transform(entry.key, entry.value)))
        }
        return result
    }

    private func position(of key: String) -> (index: Int, found: Bool) {
        var low = 0
        var high = entries.count
        // Keys mostly arrive in order, so look at the end first.
        if let last = entries.last, Self.order(last.key, key) < 0 { return (high, false) }
        while low < high {
            let middle = low + (high - low) / 2
            let order = Self.order(entries[middle].key, key)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    private static func isAscending(_ entries: [Entry]) -> Bool {
        for index in entries.indices.dropFirst() where order(entries[index - 1].key, entries[index].key) >= 0 {
            return false
        }
        return true
    }

    /// Negative, zero or positive as the bytes of `left` stand before, at or after those of `right`.
    static func order(_ left: String, _ right: String) -> Int {
        let a = left.utf8Span.span
        let b = right.utf8Span.span
        let shared = min(a.count, b.count)
        var index = 0
        while index < shared {
            if a[index] != b[index] { return Int(a[index]) - Int(b[index]) }
            index += 1
        }
        return a.count - b.count
    }
}

extension ByteMap.Entry: Sendable where Value: Sendable {}
extension ByteMap: Sendable where Value: Sendable {}

extension ByteMap: Equatable where Value: Equatable {
    /// Equal if keys (by bytes) and values are.
    public static func == (left: Self, right: Self) -> Bool {
        left.count == right.count
            && zip(left.entries, right.entries).allSatisfy {
                order($0.key, $1.key) == 0 && $0.value == $1.value
            }
    }
}

extension ByteMap: ExpressibleByDictionaryLiteral {
    /// A map from a literal; of a key that stands there twice the last value counts.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self.init()
        merge(elements.map { Entry(key: $0.0, value: $0.1) })
    }
}

/// Whether two strings are the same bytes.
func sameBytes(_ left: String, _ right: String) -> Bool {
    ByteMap<Void>.order(left, right) == 0
}
