import ArgumentParser
import Channel

// Words of the command line that several verbs take. What is wrong with them is the caller's own mistake, so it ends as
// wrong usage, and never with the advice to try another mirror.

/// Families as people write them.
enum FamilyWords {
    static let allowed = "a family is kernel/RELEASE, user/PACKAGE or zone/BASE"

    static func check(_ texts: [String]) throws(ValidationError) {
        for text in texts where Family(text) == nil {
            throw ValidationError("\"\(text)\" is no family: \(allowed)")
        }
    }
}

/// Addresses as people write them.
enum AddressWords {
    static let allowed = "an address is http://…, https://…, file://… or a folder"

    /// Whether it has a scheme that can be followed, or none.
    static func isAddress(_ text: String) -> Bool {
        guard !text.isEmpty else { return false }
        guard let colon = text.firstRange(of: "://") else { return true }
        return ["http", "https", "file"].contains(text[..<colon.lowerBound])
    }

    static func check(_ text: String) throws(ValidationError) {
        guard isAddress(text) else { throw ValidationError("\"\(text)\" is no address: \(allowed)") }
    }
}

/// Reads a file that the caller named: what is wrong with it is no fault of a channel or mirror.
func asOwnFile<T>(_ path: String, remedy: String, _ body: () throws(ChannelError) -> T) throws(ChannelError) -> T {
    do throws(ChannelError) {
        return try body()
    } catch {
        guard error.kind == .malformed else { throw error }
        throw ChannelError(.file, error.subject, error.what, remedy: remedy)
    }
}
