extension ByteStorage {
    /// Allocates `capacity` bytes and lets `fill` write some of them from the start.
    ///
    /// `fill` returns how many it wrote, or `nil` if it failed, and then there is no storage.
    public static func filled(
        capacity: Int, by fill: (UnsafeMutableRawBufferPointer) -> Int?
    ) -> ByteStorage? {
        guard capacity >= 0 else { return nil }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(capacity, 1), alignment: 16)
        // The allocation has at least `capacity` bytes, and at least one, so it has an address.
        guard let base = buffer.baseAddress,
            let count = unsafe fill(UnsafeMutableRawBufferPointer(start: base, count: capacity)), count >= 0
        else {
            unsafe buffer.deallocate()
            return nil
        }
        return unsafe ByteStorage(adopting: UnsafeRawPointer(base), count: min(count, capacity), isMapped: false)
    }
}
