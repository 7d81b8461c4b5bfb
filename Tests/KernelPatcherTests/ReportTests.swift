import Foundation
import Testing

@testable import KernelPatcher

@Suite struct ReportTests {
    @Test func `a report of before there was a word for modules that stay still reads`() throws {
        var report = KernelReport("apply", .applied, name: "fix", module: "tsugite_fix")
        let old = try JSONEncoder().encode(report)
        #expect(!String(decoding: old, as: UTF8.self).contains("kept"))
        #expect(try JSONDecoder().decode(KernelReport.self, from: old) == report)
        report.kept = ["tsugite_older"]
        #expect(try JSONDecoder().decode(KernelReport.self, from: JSONEncoder().encode(report)) == report)
    }
}
