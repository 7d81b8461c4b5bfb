// The two hash tables that a component may have for its dynamic symbols.
//
// SysV (gABI chapter 5, "Hash Table"):
//     nbucket │ nchain │ bucket[nbucket] │ chain[nchain]
// `bucket[hash % nbucket]` is a symbol index; `chain[index]` is the next one, 0 ends the list.
//
// GNU, a filter in front and sorted symbols behind:
//     nbucket │ first │ filter words │ shift │ filter[] 64 bits each │ bucket[nbucket] │ chain[]
// Two bits of one filter word say whether the name can be there at all. `bucket` holds the index of the first
// symbol with that remainder; the ones that follow in the *symbol table* are the rest, and `chain`, which
// starts at symbol `first`, holds their hashes with bit 0 set in the last of each bucket.
//
// Both come from outside, perhaps from a hostile process: walks are limited in length.

/// Longest chain that is followed; real ones have less than a hundred entries.
private let longestChain = 1 << 16

/// The table behind `DT_HASH`.
struct SysVHash: Sendable {
    private let table: UInt64
    private let bucketCount: UInt32
    private let chainCount: UInt32

    init(_ image: some ProgramImage, _ table: UInt64) throws(ELFError) {
        self.table = table
        bucketCount = try image.load(table)
        chainCount = try image.load(table, 4)
    }

    /// There is one chain word for each symbol.
    var symbolCount: Int { Int(chainCount) }

    func search<T>(_ image: some ProgramImage, _ name: [UInt8], _ accept: (Int) throws(ELFError) -> T?)
        throws(ELFError) -> T?
    {
        guard bucketCount > 0 else { return nil }
        let bucket = Self.hash(name) % bucketCount
        var index: UInt32 = try image.load(table, 8 + UInt64(bucket) * 4)
        for _ in 0..<longestChain {
            if index == 0 { return nil }
            guard index < chainCount else { break }
            if let found = try accept(Int(index)) { return found }
            index = try image.load(table, 8 + (UInt64(bucketCount) + UInt64(index)) * 4)
        }
        throw ELFError(.inconsistent, at: table, "chain of the symbol hash table")
    }

    static func hash(_ name: [UInt8]) -> UInt32 {
        var hash: UInt32 = 0
        for byte in name {
            hash = hash << 4 &+ UInt32(byte)
            let high = hash & 0xf000_0000
            hash = (hash ^ high >> 24) & ~high
        }
        return hash
    }
}

/// The table behind `DT_GNU_HASH`.
struct GNUHash: Sendable {
    private let table: UInt64
    private let bucketCount: UInt32
    private let firstSymbol: UInt32
    private let filterCount: UInt32
    private let filterShift: UInt32

    init(_ image: some ProgramImage, _ table: UInt64) throws(ELFError) {
        self.table = table
        bucketCount = try image.load(table)
        firstSymbol = try image.load(table, 4)
        filterCount = try image.load(table, 8)
        filterShift = try image.load(table, 12)
    }

    private var buckets: UInt64 { 16 + UInt64(filterCount) * 8 }
    private var chains: UInt64 { buckets + UInt64(bucketCount) * 4 }

    func search<T>(_ image: some ProgramImage, _ name: [UInt8], _ accept: (Int) throws(ELFError) -> T?)
        throws(ELFError) -> T?
    {
        guard bucketCount > 0, filterCount > 0 else { return nil }
        let hash = Self.hash(name)
        let word: UInt64 = try image.load(table, 16 + UInt64(hash / 64 % filterCount) * 8)
        guard word >> UInt64(hash % 64) & 1 == 1, word >> UInt64(hash >> filterShift % 64) & 1 == 1 else {
            return nil
        }
        let first: UInt32 = try image.load(table, buckets + UInt64(hash % bucketCount) * 4)
        guard first != 0 else { return nil }
        guard first >= firstSymbol else {
            throw ELFError(.inconsistent, at: table, "bucket of the symbol hash table")
        }
        for index in UInt64(first)..<UInt64(first) + UInt64(longestChain) {
            let entry: UInt32 = try image.load(table, chains + (index - UInt64(firstSymbol)) * 4)
            if entry | 1 == hash | 1, let found = try accept(Int(index)) { return found }
            if entry & 1 == 1 { return nil }
        }
        throw ELFError(.inconsistent, at: table, "chain of the symbol hash table")
    }

    /// One more than the last symbol of the bucket that starts last.
    func symbolCount(_ image: some ProgramImage) throws(ELFError) -> Int {
        var last: UInt32 = 0
        let table = try image.entries(self.table &+ buckets, size: 4, from: 0, count: UInt64(bucketCount))
        for at in stride(from: 0, to: table.count, by: 4) { last = max(last, try table.load(at)) }
        guard last >= firstSymbol, last != 0 else { return Int(firstSymbol) }
        for index in UInt64(last)..<UInt64(last) + UInt64(longestChain) {
            let entry: UInt32 = try image.load(self.table, chains + (index - UInt64(firstSymbol)) * 4)
            if entry & 1 == 1 { return Int(index) + 1 }
        }
        throw ELFError(.inconsistent, at: self.table, "chain of the symbol hash table")
    }

    static func hash(_ name: [UInt8]) -> UInt32 { name.reduce(5381) { $0 &* 33 &+ UInt32($1) } }
}
