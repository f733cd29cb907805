// Sizes and durations as text.
import Configuration
import Testing

@Suite struct QuantityTests {
    @Test(arguments: [
        ("0", 0), ("0B", 0), ("1B", 1), ("64KiB", 65_536), ("1MiB", 1_048_576), ("10MB", 10_000_000),
        ("3kB", 3000), ("3KB", 3000), ("2GiB", 2_147_483_648), ("5GB", 5_000_000_000), ("1TiB", 1 << 40),
        ("2TB", 2_000_000_000_000),
    ])
    func sizesAreReadInBytes(text: String, bytes: Int) {
        #expect(SizeText.parse(text) == bytes)
        #expect(SizeText.parse(SizeText.render(bytes)) == bytes)
    }

    @Test(arguments: [
        "", "1", "B", "-1B", "+1B", "1.5MiB", "1 MiB", "1mib", "1Mi", "0x1B", "9999999999TiB", "٣B", "1B ",
    ])
    func whatIsNoSizeIsRefused(text: String) { #expect(SizeText.parse(text) == nil) }

    @Test(
        arguments: [
            ("0", 0), ("0s", 0), ("1ns", 1), ("2us", 2000), ("250ms", 250_000_000), ("5s", 5_000_000_000),
            ("90s", 90_000_000_000), ("5m", 300_000_000_000), ("1h", 3_600_000_000_000), ("2d", 172_800_000_000_000),
        ] as [(String, Int64)])
    func durationsAreReadInNanoseconds(text: String, nanoseconds: Int64) {
        #expect(DurationText.parse(text) == nanoseconds)
        #expect(DurationText.parse(DurationText.render(nanoseconds)) == nanoseconds)
    }

    @Test(arguments: ["", "5", "s", "-5s", "1.5s", "5 s", "5S", "1h30m", "999999999999d", "5sec"])
    func whatIsNoDurationIsRefused(text: String) { #expect(DurationText.parse(text) == nil) }

    @Test func rendersInTheLargestUnitThatDivides() {
        #expect(
            [65_536, 10_000_000, 1000, 1001, 1 << 31].map(SizeText.render) == ["64KiB", "10MB", "1kB", "1001B", "2GiB"])
        #expect(
            [90_000_000_000, 3_600_000_000_000, 1_500_000].map(DurationText.render) == ["90s", "1h", "1500us"])
    }
}
