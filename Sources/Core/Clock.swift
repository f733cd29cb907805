// The two clocks: monotonic nanoseconds for deadlines, wall nanoseconds for what people read.
internal import Glibc

/// Reads of the system clocks in nanoseconds. Deadlines use `monotonic`; only time stamps use `wall`.
package enum Clock {
    /// CLOCK_MONOTONIC: never set back, the base of every deadline.
    package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    /// CLOCK_REALTIME: nanoseconds since 1970, may jump.
    package static func wall() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

package let nanosecondsPerMillisecond: Int64 = 1_000_000
package let nanosecondsPerSecond: Int64 = 1_000_000_000
