import ELF
import Glibc
import Linux
import PatchBuilder

// comparing PRE POST OBJECT...: runs the comparing stage over objects of the same name in two folders, one pair after
// the other, and prints what it found as one JSON object. Time and memory are measured from outside (Benchmarks/compare-objects).

/// What was found, summed over all pairs.
struct Totals {
    var objects = 0
    var bytes = 0
    var functions = 0
    var changed = 0
    var differing = 0

    /// Reads and compares one pair.
    mutating func add(pre: String, post: String) throws {
        let before = try ObjectModel(ELFFile(ByteStorage(mapping: pre)), name: pre)
        let storage = try ByteStorage(mapping: post)
        let after = try ObjectModel(ELFFile(storage), name: post)
        let comparison = ObjectComparison(pre: before, post: after)
        objects += 1
        bytes += storage.count
        functions += comparison.sameFunctions + comparison.functions.count
        changed += comparison.functions.count
        differing += comparison.isSame ? 0 : 1
    }

    var json: String {
        "{\"objects\":\(objects),\"bytes\":\(bytes),\"functions\":\(functions),\"changed\":\(changed),"
            + "\"differing\":\(differing)}"
    }
}

@main
struct Comparing {
    static func main() {
        guard CommandLine.arguments.count > 3 else {
            print("usage: comparing PRE-FOLDER POST-FOLDER OBJECT...")
            exit(64)
        }
        let (pre, post) = (CommandLine.arguments[1], CommandLine.arguments[2])
        var totals = Totals()
        for name in CommandLine.arguments.dropFirst(3) {
            do {
                try totals.add(pre: "\(pre)/\(name)", post: "\(post)/\(name)")
            } catch {
                print("comparing: \(name): \(error)")
                exit(1)
            }
        }
        print(totals.json)
    }
}
