import Foundation
import LivePatch
import Testing
@testable import ProcessPatcher
@Suite struct DevMake {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MK"] != nil)) func `makes a patch file`() throws {
        let a = ProcessInfo.processInfo.environment["MK"]!.split(separator: " ").map(String.init)
        let p = try MiniBuilder.patch(a[0], binary: a[1], object: a[2], replacing: [a[3]])
        try Data(p.patch.encoded()).write(to: URL(fileURLWithPath: a[4]))
    }
}
