import Channel

/// What the specifications of OpenVEX 0.2.0 and CSAF 2.0 ask of a document, as far as ours can offend against it: members
/// that must be there, their types and words, references between them.
enum VEXForms {
    /// What is wrong with an OpenVEX document.
    static func complaintsAboutOpenVEX(_ document: JSON) -> [String] {
        var wrong = texts(["@context", "@id", "author", "timestamp"], of: document, "document")
        if document["@context"]?.string?.hasPrefix("https://openvex.dev/ns") != true { wrong.append("@context") }
        if document["timestamp"]?.string.flatMap({ UTCTime($0) }) == nil { wrong.append("timestamp") }
        if document["version"]?.integer ?? 0 < 1 { wrong.append("version") }
        for statement in document["statements"]?.array ?? [] {
            let status = statement["status"]?.string ?? ""
            if !["not_affected", "affected", "fixed", "under_investigation"].contains(status) {
                wrong.append("status")
            }
            if statement["vulnerability"]?["name"]?.string ?? "" == "" {
                wrong.append("vulnerability without a name")
            }
            if (statement["products"]?.array ?? []).isEmpty { wrong.append("statement without products") }
            for product in statement["products"]?.array ?? [] { wrong += texts(["@id"], of: product, "product") }
            if status == "affected" { wrong += texts(["action_statement"], of: statement, "affected statement") }
        }
        return wrong
    }

    /// What is wrong with a CSAF document: the schema, the profile "VEX" (4.5), and of the mandatory tests 6.1.1, 6.1.2,
    /// 6.1.6 and 6.1.27.
    static func complaintsAboutCSAF(_ csaf: JSON) -> [String] {
        var wrong = complaintsAboutHead(csaf["document"])
        let isVEX = csaf["document"]?["category"] == "csaf_vex"
        let products = csaf["product_tree"]?["full_product_names"]?.array ?? []
        let known = products.compactMap { $0["product_id"]?.string }
        for product in products {
            wrong += texts(["product_id", "name"], of: product, "product")
            if product["product_identification_helper"]?["purl"]?.string?.hasPrefix("pkg:") != true {
                wrong.append("purl")
            }
        }
        if Set(known).count != products.count { wrong.append("6.1.2: a product twice") }
        let vulnerabilities = csaf["vulnerabilities"]?.array ?? []
        if isVEX == known.isEmpty { wrong.append("product_tree") }
        if isVEX == vulnerabilities.isEmpty { wrong.append("vulnerabilities") }
        return wrong + vulnerabilities.flatMap { complaints(about: $0, known: Set(known)) }
    }

    private static func complaintsAboutHead(_ head: JSON?) -> [String] {
        guard let head, let tracking = head["tracking"], let publisher = head["publisher"] else {
            return ["document"]
        }
        var wrong = texts(["category", "csaf_version", "title"], of: head, "document")
        wrong += texts(["name", "namespace"], of: publisher, "publisher")
        wrong += texts(
            ["id", "status", "version", "initial_release_date", "current_release_date"], of: tracking, "tracking")
        let roles = ["coordinator", "discoverer", "other", "translator", "user", "vendor"]
        if !roles.contains(publisher["category"]?.string ?? "") { wrong.append("publisher's category") }
        let revisions = tracking["revision_history"]?.array ?? []
        if revisions.last?["number"] != tracking["version"] { wrong.append("6.1.16: the latest revision") }
        for revision in revisions { wrong += texts(["date", "number", "summary"], of: revision, "revision") }
        for name in ["initial_release_date", "current_release_date"]
        where tracking[name]?.string.flatMap({ UTCTime($0) }) == nil {
            wrong.append(name)
        }
        return wrong
    }

    private static func complaints(about vulnerability: JSON, known: Set<String>) -> [String] {
        var wrong: [String] = []
        let cve = vulnerability["cve"]?.string
        if cve == nil, (vulnerability["ids"]?.array ?? []).isEmpty { wrong.append("6.1.27.8: neither cve nor ids") }
        if let cve, cve.wholeMatch(of: /CVE-[0-9]{4}-[0-9]{4,}/) == nil { wrong.append("cve: \(cve)") }
        for item in vulnerability["ids"]?.array ?? [] { wrong += texts(["system_name", "text"], of: item, "id") }
        if (vulnerability["notes"]?.array ?? []).isEmpty { wrong.append("6.1.27.5: no notes") }
        for note in vulnerability["notes"]?.array ?? [] { wrong += texts(["category", "text"], of: note, "note") }
        func named(_ list: String) -> [String] {
            (vulnerability["product_status"]?[list]?.array ?? []).compactMap(\.string)
        }
        let fixed = named("fixed"), affected = named("known_affected")
        if fixed.isEmpty, affected.isEmpty { wrong.append("product_status") }
        if !Set(fixed).isDisjoint(with: affected) { wrong.append("6.1.6: contradicting status") }
        if !Set(fixed + affected).isSubset(of: known) { wrong.append("6.1.1: unknown product") }
        let remedies = vulnerability["remediations"]?.array ?? []
        for remedy in remedies {
            wrong += texts(["category", "details"], of: remedy, "remediation")
            let categories = [
                "none", "service", "system", "zone", "parent", "machine", "dependencies", "connected",
            ]
            let restart = remedy["restart_required"]?["category"]?.string
            if let restart, !categories.contains(restart) { wrong.append("restart_required") }
        }
        let remedied = remedies.flatMap { $0["product_ids"]?.array ?? [] }.compactMap(\.string)
        if !Set(affected).isSubset(of: remedied) { wrong.append("6.1.27.10: affected without an action") }
        return wrong
    }

    private static func texts(_ names: [String], of object: JSON, _ place: String) -> [String] {
        names.filter { object[$0]?.string ?? "" == "" }.map { "\(place) without \($0)" }
    }
}
