import ELF

/// Where the functions and data of the rebuilt file are in a shipped file of another layout.
package struct ShippedLayout: Sendable {
    /// Functions that were looked for.
    package var functionCount = 0
    /// How many were found equal.
    package var identical = 0
    /// Rebuilt address of a function → shipped address, for equal functions.
    package var functions: [UInt64: UInt64] = [:]
    /// Rebuilt address → shipped address, from what equal functions refer to.
    package var data: [UInt64: UInt64] = [:]
    /// Rebuilt address of a function that isn't equal → why.
    package var mismatches: [UInt64: CodeMismatch] = [:]

    /// Shipped address of a rebuilt one; nil if not known.
    package func translate(_ address: UInt64) -> UInt64? { functions[address] ?? data[address] }
}

/// To be filled in.
struct ShippedLayoutSearch {
    init(shipped: ELFFile, rebuilt: ELFFile, map: LinkMap) throws(ELFError) {}
    mutating func run() -> ShippedLayout { ShippedLayout() }
}
