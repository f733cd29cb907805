// Points in time as people and events write them.
internal import Core

/// RFC 3339 and durations back from now, as milliseconds since 1970.
package enum Instant {
    /// `2026-11-21T19:45:00.123Z`, `2026-11-21T19:45:00+08:00`, `2026-11-21` (its beginning in UTC); nil for anything else.
    package static func parse(_ text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        func digits(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= bytes.count else { return nil }
            return bytes[from..<from + count].reduce(Int64?.some(0)) { sum, byte in
                guard let sum, (0x30...0x39).contains(byte) else { return nil }
                return sum * 10 + Int64(byte - 0x30)
            }
        }
        func has(_ place: Int, _ accepted: String) -> Bool {
            place < bytes.count && accepted.utf8.contains(bytes[place])
        }
        guard let year = digits(0, 4), has(4, "-"), let month = digits(5, 2), has(7, "-"), let day = digits(8, 2),
            (1...12).contains(month), day >= 1, day <= daysIn(month, year)
        else { return nil }
        let midnight = days(year, month, day) * 86_400_000
        if bytes.count == 10 { return midnight }
        guard has(10, "Tt "), let hour = digits(11, 2), has(13, ":"), let minute = digits(14, 2), has(16, ":"),
            let second = digits(17, 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        var place = 19
        var milliseconds: Int64 = 0
        if has(place, ".") {
            let fraction = bytes[(place + 1)...].prefix { (0x30...0x39).contains($0) }
            guard !fraction.isEmpty else { return nil }
            for (index, scale) in [Int64(100), 10, 1].enumerated() where index < fraction.count {
                milliseconds += Int64(fraction[fraction.startIndex + index] - 0x30) * scale
            }
            place += 1 + fraction.count
        }
        let time = midnight + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds
        if has(place, "Zz") { return bytes.count == place + 1 ? time : nil }
        guard has(place, "+-"), let hours = digits(place + 1, 2), has(place + 3, ":"),
            let minutes = digits(place + 4, 2), bytes.count == place + 6, hours < 24, minutes < 60
        else { return nil }
        let shift = (hours * 60 + minutes) * 60_000
        return bytes[place] == UInt8(ascii: "+") ? time - shift : time + shift
    }

    /// As `parse`, and `90s`, `30m`, `2h`, `7d`: so long before `now`.
    package static func parse(_ text: String, now: Int64) -> Int64? {
        let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        if let last = text.last, let unit = units[last],
            text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int64(text.dropLast())
        {
            let (span, isTooLong) = count.multipliedReportingOverflow(by: unit)
            return isTooLong || span > now ? nil : now - span
        }
        return parse(text)
    }

    private static func daysIn(_ month: Int64, _ year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970-01-01 of the proleptic Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
