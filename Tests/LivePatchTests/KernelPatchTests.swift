import ELF
import LivePatch
import Testing

@Suite struct KernelPatchTests {
    static let patch = KernelPatch(
        name: "CVE-2026-1", module: "tsugite_CVE_2026_1", release: "6.1.0-56-cloud-amd64",
        buildID: BuildID([1, 2, 3, 4]), changes: [Digest(of: [1])], replaces: true,
        targets: [
            KernelPatchTarget(
                name: "vmlinux", buildID: nil,
                functions: [
                    ReplacedKernelCode(
                        name: "show", position: 2, original: [0xe8, 1, 2, 3, 4, 0xc3], mutable: [0..<5])
                ]),
            KernelPatchTarget(name: "8021q", buildID: BuildID([9]), functions: []),
        ])

    @Test func `comes back as it was written`() throws {
        #expect(try KernelPatch(decoding: Self.patch.encoded) == Self.patch)
    }

    @Test func `truncated and altered descriptions are errors, never traps`() {
        let bytes = Self.patch.encoded
        for length in 0..<bytes.count {
            #expect(throws: PatchFileError.self) { try KernelPatch(decoding: Array(bytes[..<length])) }
        }
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0xff
            _ = try? KernelPatch(decoding: damaged)
        }
        #expect(throws: PatchFileError.self) { try KernelPatch(decoding: bytes + [0]) }
    }

    @Test(arguments: [
        ([0x0f, 0x1f, 0x44, 0, 0, 0xc3] as [UInt8], nil as Int?), ([0xe8, 1, 2, 3, 4, 0xcc], 5), ([0xe8, 1], 2),
    ])
    func `finds the first byte that the kernel didn't change by itself`(_ running: [UInt8], _ expected: Int?) {
        #expect(Self.patch.targets[0].functions[0].firstDifference(running) == expected)
    }
}
