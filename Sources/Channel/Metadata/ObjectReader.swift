/// Reads the members of one JSON object, with errors that name the member.
struct ObjectReader {
    let object: JSON.Object
    let subject: String

    init(_ object: JSON.Object, subject: String) {
        self.object = object
        self.subject = subject
    }

    func failure(_ what: String) -> ChannelError { ChannelError(.malformed, subject, what) }

    func string(_ name: String) throws(ChannelError) -> String {
        guard let value = object[key: name]?.string else { throw failure("no text \"\(name)\"") }
        return value
    }

    func object(_ name: String) throws(ChannelError) -> JSON.Object {
        guard let value = object[key: name]?.object else { throw failure("no object \"\(name)\"") }
        return value
    }

    func array(_ name: String) throws(ChannelError) -> [JSON] {
        guard let value = object[key: name]?.array else { throw failure("no list \"\(name)\"") }
        return value
    }

    func bool(_ name: String) throws(ChannelError) -> Bool {
        guard let value = object[key: name]?.bool else { throw failure("no truth value \"\(name)\"") }
        return value
    }

    /// A whole number of at least `minimum`.
    func integer(_ name: String, atLeast minimum: Int) throws(ChannelError) -> Int {
        guard let value = object[key: name]?.integer, let number = Int(exactly: value), number >= minimum else {
            throw failure("no whole number \"\(name)\" of at least \(minimum)")
        }
        return number
    }

    /// The same, or `nil` if there is no such member.
    func optionalInteger(_ name: String, atLeast minimum: Int) throws(ChannelError) -> Int? {
        object[key: name] == nil ? nil : try integer(name, atLeast: minimum)
    }

    func strings(_ name: String) throws(ChannelError) -> [String] {
        var texts: [String] = []
        for element in try array(name) {
            guard let text = element.string else { throw failure("\"\(name)\" holds something else than text") }
            texts.append(text)
        }
        return texts
    }

    /// All members but those named: what this version doesn't know, to be kept.
    func others(than known: String...) -> JSON.Object {
        var rest = object
        for name in known { rest[key: name] = nil }
        return rest
    }
}
