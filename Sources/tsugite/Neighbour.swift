import ArgumentParser
import Console
import Glibc

/// A verb that another program of ours carries out: `tsugite` only lists it, and runs that program in its own place.
protocol NeighbourVerb: ParsableCommand {
    /// The words that follow the verb, untouched.
    var arguments: [String] { get }
}

extension NeighbourVerb {
    func run() throws {
        try Neighbour.channel.become([Self.configuration.commandName ?? ""] + arguments)
    }
}

/// `tsugite channel`.
struct ChannelVerb: NeighbourVerb {
    static let configuration = CommandConfiguration(
        commandName: "channel", abstract: "Run a signed channel of updates.")
    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []
}

/// `tsugite mirror`.
struct MirrorVerb: NeighbourVerb {
    static let configuration = CommandConfiguration(
        commandName: "mirror", abstract: "Keep a copy of a channel that can be served like the original.")
    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []
}

/// `tsugite tuf`.
struct TufVerb: NeighbourVerb {
    static let configuration = CommandConfiguration(
        commandName: "tuf", abstract: "Follow any TUF repository with the bare client.")
    @Argument(parsing: .captureForPassthrough) var arguments: [String] = []
}

/// Another executable of this installation.
struct Neighbour {
    /// Channels, mirrors, and all that needs a network.
    static let channel = Neighbour(name: "tsugite-channel")

    /// Its file's name.
    let name: String

    /// The folders in which it may be: where `make install` puts it, and where a build leaves it.
    ///
    /// Both are found from our own file, never from the environment or from PATH.
    static func places(from own: String) -> [String] {
        guard let slash = own.lastIndex(of: "/") else { return [] }
        let folder = own[..<slash]
        return ["\(folder)/../libexec/tsugite", "\(folder)"]
    }

    /// Its path; nil if this installation doesn't have it.
    var path: String? {
        // access takes a text and keeps nothing of it.
        Self.places(from: Self.ownPath).map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
    }

    static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        // readlink writes at most the given number of bytes into the buffer of that size.
        let length = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Runs it instead of this program; returns only if that can't be done, by an error.
    func become(_ arguments: [String]) throws -> Never {
        if let path {
            var words: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { unsafe strdup($0) }
            unsafe words.append(nil)
            // The array ends with nil, as execv(3) wants it; strdup's texts live until the program is replaced.
            _ = unsafe execv(path, &words)
        }
        Output.note("tsugite: \(name) can't be run: install the whole of tsugite (bin and libexec)")
        throw ExitStatus.internal.exit
    }
}
