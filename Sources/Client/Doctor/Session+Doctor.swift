public import Channel
import Findings
import Linux

extension Session {
    /// Gathers what probes look at.
    public func doctorFacts(_ catalogues: [String: Catalogue], hasNetworkPart: Bool) throws(ClientError)
        -> DoctorFacts
    {
        var facts = DoctorFacts(planner: try planner(catalogues), paths: store.paths, time: .now())
        facts.killSwitch = KillSwitch.active(store.paths)
        facts.hasNetworkPart = hasNetworkPart
        facts.journal = try store.read(ActionJournal.self, store.paths.journal)
        facts.isJournalOwnerAlive = facts.journal.map { Self.isOurs($0.process) } ?? false
        facts.boots = try store.read(BootMemory.self, store.paths.boots)
        facts.lastAction = try store.read(ActionReport.self, store.paths.lastAction)
        facts.effective = try store.read(EffectiveVersions.self, store.paths.effective)
        facts.disk = DiskVersions.read(store.paths.root)
        facts.kernelTrouble = (try? kernel.trouble()) ?? []
        for catalogue in catalogues.values {
            for family in catalogue.families where family.kind == .user {
                facts.packageFiles[family.name] = DiskVersions.files(of: family.name, store.paths.root)
            }
        }
        let replaced = facts.planner.inventory.modules.values.filter { $0.isDeleted && FileFacts.exists($0.path) }
        facts.replacedPaths = DiskVersions.packaged(Set(replaced.map(\.path)), store.paths.root)
        for folder in configuration.mirrors {
            let status = try asClient { () throws(ChannelError) in try Mirror(folder: folder).status() }
            facts.mirrors.append((folder, status, (try? FileSystem.freeBytes(at: folder)) ?? 0))
        }
        facts.packageLog = ["/var/log/apt/term.log", "/var/log/dnf.rpm.log"].map { path in
            String(((try? FileSystem.readText(store.paths.root + path)) ?? "").suffix(20_000))
        }.joined()
        return facts
    }

    /// Both axes.
    public func report(
        _ catalogues: [String: Catalogue], disk: DiskVersions, facts: [AdvisoryFact]
    ) throws(ClientError) -> TwoAxisReport {
        var files: [String: Set<String>] = [:]
        for package in Set(facts.flatMap { disk.binaries(of: $0.package) }) {
            files[package] = DiskVersions.files(of: package, store.paths.root)
        }
        return .make(try planner(catalogues), disk: disk, facts: facts, files: files, at: .now())
    }

    /// Whether a process of that number is one of this command's.
    private static func isOurs(_ process: Int32) -> Bool {
        var reader = ProcReader()
        return (try? reader.name(of: ProcessID(process)))?.hasPrefix("tsugite") == true
    }
}

extension DiskVersions {
    /// Those of some paths that belong to a package: what somebody rebuilds by hand is nobody's update.
    static func packaged(_ paths: Set<String>, _ root: String) -> Set<String> {
        let folder = "\(root)/var/lib/dpkg/info"
        guard !paths.isEmpty, let entries = try? Directory.entries(of: folder) else { return [] }
        var found: Set<String> = []
        for entry in entries where entry.name.hasSuffix(".list") && found.count < paths.count {
            found.formUnion(listed("\(folder)/\(entry.name)").intersection(paths))
        }
        return found
    }

    /// The files of a package, as dpkg lists them.
    static func files(of package: String, _ root: String) -> Set<String> {
        let folder = "\(root)/var/lib/dpkg/info"
        for name in ["\(package).list", "\(package):amd64.list", "\(package):arm64.list"] {
            let files = listed("\(folder)/\(name)")
            if !files.isEmpty { return files }
        }
        return []
    }

    private static func listed(_ path: String) -> Set<String> {
        guard let text = try? FileSystem.readText(path) else { return [] }
        // On merged systems /lib is a link to /usr/lib, and maps shows where it leads.
        return Set(text.split(separator: "\n").map { $0.hasPrefix("/lib") ? "/usr\($0)" : String($0) })
    }
}
