// RFC 3339 rendering against instants known from date(1).
import Core
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (-1_000_000_000, "1969-12-31T23:59:59.000000000Z"),
            (-86_400_000_000_000, "1969-12-31T00:00:00.000000000Z"),
            (951_782_399_999_999_999, "2000-02-28T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00.000000000Z"),
            (1_709_164_800_000_000_000, "2024-02-29T00:00:00.000000000Z"),
            (1_735_689_599_000_000_000, "2024-12-31T23:59:59.000000000Z"),
            (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000000Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
            (-2_203_891_200_000_000_000, "1900-03-01T00:00:00.000000000Z"),
            (1_795_290_300_123_456_789, "2026-11-21T19:45:00.123456789Z"),
            (Int64.max, "2262-04-11T23:47:16.854775807Z"),
            (Int64.min, "1677-09-21T00:12:43.145224192Z"),
        ] as [(Int64, String)])
    func `an instant is rendered with nanoseconds`(nanoseconds: Int64, text: String) {
        #expect(Timestamp(nanoseconds: nanoseconds).description == text)
    }

    @Test func `every day of four centuries follows the one before`() {
        let lengths: [Int] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var (year, month, day) = (1800, 1, 1)
        // 1800-01-01 is 62,091 days before 1970-01-01.
        for count: Int64 in -62_091 ..< -62_091 + 146_097 {
            let text = Timestamp(nanoseconds: count * 86_400 * nanosecondsPerSecond).description
            let parts = text.prefix(10).split(separator: "-").compactMap { Int($0) }
            if parts != [year, month, day] {
                Issue.record("day \(count) is \(text), not \(year)-\(month)-\(day)")
                return
            }
            let leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            day += 1
            if day > lengths[month - 1] + (month == 2 && leaps ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(year == 2200)
    }

    @Test func `exactly 30 bytes are written`() {
        var bytes = [UInt8](repeating: 0xA5, count: Timestamp.byteCount + 4)
        let written = bytes.withUnsafeMutableBufferPointer { buffer in
            Timestamp(nanoseconds: .max).write(buffer.baseAddress!) - buffer.baseAddress!
        }
        #expect(written == 30)
        #expect(bytes[30...] == [0xA5, 0xA5, 0xA5, 0xA5])
    }

    @Test func `the clocks go forward and now lies between two readings`() {
        let first = Clock.monotonic()
        let before = Clock.wall()
        let now = Timestamp.now()
        #expect(now.nanoseconds >= before)
        #expect(Timestamp(nanoseconds: before) <= now)
        #expect(Clock.monotonic() >= first)
    }
}
