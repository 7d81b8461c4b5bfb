import Glibc

/// When things may change by themselves: hours of some days of the week, local time.
public struct UpdateWindow: Sendable, Equatable {
    /// Days on which it begins, 0 for Sunday.
    var days: Set<Int>
    /// Minutes after midnight.
    var start: Int
    /// Minutes after midnight; before `start` if it ends on the next day.
    var end: Int

    private static let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// Reads `02:00-05:00` or `Sat,Sun 22:00-04:00`.
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard let hours = parts.last, parts.count <= 2 else { return nil }
        days = Set(0...6)
        if parts.count == 2 {
            let wanted = parts[0].split(separator: ",").map { Self.names.firstIndex(of: String($0)) }
            guard !wanted.contains(nil) else { return nil }
            days = Set(wanted.compactMap { $0 })
        }
        let ends = hours.split(separator: "-")
        guard ends.count == 2, let from = Self.minutes(ends[0]), let to = Self.minutes(ends[1]), from != to else {
            return nil
        }
        start = from
        end = to
    }

    private static func minutes(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let hour = Int(parts[0]), let minute = Int(parts[1]), (0...23).contains(hour),
            (0...59).contains(minute)
        else { return nil }
        return hour * 60 + minute
    }

    /// Whether a moment lies in it.
    func contains(day: Int, minute: Int) -> Bool {
        if start < end { return days.contains(day) && (start..<end).contains(minute) }
        if minute >= start { return days.contains(day) }
        return minute < end && days.contains((day + 6) % 7)
    }

    /// Whether one of them holds the present moment; no window at all means always.
    static func allow(_ windows: [UpdateWindow], at seconds: Int64) -> Bool {
        guard !windows.isEmpty else { return true }
        var time = time_t(seconds)
        var local = unsafe tm()
        // Both point to locals of the types that localtime_r(3) reads and fills.
        guard unsafe localtime_r(&time, &local) != nil else { return false }
        // Plain numbers of a structure that holds a pointer besides (its zone's name, which isn't looked at).
        let minute = unsafe Int(local.tm_hour) * 60 + Int(local.tm_min)
        let day = unsafe Int(local.tm_wday)
        return windows.contains { $0.contains(day: day, minute: minute) }
    }
}
