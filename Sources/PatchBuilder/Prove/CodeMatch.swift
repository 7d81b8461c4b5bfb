import ELF

// Run-pre matching: is the code at an address of a linked file what the compiler put into an object?
//
// The object's function has holes where the linker fills in addresses. Both sides are decoded instruction
// by instruction; outside of the holes every byte must agree, and what the linker put into each hole is
// solved for the symbol (`S = field + P - A`), so matching a function also tells where its callees and
// variables are. Three freedoms remain, none of which changes what the code does:
//
// * the linker may rewrite an instruction (GOTPCRELX to `lea`, a general TLS model to a special one);
// * a jump between functions may be short where the object with function sections has a long one, because
//   in the shipped build both functions shared a section and the assembler knew the distance;
// * fillers in front of loop heads may have other lengths, for the same reason.

/// What the linker wrote into one hole.
package enum Filling: Sendable, Equatable {
    /// The symbol's address, or its PLT stub's.
    case address(UInt64)
    /// The address of a GOT slot.
    case slot(UInt64)
    /// Offset of a thread-local variable from the thread pointer, negative.
    case threadOffset(Int64)
    /// A GOT slot with such an offset.
    case threadOffsetSlot(UInt64)
    /// A GOT slot pair with module id and offset, or a TLS descriptor.
    case threadIndexSlot(UInt64)
    /// Offset of a thread-local variable in its module's segment.
    case moduleOffset(Int64)
    /// Nothing that can be checked: a mark, or code that the linker made superfluous.
    case none
}

/// One reference of the object's function, solved.
package struct SolvedReference: Sendable, Equatable {
    /// The reference as in the object.
    package var reference: Reference
    /// What it came to.
    package var filling: Filling
}

/// A function of an object found in a linked file.
package struct CodeMatch: Sendable, Equatable {
    /// Where, as a link-time address.
    package var address: UInt64
    /// Length there, in bytes.
    package var size: Int
    /// All references, in order.
    package var references: [SolvedReference]
}

/// Why a function isn't at an address.
package struct CodeMismatch: Error, Sendable, Equatable {
    /// Offset into the object's function, in bytes.
    package var offset: Int
    /// Bytes there; zeros in the holes.
    package var expected: [UInt8]
    /// Bytes in the linked file.
    package var found: [UInt8]
    /// In words.
    package var reason: String
}
