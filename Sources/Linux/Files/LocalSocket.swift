import CLinux

/// A socket of this machine that others connect to by its path: unix(7).
public struct LocalSocket: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private let path: String

    /// Who is at the other end, as the kernel noted it at the connection.
    public struct Peer: Sendable, Equatable {
        /// The process.
        public var process: ProcessID
        /// Its effective user.
        public var user: UInt32
        /// Its effective group.
        public var group: UInt32
    }

    /// Listens at a path; a socket that nobody listens at any more is taken away first.
    ///
    /// - Throws: EADDRINUSE if somebody listens there.
    public init(listeningAt path: String, mode: UInt32 = 0o600) throws(SystemError) {
        if FileFacts.exists(path) {
            // Sound, here and below: the string is passed as a terminated copy that lives through the call.
            let other = SystemCallResult(unsafe linux_socket_connect(path))
            if !other.failed {
                _ = OwnedDescriptor(adopting: Int32(truncatingIfNeeded: other.rawValue))
                throw SystemError(call: "bind", errno: Errno(rawValue: 98), object: path)
            }
            try FileSystem.remove(path)
        }
        let made = try SystemCallResult(unsafe linux_socket_listen(path, mode)).check("bind", path)
        descriptor = OwnedDescriptor(adopting: Int32(truncatingIfNeeded: made))
        self.path = path
    }

    deinit { try? FileSystem.remove(path) }

    /// The next who connects; nil if nobody does in time.
    public borrowing func accept(milliseconds: Int32) throws(SystemError) -> OwnedDescriptor? {
        guard descriptor.isReadable(milliseconds: milliseconds) else { return nil }
        let made = SystemCallResult(linux_socket_accept(descriptor.rawValue))
        // Whoever went away again isn't an error of ours.
        if made.error == .interrupted || made.error == Errno(rawValue: 103) { return nil }
        return OwnedDescriptor(adopting: Int32(truncatingIfNeeded: try made.check("accept4", path)))
    }

    /// Connects to a socket.
    public static func connect(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let made = try SystemCallResult(unsafe linux_socket_connect(path)).check("connect", path)
        return OwnedDescriptor(adopting: Int32(truncatingIfNeeded: made))
    }

    /// Who is at the other end of a connection.
    public static func peer(of connection: borrowing OwnedDescriptor) throws(SystemError) -> Peer {
        var (process, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
        // Sound: the call writes the three numbers.
        let result = unsafe linux_socket_peer(connection.rawValue, &process, &user, &group)
        try SystemCallResult(result).check("getsockopt(SO_PEERCRED)", "")
        return Peer(process: ProcessID(process), user: user, group: group)
    }

    /// Limits how long one read or write on a connection may take.
    public static func limit(_ connection: borrowing OwnedDescriptor, milliseconds: UInt32) throws(SystemError) {
        try SystemCallResult(linux_socket_patience(connection.rawValue, milliseconds)).check("setsockopt", "")
    }
}
