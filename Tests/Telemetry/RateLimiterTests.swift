// The rate limiter, on a clock of its own.
import Logging
import Testing

@testable import Telemetry

struct RateLimiterTests {
    private static let second: Int64 = 1_000_000_000

    @Test func tenPassTheRestIsCountedAndTold() {
        var limiter = RateLimiter()
        let decisions = (0..<15).map { _ in
            limiter.admit(label: "engine", level: .info, message: "m", now: 0).decision
        }
        #expect(decisions[..<10].allSatisfy { $0 == .pass })
        #expect(decisions[10] == .suppress(first: true))
        #expect(decisions[11...].allSatisfy { $0 == .suppress(first: false) })
        #expect(limiter.nextDeadline == 10 * Self.second)
        #expect(limiter.expire(now: 10 * Self.second - 1).isEmpty)
        #expect(
            limiter.expire(now: 10 * Self.second)
                == [RateLimiter.Summary(label: "engine", level: .info, sample: "m", count: 5)])
        #expect(limiter.nextDeadline == nil)
        #expect(limiter.expire(now: 100 * Self.second).isEmpty, "told once")
    }

    @Test func theNextLinePassesWithTheSummaryBeforeIt() {
        var limiter = RateLimiter()
        for _ in 0..<13 { _ = limiter.admit(label: "engine", level: .info, message: "m", now: 0) }
        let (decision, due) = limiter.admit(label: "engine", level: .info, message: "m", now: 11 * Self.second)
        #expect(decision == .pass)
        #expect(due.map(\.count) == [3])
    }

    @Test func labelLevelAndTextMakeTheKey() {
        var limiter = RateLimiter()
        for _ in 0..<10 { _ = limiter.admit(label: "engine", level: .info, message: "m", now: 0) }
        #expect(limiter.admit(label: "engine", level: .info, message: "m", now: 0).decision != .pass)
        #expect(limiter.admit(label: "kafka", level: .info, message: "m", now: 0).decision == .pass)
        #expect(limiter.admit(label: "engine", level: .error, message: "m", now: 0).decision == .pass)
        #expect(limiter.admit(label: "engine", level: .info, message: "n", now: 0).decision == .pass)
        let long = String(repeating: "x", count: 5000)
        for _ in 0..<10 { _ = limiter.admit(label: "engine", level: .info, message: long + "1", now: 0) }
        #expect(limiter.admit(label: "engine", level: .info, message: long + "1", now: 0).decision != .pass)
        #expect(limiter.admit(label: "engine", level: .info, message: long + "2", now: 0).decision == .pass)
    }

    @Test func nothingIsDueWhileNothingIsSuppressed() {
        var limiter = RateLimiter()
        for _ in 0..<10 { _ = limiter.admit(label: "engine", level: .info, message: "m", now: 0) }
        #expect(limiter.nextDeadline == nil)
        #expect(limiter.expire(now: 20 * Self.second).isEmpty)
    }

    @Test func theTableIsBoundedAndWhatLeavesItIsTold() {
        var limiter = RateLimiter()
        for _ in 0..<12 { _ = limiter.admit(label: "engine", level: .info, message: "first", now: 0) }
        var told: [RateLimiter.Summary] = []
        for index in 1...1000 {
            told += limiter.admit(label: "engine", level: .info, message: "\(index)", now: Int64(index)).due
        }
        #expect(told == [RateLimiter.Summary(label: "engine", level: .info, sample: "first", count: 2)])
        #expect(limiter.count == RateLimiter.capacity)
    }
}
