import Linux
import Testing

@testable import ProcessPatcher

/// How sites become writes.
@Suite struct SiteTests {
    private func site(_ address: UInt64) -> SiteWrite {
        SiteWrite(
            address: RemoteAddress(address), expected: [0, 0, 0, 0, 0], replacement: [1, 1, 1, 1, 1], function: "f")
    }

    @Test func `sites in one page are one write`() {
        let (spans, offsets) = SiteWriter.spans([site(0x1010), site(0x1800), site(0x1ffb)])
        #expect(spans == [RemoteRange(start: RemoteAddress(0x1010), count: 0x2000 - 0x1010)])
        #expect(offsets == [0, 0x7f0, 0xfeb])
    }

    @Test func `a site in another page, or across two, is a write of its own`() {
        let (spans, offsets) = SiteWriter.spans([site(0x1010), site(0x1ffd), site(0x2010), site(0x3010)])
        #expect(spans.map(\.start.rawValue) == [0x1010, 0x1ffd, 0x2010, 0x3010])
        #expect(spans.allSatisfy { $0.count == 5 })
        #expect(offsets == [0, 5, 10, 15])
    }

    @Test func `no site is no write`() {
        #expect(SiteWriter.spans([]).spans.isEmpty)
    }
}
