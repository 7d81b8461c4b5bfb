import Foundation

/// What a process holds.
struct Footprint {
    var mappings: [String]
    var descriptors: [String]
    var threads: Int
    var residentPages: Int

    init(of victim: Victim) throws {
        let folder = "/proc/\(victim.pid)"
        mappings = try String(contentsOfFile: folder + "/maps", encoding: .utf8).split(separator: "\n").map(
            String.init)
        descriptors = try FileManager.default.contentsOfDirectory(atPath: folder + "/fd").sorted()
        threads = try FileManager.default.contentsOfDirectory(atPath: folder + "/task").count
        // statm would be off by what each processor hasn't added up yet.
        let rollup = try String(contentsOfFile: folder + "/smaps_rollup", encoding: .utf8).split(separator: "\n")
        let resident = rollup.first { $0.hasPrefix("Rss:") }?.split(separator: " ").dropFirst().first
        residentPages = resident.flatMap { Int($0) }.map { $0 / 4 } ?? 0
    }
}
