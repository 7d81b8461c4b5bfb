/// Statements in the forms that other tools read.
public struct AdvisoryDocument: Sendable {
    /// Who says it.
    public var author: String
    /// A name for this document, a URI.
    public var identifier: String
    /// When.
    public var time: UTCTime
    /// What.
    public var statements: [VEXStatement]

    /// Puts a document together.
    public init(author: String, identifier: String, time: UTCTime, statements: [VEXStatement]) {
        self.author = author
        self.identifier = identifier
        self.time = time
        self.statements = statements
    }

    /// OpenVEX 0.2.0 (github.com/openvex/spec).
    public var openVEX: JSON {
        let all = statements.map { statement -> JSON in
            var object: JSON.Object = [
                "vulnerability": ["name": .string(statement.advisory)],
                "products": [["@id": .string(statement.product)]],
                "status": statement.isFixed ? "fixed" : "affected", "status_notes": .string(statement.note),
            ]
            if !statement.isFixed, let remedy = statement.remedy {
                object[key: "action_statement"] = .string(remedy)
            }
            return .object(object)
        }
        return [
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": .string(identifier), "author": .string(author),
            "timestamp": .string(time.description), "version": 1, "statements": .array(all),
        ]
    }

    /// CSAF 2.0, profile 5 "VEX" (docs.oasis-open.org/csaf/csaf/v2.0).
    public var csaf: JSON {
        let stamp = JSON.string(time.description)
        let products = Set(statements.map(\.product)).sorted().map { product -> JSON in
            let name = String(product.dropFirst("pkg:deb/debian/".count))
            return [
                "product_id": .string(product), "name": .string(name),
                "product_identification_helper": ["purl": .string(product)],
            ]
        }
        var object: JSON.Object = [
            "document": [
                // The profile needs a product and a vulnerability; with neither this is a document like any other.
                "category": statements.isEmpty ? "csaf_base" : "csaf_vex", "csaf_version": "2.0",
                "title": "Fixes in memory",
                "publisher": ["category": "user", "name": .string(author), "namespace": .string(identifier)],
                "tracking": [
                    "id": .string(identifier), "status": "final", "version": "1", "initial_release_date": stamp,
                    "current_release_date": stamp,
                    "revision_history": [["date": stamp, "number": "1", "summary": "generated"]],
                    "generator": ["engine": ["name": "tsugite"]],
                ],
            ]
        ]
        guard !statements.isEmpty else { return .object(object) }
        object[key: "product_tree"] = ["full_product_names": .array(products)]
        object[key: "vulnerabilities"] = .array(
            Dictionary(grouping: statements, by: \.advisory).sorted { $0.key < $1.key }.map(Self.vulnerability))
        return .object(object)
    }

    private static func vulnerability(_ advisory: String, _ statements: [VEXStatement]) -> JSON {
        func products(_ isFixed: Bool) -> [JSON] {
            Set(statements.filter { $0.isFixed == isFixed }.map(\.product)).sorted().map { .string($0) }
        }
        var status: JSON.Object = [:]
        if !products(true).isEmpty { status[key: "fixed"] = .array(products(true)) }
        if !products(false).isEmpty { status[key: "known_affected"] = .array(products(false)) }
        let remedies = statements.compactMap { statement -> JSON? in
            guard let action = statement.remedy else { return nil }
            return [
                "category": "vendor_fix", "details": .string(action), "product_ids": [.string(statement.product)],
                "restart_required": ["category": statement.isLive ? "none" : "service"],
            ]
        }
        var object: JSON.Object = [
            "product_status": .object(status),
            "notes": .array(
                statements.map { ["category": "details", "text": .string("\($0.package): \($0.note)")] }),
        ]
        if !remedies.isEmpty { object[key: "remediations"] = .array(remedies) }
        if isCVE(advisory) {
            object[key: "cve"] = .string(advisory)
        } else {
            object[key: "ids"] = [["system_name": "advisory", "text": .string(advisory)]]
        }
        return .object(object)
    }

    /// Section 3.2.3.2: only names of that form may stand under "cve".
    private static func isCVE(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        func isNumber(_ text: Substring) -> Bool { text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        return parts.count == 3 && parts[0] == "CVE" && parts[1].utf8.count == 4 && isNumber(parts[1])
            && parts[2].utf8.count >= 4 && isNumber(parts[2])
    }
}
