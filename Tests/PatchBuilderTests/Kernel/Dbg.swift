import ELF
import Foundation
import KernelImage
import Linux
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct KernelDbg {
    @Test func `dbg prove`() throws {
        guard let list = ProcessInfo.processInfo.environment["DBG_OBJECTS"] else { return }
        let fixture = try #require(KernelFixture.image)
        var clock = ContinuousClock().now
        func lap(_ what: String) {
            let now = ContinuousClock().now
            print("DBG", what, now - clock)
            clock = now
        }
        let kernel = try KernelBinary(reading: fixture.bootImage)
        lap("image")
        let types = try kernel.types()
        lap("btf \(types.count)")
        _ = try SiteMap(of: kernel, types: types)
        lap("sites")
        for path in list.split(separator: " ").map(String.init) {
            let file = try ELFFile(ByteStorage(reading: "\(fixture.folder)/build/\(path)"))
            let model = try ObjectModel(file, name: path).withSiblingReferences()
            lap("read \(path)")
            var object: any KernelObject = kernel
            if path.contains("8021q") {
                object = try ModuleImage(
                    ModuleFile(reading: "\(fixture.modules)/kernel/net/8021q/8021q.ko"), kernel: kernel.symbols)
            }
            let placement = KernelPlacer.place(model, unit: path, in: object)
            lap("placed")
            var counts: [String: Int] = [:]
            for (index, proof) in placement.functions {
                switch proof {
                case .proven: counts["proven", default: 0] += 1
                case .overridden: counts["overridden", default: 0] += 1
                case .absent: counts["absent", default: 0] += 1; print("DBG absent", model.entities[index].name)
                case .mismatch(let m):
                    counts["mismatch", default: 0] += 1;
                    print("DBG", m.function, m.offset, m.reason, "E", m.expected, "F", m.found)
                }
            }
            print(
                "DBG", path, counts, "data",
                model.entities.filter { $0.kind == .data && placement.addresses[$0.index] == nil }.map(\.name)
                    .prefix(20))
        }
    }
}
