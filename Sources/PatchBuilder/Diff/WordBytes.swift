extension UInt8 {
    /// Whether a word of C, a name or a number, may hold it: ASCII letters, digits, underscore.
    var isInWord: Bool { beginsWord || self >= 0x30 && self <= 0x39 }

    /// Whether a name of C may begin with it.
    var beginsWord: Bool { self == 0x5f || self | 0x20 >= 0x61 && self | 0x20 <= 0x7a }
}
