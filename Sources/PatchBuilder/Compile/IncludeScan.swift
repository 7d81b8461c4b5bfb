import Linux

/// A cheap look whether sources are included by other files: some `#include` ends in their name.
enum IncludeScan {
    /// Whether any source or header below `root` has an `#include` whose file name is one of `names`.
    static func mentions(_ names: [[UInt8]], below root: String) throws(BuildError) -> Bool {
        guard !names.isEmpty else { return false }
        for entry in try SourceTree(root).entries where entry.facts.isRegular && entry.facts.size < 1 << 24 {
            guard [.source, .header, .test, .generator].contains(FileRole(path: entry.path)),
                let bytes = try? FileSystem.read(root + "/" + entry.path)
            else { continue }
            if includes(bytes, names) { return true }
        }
        return false
    }

    /// Whether one of the `#include` lines of `text` ends in one of `names`.
    static func includes(_ text: [UInt8], _ names: [[UInt8]]) -> Bool {
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: SourceLines.newline) ?? text.count
            let line = text[start..<end]
            start = end + 1
            guard let first = line.first(where: { $0 != 32 && $0 != 9 }), first == UInt8(ascii: "#"),
                let close = line.lastIndex(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: ">") })
            else { continue }
            let head = line[..<close]
            for name in names where head.count > name.count && head.suffix(name.count).elementsEqual(name) {
                let before = head[head.endIndex - name.count - 1]
                if [UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: "/")].contains(before) { return true }
            }
        }
        return false
    }
}
