import Glibc

/// A moment in whole seconds of Coordinated Universal Time, as TUF metadata writes it.
public struct UTCTime: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    public var seconds: Int64

    /// A moment by its seconds since 1970.
    public init(seconds: Int64) { self.seconds = seconds }

    /// The system's clock.
    public static func now() -> UTCTime {
        var time = timespec()
        // `time` is a local of the type that the call fills.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UTCTime(seconds: Int64(time.tv_sec))
    }

    /// The moment that many seconds later; stays at the end of time instead of overflowing.
    public func adding(seconds more: Int64) -> UTCTime {
        let (sum, overflow) = seconds.addingReportingOverflow(more)
        return UTCTime(seconds: overflow ? (more > 0 ? .max : .min) : sum)
    }

    /// Earlier before later.
    public static func < (left: UTCTime, right: UTCTime) -> Bool { left.seconds < right.seconds }
}

extension UTCTime {
    /// Reads `YYYY-MM-DDTHH:MM:SSZ` and nothing else (TUF 4.2.2).
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let separators: [(Int, UInt8)] = [
            (4, UInt8(ascii: "-")), (7, UInt8(ascii: "-")), (10, UInt8(ascii: "T")), (13, UInt8(ascii: ":")),
            (16, UInt8(ascii: ":")), (19, UInt8(ascii: "Z")),
        ]
        guard bytes.count == 20, separators.allSatisfy({ bytes[$0.0] == $0.1 }) else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard Hex.isDigit(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...Self.days(inMonth: month, of: year)).contains(day), hour < 24,
            minute < 60, second < 60
        else { return nil }
        seconds = ((Self.days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a day of the Gregorian calendar.
    ///
    /// The year is taken to begin in March, so that the leap day is its last; 400 years have 146,097 days.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Counted from 400 years earlier, so that no division meets a negative number.
        let marchYear = (month > 2 ? year : year - 1) + 400
        let monthFromMarch = (month + 9) % 12
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + (monthFromMarch * 153 + 2) / 5 + day - 1 - 719_468 - 146_097
    }
}

extension UTCTime: CustomStringConvertible {
    /// As `YYYY-MM-DDTHH:MM:SSZ`; moments outside the years 0 to 9999 as the nearest one inside.
    public var description: String {
        let bounded = min(max(seconds, -62_167_219_200), 253_402_300_799)
        let second = (bounded % 86_400 + 86_400) % 86_400
        var left = (bounded - second) / 86_400
        // The year is the last one whose first day isn't later; the first guess is too late by a few years at most.
        var year = left / 365 + 1971
        while Self.days(year, 1, 1) > left { year -= 1 }
        left -= Self.days(year, 1, 1)
        var month: Int64 = 1
        while left >= Self.days(inMonth: month, of: year) {
            left -= Self.days(inMonth: month, of: year)
            month += 1
        }
        let date = "\(padded(year, 4))-\(padded(month))-\(padded(left + 1))"
        return "\(date)T\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))Z"
    }

    private func padded(_ value: Int64, _ width: Int = 2) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
