/// Where the functions and data of the rebuilt file are in a shipped file of another layout.
package struct ShippedLayout: Sendable {
    /// Functions that were looked for.
    package var functionCount = 0
    /// How many were found equal.
    package var identical = 0
    /// Rebuilt address of a function → shipped address, for equal functions.
    package var functions: [UInt64: UInt64] = [:]
    /// Rebuilt addresses of data, sorted, with the shipped ones: what equal functions lead to.
    package var data: [(rebuilt: UInt64, shipped: UInt64)] = []
    /// Rebuilt address of a function that isn't equal → why.
    package var mismatches: [UInt64: CodeMismatch] = [:]
    /// Address ranges of the rebuilt file's sections: data doesn't keep its distance across them.
    var sections: [Range<UInt64>] = []

    /// Shipped address of a rebuilt one; nil if not known.
    package func translate(_ address: UInt64) -> UInt64? {
        if let function = functions[address] { return function }
        var (low, high) = (0, data.count)
        while low < high {
            let middle = (low + high) / 2
            if data[middle].rebuilt <= address { low = middle + 1 } else { high = middle }
        }
        if low > 0, data[low - 1].rebuilt == address { return data[low - 1].shipped }
        guard low > 0, low < data.count, let section = sections.first(where: { $0.contains(address) }),
            section.contains(data[low - 1].rebuilt), section.contains(data[low].rebuilt)
        else { return nil }
        let distances = (data[low - 1].shipped &- data[low - 1].rebuilt, data[low].shipped &- data[low].rebuilt)
        return distances.0 == distances.1 ? address &+ distances.0 : nil
    }
}
