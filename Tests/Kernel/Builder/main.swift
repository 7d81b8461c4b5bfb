import ELF
import Findings
import Glibc
import KernelImage
import Linux
import LivePatch
import PatchBuilder

// kernel-builder image BOOT_IMAGE                  reads an image, prints what is in it and how long it took
// kernel-builder build FOLDER OUTPUT DIFF...       builds one patch for each diff; a line with the result of each
//
// FOLDER is what Tests/Kernel/fetch printed.

func seconds(_ body: () throws -> Void) rethrows -> String {
    let start = MonotonicTime.now
    try body()
    let parts = start.duration(to: .now).components
    return "\(parts.seconds).\(String(1000 + parts.attoseconds / 1_000_000_000_000_000).dropFirst())"
}

func image(_ path: String) throws {
    var text = ""
    let time = try seconds {
        let kernel = try KernelBinary(reading: path)
        let types = try kernel.types()
        let sites = try SiteTable.allCases.map { try $0.sites(in: kernel, types: types).count }
        let exports = try ExportTable(of: kernel)
        text =
            "\(kernel.release) \(kernel.buildID): \(kernel.symbols.count) symbols, \(types.count) types, "
            + "\(sites.reduce(0, +)) sites, \(exports.count) exports"
    }
    var usage = rusage()
    // Sound: the call fills a local of its type.
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    print("\(text); \(time) s, \(usage.ru_maxrss / 1024) MB")
}

func build(_ folder: String, _ output: String, _ diffs: ArraySlice<String>) throws -> Bool {
    let release = String(folder.split(separator: "/").last ?? "")
    let package = try KernelPackage(root: folder, release: release, source: folder + "/source")
    let builder = try KernelBuilder(package, work: folder + "/work")
    var isGood = true
    for diff in diffs {
        let name = String((diff.split(separator: "/").last ?? "").prefix { $0 != "." })
        do {
            var result: KernelBuildResult?
            let time = try seconds { result = try builder.build([diff], name: name) }
            guard let result else { continue }
            try FileSystem.replace("\(output)/\(result.patch.module).tsp", with: result.file)
            print("BUILT \(name) \(time) s: \(result.notes.joined(separator: "; "))")
        } catch let error as any DiagnosableError {
            isGood = false
            print("REFUSED \(name) \("\(error.finding)".split(separator: "\n").joined(separator: " |"))")
        }
    }
    return isGood
}

let arguments = CommandLine.arguments
do {
    switch arguments.dropFirst().first {
    case "image": try image(arguments.last ?? "")
    case "build" where arguments.count > 4:
        exit(try build(arguments[2], arguments[3], arguments[4...]) ? 0 : 1)
    default:
        print("usage: kernel-builder image FILE | build FOLDER OUTPUT DIFF...")
        exit(64)
    }
} catch {
    print("\((error as? any DiagnosableError)?.finding.description ?? "\(error)")")
    exit(1)
}
