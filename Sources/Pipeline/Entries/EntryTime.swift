// Times of runtimes' entries: RFC 3339 with any zone and any number of digits, made UTC with nine.
internal import Core
internal import Glibc

/// Reads the times that runtimes write: `2006-01-02T15:04:05.999999999Z07:00` in Go's words, so without trailing zeros of
/// the fraction (RFC 3339, section 5.6).
enum EntryTime {
    /// The longest: nine digits and a numeric zone.
    static let maximumCount = 35
    private static let dateTimeCount = 19

    /// Writes the instant in `Timestamp.byteCount` bytes to `out`. False when it is no time: `out` is undefined then.
    static func write(_ text: UnsafePointer<UInt8>, count: Int, to out: UnsafeMutablePointer<UInt8>) -> Bool {
        guard count > dateTimeCount, count <= maximumCount, hasForm(text) else { return false }
        var place = dateTimeCount
        memcpy(out, text, dateTimeCount)
        out[dateTimeCount] = 0x2E
        var digits = 0
        if text[place] == 0x2E {
            place += 1
            while place < count, digits < 9, isDigit(text[place]) {
                out[dateTimeCount + 1 + digits] = text[place]
                digits += 1
                place += 1
            }
            if digits == 0 { return false }
        }
        while digits < 9 {
            out[dateTimeCount + 1 + digits] = 0x30
            digits += 1
        }
        guard place < count else { return false }
        out[dateTimeCount + 10] = 0x5A
        if text[place] == 0x5A { return place + 1 == count }
        guard let offset = zone(text + place, count: count - place) else { return false }
        if offset != 0 { shift(out, by: -offset) }
        return true
    }

    /// `dddd-dd-ddTdd:dd:dd` with values that exist; a leap second counts as one.
    @inline(__always)
    private static func hasForm(_ text: UnsafePointer<UInt8>) -> Bool {
        guard text[4] == 0x2D, text[7] == 0x2D, text[10] == 0x54, text[13] == 0x3A, text[16] == 0x3A else {
            return false
        }
        for place in 0..<4 where !isDigit(text[place]) { return false }
        guard let month = pair(text + 5), let day = pair(text + 8), let hour = pair(text + 11),
            let minute = pair(text + 14), let second = pair(text + 17)
        else { return false }
        return month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second <= 60
    }

    /// `+hh:mm` or `-hh:mm` in seconds.
    private static func zone(_ text: UnsafePointer<UInt8>, count: Int) -> Int64? {
        guard count == 6, text[0] == 0x2B || text[0] == 0x2D, text[3] == 0x3A, let hours = pair(text + 1),
            let minutes = pair(text + 4), hours < 24, minutes < 60
        else { return nil }
        let seconds = Int64(hours * 3600 + minutes * 60)
        return text[0] == 0x2B ? seconds : -seconds
    }

    /// Moves a written UTC time by whole seconds; its fraction stays.
    private static func shift(_ out: UnsafeMutablePointer<UInt8>, by seconds: Int64) {
        let text = UnsafePointer(out)
        let year = Int64(pair(text)!) * 100 + Int64(pair(text + 2)!)
        let day = Timestamp.days(year: year, month: Int64(pair(text + 5)!), day: Int64(pair(text + 8)!))
        let second = Int64(pair(text + 11)! * 3600 + pair(text + 14)! * 60 + pair(text + 17)!)
        var fraction: Int64 = 0
        for place in 0..<9 { fraction = fraction * 10 + Int64(out[dateTimeCount + 1 + place] - 0x30) }
        // Years that nanoseconds since 1970 cannot hold keep their zone's clock: no runtime writes them.
        guard (1678...2261).contains(year) else { return }
        _ = Timestamp(nanoseconds: (day * 86_400 + second + seconds) * nanosecondsPerSecond + fraction).write(out)
    }

    @inline(__always)
    private static func pair(_ text: UnsafePointer<UInt8>) -> Int? {
        isDigit(text[0]) && isDigit(text[1]) ? Int(text[0] - 0x30) * 10 + Int(text[1] - 0x30) : nil
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
}
