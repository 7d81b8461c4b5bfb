public import Foundation

/// Reads what a program says, line by line.
public final class LineReader {
    /// To be given to the program as its standard output.
    public let pipe = Pipe()
    private var rest: [UInt8] = []

    /// Nothing is read yet.
    public init() {}

    /// The next line; nil at the end.
    public func line() -> String? {
        while true {
            if let end = rest.firstIndex(of: 0x0a) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeFirst(end + 1)
                return line
            }
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            rest += more
        }
    }

    /// Everything that hasn't been read, to the end.
    public func remainder() -> String {
        String(decoding: rest, as: UTF8.self)
            + String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
}
