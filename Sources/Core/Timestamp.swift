// RFC 3339 time stamps in UTC with nanoseconds, rendered without allocation.

/// A wall-clock instant in nanoseconds since 1970, rendered as `2026-11-21T19:45:00.123456789Z` (RFC 3339, always 30 bytes).
package struct Timestamp: Hashable, Sendable, Comparable {
    package let nanoseconds: Int64
    package static let byteCount = 30

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package static func now() -> Timestamp { Timestamp(nanoseconds: Clock.wall()) }
    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Writes the 30 bytes at `out` and returns the address behind them.
    package func write(_ out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        var (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: nanosecondsPerSecond)
        if fraction < 0 {
            seconds -= 1
            fraction += nanosecondsPerSecond
        }
        var (days, second) = seconds.quotientAndRemainder(dividingBy: 86_400)
        if second < 0 {
            days -= 1
            second += 86_400
        }
        let (year, month, day) = civil(fromDays: days)
        var place = out
        place = digits(year, 4, place, then: 0x2D)
        place = digits(month, 2, place, then: 0x2D)
        place = digits(day, 2, place, then: 0x54)
        place = digits(second / 3600, 2, place, then: 0x3A)
        place = digits(second / 60 % 60, 2, place, then: 0x3A)
        place = digits(second % 60, 2, place, then: 0x2E)
        return digits(fraction, 9, place, then: 0x5A)
    }

    /// Days since 1970-01-01 to year, month, day of the proleptic Gregorian calendar.
    private func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// Days since 1970-01-01 of a day of the proleptic Gregorian calendar. A day the month does not have is one of the next.
    package static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private func digits(
        _ value: Int64, _ count: Int, _ out: UnsafeMutablePointer<UInt8>, then separator: UInt8
    ) -> UnsafeMutablePointer<UInt8> {
        var rest = value
        for index in stride(from: count - 1, through: 0, by: -1) {
            out[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        out[count] = separator
        return out + count + 1
    }
}

extension Timestamp: CustomStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: Timestamp.byteCount) { buffer in
            _ = write(buffer.baseAddress!)
            return Timestamp.byteCount
        }
    }
}
