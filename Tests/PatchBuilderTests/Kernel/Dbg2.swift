import Foundation
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct KernelDbg2 {
    @Test func `dbg build`() throws {
        guard let list = ProcessInfo.processInfo.environment["DBG_PATCHES"],
            let out = ProcessInfo.processInfo.environment["DBG_OUT"]
        else { return }
        let fixture = ProcessInfo.processInfo.environment["DBG_KERNEL"].map { KernelFixture(folder: $0) } ?? KernelFixture.source!
        let package = try KernelPackage(
            root: fixture.folder, release: fixture.release, source: fixture.folder + "/source")
        var clock = ContinuousClock().now
        let builder = try KernelBuilder(package, work: fixture.folder + "/work")
        print("DBG open", ContinuousClock().now - clock)
        for patch in list.split(separator: " ").map(String.init) {
            clock = ContinuousClock().now
            let name = String(patch.split(separator: "/").last ?? "").replacing(".diff", with: "")
            do {
                let result = try builder.build([patch], name: name)
                try Data(result.file).write(to: URL(fileURLWithPath: "\(out)/\(result.patch.module).ko"))
                print("DBG OK", name, ContinuousClock().now - clock, result.notes)
            } catch let error as BuildError {
                print(
                    "DBG NO", name, ContinuousClock().now - clock, "\(error.finding)".replacing("\n", with: " | "))
            }
        }
    }
}
