/// What a mapping allows: the second column of `/proc/PID/maps`.
public struct MappingPermissions: OptionSet, Hashable, Sendable, CustomStringConvertible {
    /// Bits of mmap(2)'s protection, and 8 for shared.
    public let rawValue: UInt8
    /// Takes the bits.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// PROT_READ.
    public static let read = MappingPermissions(rawValue: 1)
    /// PROT_WRITE.
    public static let write = MappingPermissions(rawValue: 2)
    /// PROT_EXEC.
    public static let execute = MappingPermissions(rawValue: 4)
    /// MAP_SHARED: writes reach the file.
    public static let shared = MappingPermissions(rawValue: 8)

    /// As in `/proc/PID/maps`: `r-xp`.
    public var description: String {
        (contains(.read) ? "r" : "-") + (contains(.write) ? "w" : "-") + (contains(.execute) ? "x" : "-")
            + (contains(.shared) ? "s" : "p")
    }
}

/// One mapping of a process without its name: what discovery compares, made without allocation.
public struct MappedArea: Hashable, Sendable {
    /// The first byte.
    public var start: RemoteAddress
    /// The address behind the last byte; above `start`.
    public var end: RemoteAddress
    /// What it allows.
    public var permissions: MappingPermissions
    /// The file offset of `start`, in bytes.
    public var offset: UInt64
    /// The file mapped here; inode 0 means none.
    public var file: FileIdentity

    /// Makes an area; `end` must be above `start`.
    public init(
        start: RemoteAddress, end: RemoteAddress, permissions: MappingPermissions, offset: UInt64,
        file: FileIdentity
    ) {
        self.start = start
        self.end = end
        self.permissions = permissions
        self.offset = offset
        self.file = file
    }

    /// Start and length.
    @inlinable
    public var range: RemoteRange { RemoteRange(start: start, count: end.rawValue - start.rawValue) }

    /// Whether `address` lies inside.
    @inlinable
    public func contains(_ address: RemoteAddress) -> Bool { address >= start && address < end }

    /// Whether a file is mapped here, as opposed to anonymous memory.
    @inlinable
    public var isFile: Bool { file.inode != 0 }
}

/// One mapping of a process with its name.
public struct MemoryMapping: Hashable, Sendable {
    /// The numbers.
    public var area: MappedArea
    /// The last column, unescaped: a path as the *process's* mount namespace names it, `[stack]`,
    /// `[anon:name]`, `/memfd:name`, or empty.
    ///
    /// Bytes that aren't UTF-8 are replaced: open the file through `/proc/PID/map_files`, never by this
    /// name.
    public var name: String
    /// Whether the kernel marked the file as deleted.
    ///
    /// A file whose real name ends in ` (deleted)` looks the same; the identity in ``area`` is the truth.
    public var isDeleted: Bool

    /// Makes a mapping.
    public init(area: MappedArea, name: String, isDeleted: Bool) {
        self.area = area
        self.name = name
        self.isDeleted = isDeleted
    }
}
