import ELF
import TestSupport
import Testing

/// Damaged files of each kind: reading must end in values or errors; a trap ends the test run.
@Suite("hostile ELF input")
struct HostileInputTests {
    @Test(arguments: ELFFixture.allCases)
    func `an undamaged file is read without an error`(fixture: ELFFixture) throws {
        let exercise = ELFExercise(ByteView(try fixture.make()))
        // Objects may have relocations of other sections only; each reader is asked for each section.
        #expect(exercise.errors == 0)
        #expect(exercise.values > 20)
    }

    @Test(arguments: ELFFixture.allCases)
    func `a file cut off at any length gives values or errors`(fixture: ELFFixture) throws {
        let bytes = try fixture.make()
        let storage = ByteView(bytes)
        var failures = 0
        for length in Self.lengths(bytes.count) {
            let exercise = ELFExercise(try storage.slice(0, UInt64(length), "prefix"))
            if exercise.errors > 0 { failures += 1 }
        }
        #expect(failures > 0)
    }

    @Test(arguments: ELFFixture.allCases)
    func `a file with flipped bits gives values or errors`(fixture: ELFFixture) throws {
        let bytes = try fixture.make()
        let tables = try Self.tables(bytes)
        var random = SeededRandom(seed: 20_260)
        var failures = 0
        for round in 0..<(bytes.count < 16384 ? 2000 : bytes.count < 200_000 ? 100 : 10) {
            var damaged = bytes
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                // Every second time in the headers, where most numbers are.
                let range = round % 2 == 0 ? 0..<bytes.count : tables.randomElement(using: &random) ?? 0..<64
                damaged[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            if ELFExercise(ByteView(damaged)).errors > 0 { failures += 1 }
        }
        #expect(failures > 0)
    }

    @Test(arguments: ELFFixture.allCases)
    func `a file whose numbers are as large as they can be gives values or errors`(fixture: ELFFixture) throws {
        let bytes = try fixture.make()
        // Every number of a small file's headers; of a large one those of some entries.
        let step = bytes.count < 16384 ? 4 : bytes.count < 200_000 ? 24 : 200
        var failures = 0
        for table in try Self.tables(bytes) {
            for place in stride(from: table.lowerBound, to: table.upperBound - 8, by: step) {
                for (width, last) in [(2, 0xff), (4, 0xff), (4, 0x7f), (8, 0xff), (8, 0x7f)] as [(Int, UInt8)] {
                    var damaged = bytes
                    for at in place..<place + width { damaged[at] = 0xff }
                    damaged[place + width - 1] = last
                    if ELFExercise(ByteView(damaged)).errors > 0 { failures += 1 }
                }
            }
        }
        #expect(failures > 0)
    }

    /// All lengths of a small file, some of a large one.
    private static func lengths(_ count: Int) -> [Int] {
        if count < 8192 { return Array(0..<count) }
        let step = max(1, count / (count < 200_000 ? 300 : 40))
        return Array(0..<64) + stride(from: 64, to: count, by: step)
    }

    /// Where the headers are: file header, program headers, section table, dynamic section.
    private static func tables(_ bytes: [UInt8]) throws -> [Range<Int>] {
        let file = try ELFFile(ByteView(bytes))
        let sections: UInt64 = try file.bytes.load(40)
        var tables = [0..<min(bytes.count, 64 + file.segments.count * 56)]
        if !file.sections.isEmpty { tables.append(Int(sections)..<bytes.count) }
        for segment in file.segments where segment.type == .dynamic {
            tables.append(Int(segment.offset)..<Int(segment.offset + segment.fileSize))
        }
        return tables
    }
}
