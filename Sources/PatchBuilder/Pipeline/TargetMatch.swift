/// Which link of the reproduced build corresponds to a shipped target.
package struct TargetMatch: Sendable, Codable, Equatable {
    /// The shipped file.
    package var target: String
    /// ``LinkCommand/id`` of the link that made its counterpart.
    package var link: Int
    /// How the two were brought together.
    package var reason: Reason

    /// How a target was recognised, surest first.
    package enum Reason: String, Sendable, Codable {
        /// Same GNU build-id.
        case buildID = "build-id"
        /// Same file name (version digits of a shared library aside), or same SONAME.
        case name
    }

    /// Makes a match.
    package init(target: String, link: Int, reason: Reason) {
        self.target = target
        self.link = link
        self.reason = reason
    }
}
