/// One line of updates that is delegated to a role of its own: all for one kernel release, package or base.
///
/// People and paths name it `user/libssl3`; its role is named `user.libssl3`. The role's name becomes a file
/// name on web servers, and a `/` in it (sent as `%2F`) is refused by some servers and turned into a folder by
/// others.
public struct Family: Sendable, Hashable {
    /// What is updated.
    public enum Kind: String, Sendable, CaseIterable {
        /// A kernel, by release.
        case kernel
        /// A user space package, by binary package name.
        case user
        /// A container's base, by its name.
        case zone
    }

    /// What is updated.
    public let kind: Kind
    /// The kernel release, package name or base.
    public let name: String

    /// Names a family; `nil` unless the name is made of letters, digits and `.+-_~:` only, and begins with a
    /// letter or digit.
    public init?(_ kind: Kind, _ name: String) {
        guard let first = name.utf8.first, Self.isWordByte(first), name.utf8.count <= 128,
            name.utf8.allSatisfy({ Self.isWordByte($0) || ".+-_~:".utf8.contains($0) })
        else { return nil }
        self.kind = kind
        self.name = name
    }

    /// Reads `kind/name`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])) else { return nil }
        self.init(kind, String(parts[1]))
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// The first two components of its target paths: `kind/name`.
    public var path: String { "\(kind.rawValue)/\(name)" }
    /// The name of its role.
    public var role: String { "\(kind.rawValue).\(name)" }
    /// What its role is trusted with: `kind/name/BUILD-ID/FILE`.
    var scope: DelegatedRole.Scope { .paths(["\(path)/*/*"]) }
}
