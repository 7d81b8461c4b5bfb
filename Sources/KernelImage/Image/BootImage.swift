public import ELF

/// A boot image of Linux/x86: 16-bit setup code, a loader, and inside it the compressed kernel.
///
/// The setup header says where the payload lies (Documentation/arch/x86/boot.rst, protocol 2.08 and later):
///
///     0x1f1 setup_sects │ 0x202 "HdrS" │ 0x206 version │ 0x248 payload_offset │ 0x24c payload_length
///
/// `payload_offset` counts from the end of the setup sectors, of which there is one more than `setup_sects`
/// says, 512 bytes each; 0 sectors stand for 4.
public enum BootImage {
    /// Largest kernel that is expanded, in bytes: ten times what distributors ship.
    public static let sizeLimit = 512 << 20

    /// The kernel's ELF file inside a boot image, or the bytes themselves if they already are one.
    /// - Throws: ``KernelImageError`` if the image is of another kind or damaged.
    public static func kernel(in image: ByteView) throws(KernelImageError) -> ELFFile {
        if isELF(image) { return try reading { () throws(ELFError) in try ELFFile(image) } }
        let payload = try payload(of: image)
        let expanded: ByteView
        if isELF(payload) {
            expanded = payload
        } else {
            guard let format = CompressionFormat(payload) else { throw KernelImageError(.notAnImage) }
            expanded = try format.expand(payload, limit: sizeLimit, expected: trailingSize(payload))
        }
        return try reading { () throws(ELFError) in try ELFFile(expanded) }
    }

    static func payload(of image: ByteView) throws(KernelImageError) -> ByteView {
        guard let magic = try? image.load(0x202, as: UInt32.self), magic == 0x5372_6448 else {
            throw KernelImageError(.notAnImage)
        }
        return try reading { () throws(ELFError) in
            let version: UInt16 = try image.load(0x206)
            guard version >= 0x208 else {
                throw ELFError(.unsupported, at: 0x206, "boot protocol \(version >> 8).\(version & 0xff)")
            }
            let sectors = UInt64(try image.load(0x1f1, as: UInt8.self))
            let start = (1 + (sectors == 0 ? 4 : sectors)) * 512
            let (offset, length) = (
                UInt64(try image.load(0x248, as: UInt32.self)), UInt64(try image.load(0x24c, as: UInt32.self))
            )
            return try image.slice(start + offset, length, "compressed kernel")
        }
    }

    /// The build appends the expanded size in 32 bits, for the decoders that can't know it.
    private static func trailingSize(_ payload: ByteView) -> Int? {
        guard let size = try? payload.load(payload.count - 4, as: UInt32.self) else { return nil }
        return Int(size)
    }

    private static func isELF(_ bytes: ByteView) -> Bool { (try? bytes.load(0, as: UInt32.self)) == 0x464c_457f }
}
