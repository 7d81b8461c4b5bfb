/// Looks for words in text quickly: thousands of files may have to be asked whether they mention a name.
///
/// Words are compared by a hash of 64 bits, and those in comments count; a file too many is compiled then, and comes
/// out unchanged.
struct WordScan {
    private let wanted: Set<UInt64>

    init(_ words: Set<String>) { wanted = Set(words.map { Self.hash(Array($0.utf8)[...]) }) }

    /// Whether the text has one of the words.
    func isIn(_ text: [UInt8]) -> Bool {
        var at = 0
        while at < text.count {
            guard text[at].isInWord else {
                at += 1
                continue
            }
            let start = at
            while at < text.count, text[at].isInWord { at += 1 }
            if wanted.contains(Self.hash(text[start..<at])) { return true }
        }
        return false
    }

    /// FNV-1a.
    private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return value
    }
}
