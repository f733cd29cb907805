// Timer slack: how late the kernel may wake a thread (prctl(2), PR_SET_TIMERSLACK).
internal import CLinux

/// Threads inherit the slack of the thread that makes them.
package enum TimerSlack {
    /// Runs `body` with a slack of `nanoseconds` for the calling thread, and so for the threads that it starts.
    package static func with<Result>(nanoseconds: UInt, _ body: () -> Result) -> Result {
        let former = clinux_set_timer_slack(nanoseconds)
        defer { _ = clinux_set_timer_slack(UInt(max(1, former))) }
        return body()
    }
}
