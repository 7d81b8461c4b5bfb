// `@file` arguments: the file's words stand in their place, as libiberty's buildargv splits them.
// GNU tools and LLVM's agree on this syntax: blanks separate, '...' and "..." quote, a backslash takes the next
// character as it is. Files may name further files; a file that names itself ends at the depth limit.

enum ResponseFile {
    /// How deep files may name files.
    static let deepest = 16

    /// `arguments` with every `@file` replaced by the words in it; unreadable ones stay as they are.
    static func expanded(
        _ arguments: [String], depth: Int = 0, read: (String) -> [UInt8]?
    ) -> [String] {
        guard depth < deepest, arguments.contains(where: { $0.hasPrefix("@") }) else { return arguments }
        var result: [String] = []
        for argument in arguments {
            if argument.hasPrefix("@"), argument.utf8.count > 1, let bytes = read(String(argument.dropFirst())) {
                result += expanded(words(bytes), depth: depth + 1, read: read)
            } else {
                result.append(argument)
            }
        }
        return result
    }

    /// Splits a response file into words.
    static func words(_ bytes: [UInt8]) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var began = false
        var quote: UInt8?
        var escaped = false
        for byte in bytes {
            if escaped {
                word.append(byte)
                escaped = false
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
                began = true
            } else if let open = quote {
                if byte == open { quote = nil } else { word.append(byte) }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                quote = byte
                began = true
            } else if byte == 32 || (9...13).contains(byte) {
                if began { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
                began = false
            } else {
                word.append(byte)
                began = true
            }
        }
        if began { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}
