// Times as people and events write them.
import Core
import Testing

@testable import Verify

struct InstantTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01", 0), ("2026-11-21T19:45:00.123456789Z", 1_795_290_300_123),
            ("2026-11-21T19:45:00.5Z", 1_795_290_300_500), ("2026-11-22T03:45:00+08:00", 1_795_290_300_000),
            ("2000-02-29T23:59:59-00:30", 951_870_599_000), ("2024-12-31 00:00:00z", 1_735_603_200_000),
        ] as [(String, Int64)])
    func instants(text: String, milliseconds: Int64) { #expect(Instant.parse(text) == milliseconds) }

    @Test(
        arguments: [
            "", "x", "2026", "2026-13-01", "2026-02-29", "2026-11-21T", "2026-11-21T19:45", "2026-11-21T19:45:00",
            "2026-11-21T24:00:00Z", "2026-11-21T19:45:00.Z", "2026-11-21T19:45:00Zx", "2026-11-21T19:45:00+8",
            "-5m", "5", "m", "5w", "99999999999999999999s", "٣m",
        ])
    func othersAreRefused(text: String) { #expect(Instant.parse(text, now: 1_000_000_000_000) == nil) }

    @Test(
        arguments: [("90s", 90_000), ("30m", 1_800_000), ("2h", 7_200_000), ("7d", 604_800_000)] as [(String, Int64)])
    func durationsGoBack(text: String, span: Int64) {
        #expect(Instant.parse(text, now: 1_000_000_000_000) == 1_000_000_000_000 - span)
    }

    @Test func agreesWithTheTimestampsOfEvents() {
        for nanoseconds in stride(from: Int64(0), to: 4_000_000_000_000_000_000, by: 98_765_432_109_876_543) {
            let text = Timestamp(nanoseconds: nanoseconds).description
            #expect(Instant.parse(text) == nanoseconds / nanosecondsPerMillisecond)
        }
    }
}
