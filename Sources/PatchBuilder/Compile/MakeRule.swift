/// The prerequisites of a make rule as compilers print it: `unit.o: a.c a.h \`.
enum MakeRule {
    /// The names behind the colon, unescaped.
    ///
    /// GCC and clang escape blanks and `#` by a backslash and `$` by doubling it.
    static func prerequisites(_ text: [UInt8]) -> [String] {
        var names: [String] = []
        var word: [UInt8] = []
        var behindColon = false
        var index = 0
        func finish() {
            if behindColon, !word.isEmpty { names.append(String(decoding: word, as: UTF8.self)) }
            word = []
        }
        while index < text.count {
            let byte = text[index]
            let next = index + 1 < text.count ? text[index + 1] : nil
            index += 1
            switch byte {
            case UInt8(ascii: "\\") where next == SourceLines.newline:
                finish()
                index += 1
            case UInt8(ascii: "\\") where next == 32 || next == UInt8(ascii: "#"):
                if let next { word.append(next) }
                index += 1
            case UInt8(ascii: "$") where next == UInt8(ascii: "$"):
                word.append(byte)
                index += 1
            case UInt8(ascii: ":") where !behindColon && (next == nil || next == 32 || next == SourceLines.newline):
                word = []
                behindColon = true
            case 32, 9, 13: finish()
            case SourceLines.newline:
                finish()
                behindColon = false
            default: word.append(byte)
            }
        }
        finish()
        return names
    }
}
