import ELF
import Findings
import KernelImage

// Run-pre for the kernel: is the object that was built here what the shipped kernel is made of?
//
// The shipped kernel has names and addresses of all functions, but names repeat: there are dozens of static
// `show` and `init`. Each function of the object is looked for at every address that has its name. It is there
// if all bytes outside of references are equal, and if every reference leads where the source says: to a symbol
// of that name, to a string of that text, to unnamed data of those bytes.
//
// What is still ambiguous after that, the linker decides: it puts the sections of one object into the kernel as
// they are. So each function whose place is certain votes for a base (its address minus its offset), and
//
//     address = base of the section + offset in the plain object
//
// settles the others, data included; and a function that doesn't lie at its section's base is not this object's.
// References vote too: where proven code refers to a static variable, there it is.
//
// The answer to "which of the symbols of this name" (`sympos`) follows: it is the one at that address. And if no
// function of the object is anywhere in the kernel, then the kernel was built without that file.

/// What became of one function of the object.
package enum FunctionProof: Sendable, Equatable {
    /// It is in the kernel, there.
    case proven(CodeMatch)
    /// A weak function that another object's replaced.
    case overridden
    /// The kernel has no function of that name: unused, or inlined everywhere.
    case absent
    /// The kernel's function of that name has other code.
    case mismatch(KernelMismatch)
}

/// Why a function that was built here isn't the kernel's.
package struct KernelMismatch: Error, Sendable, Equatable {
    /// The source file or object.
    package var unit: String
    /// The function.
    package var function: String
    /// Offset into the function, in bytes.
    package var offset: Int
    /// What the object has there.
    package var expected: String
    /// What the kernel has there.
    package var found: String
    /// In words.
    package var reason: String

    /// The refusal.
    package var error: BuildError {
        BuildError(
            .kernelMismatch, "\(function) in \(unit) isn't the kernel's: \(reason)",
            evidence: [
                "object": unit, "function": function, "offset": "0x" + String(offset, radix: 16),
                "expected": expected, "found": found, "likely cause": cause,
            ])
    }

    /// The likely cause, from what differs; measured on kernels built with one option changed.
    private var cause: String {
        if offset == 0 || reason.contains("entry") { return "another configuration (tracing of functions)" }
        if expected.hasPrefix("reference") { return "another source version, or a changed structure or symbol" }
        return "another compiler package, configuration or source version than the kernel's"
    }
}

/// Where the entities of one object are in the kernel or a module.
package struct KernelPlacement: Sendable {
    /// For each entity its address in the image.
    package var addresses: [UInt64?]
    /// For each function what became of it.
    package var functions: [Int: FunctionProof]

    /// The number of functions that are proven.
    package var proven: Int {
        functions.values.count { if case .proven = $0 { true } else { false } }
    }

    /// The first function that isn't the kernel's.
    package var mismatch: KernelMismatch? {
        functions.sorted { $0.key < $1.key }.lazy.compactMap { entry in
            if case .mismatch(let found) = entry.value { found } else { nil }
        }.first
    }
}
