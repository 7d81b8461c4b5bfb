import Linux

/// Everything that one transaction changes in one process, known before anybody is stopped.
struct CommitPlan {
    /// Code that nobody may be in.
    var watched: [WatchedCode] = []
    /// The bytes to exchange.
    var writes: [SiteWrite] = []
    /// The images whose state changes.
    var journal: [Entry] = []

    /// One image's way through the transaction.
    struct Entry {
        /// The image.
        var image: InstalledPatch
        /// Its state while bytes are being exchanged.
        var during: InstalledPatch.State
        /// Its state when all are exchanged.
        var after: InstalledPatch.State
        /// Its state if nothing was exchanged in the end.
        var abandoned: InstalledPatch.State
    }

    /// Adds an image that is put in: its trampolines over what stands there, its old functions watched.
    ///
    /// - Parameters:
    ///   - over: the trampolines of patches that are replaced, by site.
    ///   - wasInUse: whether its code may have been called before.
    mutating func putIn(_ image: InstalledPatch, over: [RemoteAddress: [UInt8]], wasInUse: Bool) {
        for function in image.functions {
            writes.append(
                SiteWrite(
                    address: function.site, expected: over[function.site] ?? function.original,
                    replacement: function.trampoline, function: function.name))
            // Where another patch's trampoline stands already, nobody has been in the old code since.
            guard over[function.site] == nil else { continue }
            watched.append(WatchedCode(range: function.old, function: function.name))
            for part in function.parts { watched.append(WatchedCode(range: part, function: function.name)) }
        }
        for data in image.dataWrites {
            writes.append(
                SiteWrite(
                    address: data.site, expected: over[data.site] ?? data.original, replacement: data.replacement,
                    function: data.name))
        }
        journal.append(
            Entry(image: image, during: .committing, after: .committed, abandoned: wasInUse ? .undone : .prepared))
    }

    /// Adds an image that is taken out: the program's own bytes over its trampolines, except where the sites
    /// get new ones in the same transaction; its new code watched.
    mutating func takeOut(_ image: InstalledPatch) {
        let kept = Set(writes.map(\.address))
        for function in image.functions where !kept.contains(function.site) {
            writes.append(
                SiteWrite(
                    address: function.site, expected: function.trampoline, replacement: function.original,
                    function: function.name))
        }
        for data in image.dataWrites where !kept.contains(data.site) {
            writes.append(
                SiteWrite(
                    address: data.site, expected: data.replacement, replacement: data.original, function: data.name)
            )
        }
        watched.append(contentsOf: Self.newCode(image))
        journal.append(Entry(image: image, during: .undoing, after: .undone, abandoned: .committed))
    }

    /// An image's instructions, by function as far as they have names.
    static func newCode(_ image: InstalledPatch) -> [WatchedCode] {
        var watched: [WatchedCode] = []
        var at = image.text.start
        let end = image.text.end ?? at
        // Every byte belongs to the last function that starts at or before it.
        let symbols = image.symbols.filter { image.text.contains($0.range.start) }
            .sorted { $0.range.start < $1.range.start }
        var name = image.name
        for symbol in symbols {
            if symbol.range.start > at {
                let count = symbol.range.start.rawValue - at.rawValue
                watched.append(WatchedCode(range: RemoteRange(start: at, count: count), function: name))
                at = symbol.range.start
            }
            name = symbol.name
        }
        if end > at {
            let count = end.rawValue - at.rawValue
            watched.append(WatchedCode(range: RemoteRange(start: at, count: count), function: name))
        }
        return watched
    }
}
