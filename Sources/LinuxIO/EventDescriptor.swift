// eventfd(2): waking an epoll loop from other threads.
internal import CLinux
internal import Glibc

/// An eventfd that any thread may signal and one loop drains. Owns its descriptor.
package final class EventDescriptor: Sendable {
    private let descriptor: FileDescriptor
    package var raw: Int32 { descriptor.raw }

    package init() throws(SystemError) {
        let raw = try retryingInterrupts("eventfd") { eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)) }
        descriptor = FileDescriptor(owning: raw)
    }

    /// Makes the descriptor readable. Safe on any thread, also in a signal handler.
    package func signal() {
        var one: UInt64 = 1
        _ = write(raw, &one, 8)
    }

    /// Takes the counter back to zero; called by the loop that waits.
    package func drain() {
        var count: UInt64 = 0
        _ = read(raw, &count, 8)
    }
}
