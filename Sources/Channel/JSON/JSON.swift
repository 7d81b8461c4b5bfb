/// A JSON value that loses nothing: unknown members stay, integers are exact, other numbers keep their text.
public enum JSON: Sendable, Equatable {
    /// The literal `null`.
    case null
    /// A truth value.
    case bool(Bool)
    /// A whole number that was written without fraction or exponent and fits.
    case integer(Int64)
    /// Any other number, as it was written.
    case number(String)
    /// Text.
    case string(String)
    /// A list.
    case array([JSON])
    /// Members by name.
    case object(Object)

    /// Members by name, in byte order, no name twice.
    public typealias Object = ByteMap<JSON>

    /// The text, if this is text.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The number, if this is a whole one.
    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The truth value, if this is one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The elements, if this is a list.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The members, if this is an object.
    public var object: Object? { if case .object(let value) = self { value } else { nil } }

    /// The member of an object; `nil` if it isn't there or this isn't an object.
    public subscript(name: String) -> JSON? { object?[key: name] }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A list.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        var object = Object()
        object.merge(elements.map { Object.Entry(key: $0.0, value: $0.1) })
        self = .object(object)
    }
    /// The literal `null`.
    public init(nilLiteral: ()) { self = .null }
}
