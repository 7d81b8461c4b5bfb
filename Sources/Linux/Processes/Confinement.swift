import CLinux

/// A user of this machine.
public struct UserIdentity: Hashable, Sendable {
    /// User id.
    public var user: UInt32
    /// Primary group id.
    public var group: UInt32

    /// Finds a user by name; nil if there is none.
    public static func named(_ name: String) throws(SystemError) -> UserIdentity? {
        var found = UserIdentity(user: 0, group: 0)
        // Sound: the call reads a terminated text and writes two 32-bit words.
        let result = unsafe SystemCallResult(linux_user(name, &found.user, &found.group))
        if result.error == .noSuchFile { return nil }
        try result.check("getpwnam", name)
        return found
    }

    /// Makes a file or folder this user's; a link itself, never what it leads to: fchownat(2).
    public func own(_ path: String) throws(SystemError) {
        // Sound: the string is passed as a terminated copy that lives through the call.
        try unsafe SystemCallResult(linux_own(path, user, group)).check("fchownat", path)
    }
}

/// Gives rights up, for good.
public enum Confinement {
    /// Becomes another user, with no way back: setresuid(2).
    public static func become(_ identity: UserIdentity) throws(SystemError) {
        try SystemCallResult(linux_become(identity.user, identity.group)).check("setresuid", "\(identity.user)")
    }

    /// Forbids this process to write outside of a folder, to run programs, and ever to gain rights: landlock(7).
    ///
    /// Call it before any thread is started.
    /// - Returns: whether this kernel can do all of that; without Landlock only new rights are forbidden.
    public static func confine(writingBelow folder: String) throws(SystemError) -> Bool {
        // Sound: the string is passed as a terminated copy that lives through the call.
        try unsafe SystemCallResult(linux_confine(folder)).check("landlock_restrict_self", folder) == 1
    }
}
