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
        let pages = try String(contentsOfFile: folder + "/statm", encoding: .utf8).split(separator: " ")
        residentPages = pages.count > 1 ? Int(pages[1]) ?? 0 : 0
    }
}
