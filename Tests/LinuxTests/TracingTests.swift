import Linux
import Testing

@Suite struct `Process listings` {
    @Test func `lists this process and its threads`() throws {
        #expect(try ProcessList.now().contains(.current))
        #expect(try ThreadList.now(of: .current).contains(.current))
    }

    @Test func `reads this process's mappings`() throws {
        var reader = ProcReader()
        let mappings = try reader.mappings(of: .current)
        #expect(mappings.contains { $0.name == "[stack]" })
        #expect(mappings.contains { $0.area.permissions.contains(.execute) && $0.area.isFile })
    }
}
