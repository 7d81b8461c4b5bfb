/// One line of `/proc/PID/task/TID/stack`.
public struct StackFrame: Sendable, Equatable, Codable {
    /// The function as the kernel calls it there; another name may be at the same address.
    public var function: String
    /// How far into it, in bytes.
    public var offset: UInt64
    /// The function's extent as the kernel counts, up to the next symbol, in bytes.
    public var extent: UInt64
    /// The module, `nil` for the kernel proper.
    public var module: String?

    /// Makes a frame.
    public init(function: String, offset: UInt64, extent: UInt64, module: String? = nil) {
        self.function = function
        self.offset = offset
        self.extent = extent
        self.module = module
    }

    /// Parses a whole trace, innermost frame first.
    ///
    ///     [<0>] __do_sys_pause+0x24/0x50
    ///     [<0>] vlan_ioctl_handler+0x1f/0x3b0 [8021q]
    ///
    /// Lines of another form are left out: the kernel prints them when it can't tell.
    public static func trace(_ text: String) -> [StackFrame] {
        text.split(separator: "\n").compactMap { StackFrame(line: $0) }
    }

    private init?(line: Substring) {
        let words = line.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("[<"), let plus = words[1].lastIndex(of: "+") else { return nil }
        let place = words[1][words[1].index(after: plus)...].split(separator: "/")
        guard place.count == 2, let offset = Self.number(place[0]), let extent = Self.number(place[1]) else {
            return nil
        }
        function = String(words[1][..<plus])
        self.offset = offset
        self.extent = extent
        if words.count > 2, words[2].hasPrefix("["), words[2].hasSuffix("]") {
            module = String(words[2].dropFirst().dropLast())
        }
    }

    private static func number(_ text: Substring) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : nil
    }
}
