import ELF
import Linux
import LivePatch

/// Proves that the code in memory is the code that a patch was made for, byte by byte.
struct Proof {
    let session: ProcessSession
    /// Trampolines that stand there with good reason: those of patches that are replaced.
    let known: [RemoteAddress: [UInt8]]

    /// Compares every function of an image, and its parts.
    /// - Throws: a finding that names function, offset, and both bytes.
    func check(_ image: PlannedImage) throws(PatcherError) {
        for function in image.target.functions {
            let start = RemoteAddress(image.bias &+ function.address)
            try compare(function.name, start, start, function.original)
            for part in function.parts {
                let place = RemoteAddress(image.bias &+ part.address)
                try compare(function.name, place, place, part.original)
            }
        }
        for data in image.target.dataWrites {
            let place = RemoteAddress(image.bias &+ data.address)
            try compare(data.name, place, place, data.original)
        }
    }

    private func compare(
        _ name: String, _ start: RemoteAddress, _ from: RemoteAddress, _ original: [UInt8]
    ) throws(PatcherError) {
        var expected = original
        for (site, trampoline) in known {
            guard let offset = from.distance(to: site), offset >= 0,
                Int(offset) + trampoline.count <= expected.count
            else { continue }
            expected.replaceSubrange(Int(offset)..<Int(offset) + trampoline.count, with: trampoline)
        }
        let found = try session.memory.bytes(from, expected.count)
        if found == expected { return }
        throw PatcherError(
            BytesFinding.make(function: name, start: start, expected: expected, found: found, from: from, session))
    }
}
