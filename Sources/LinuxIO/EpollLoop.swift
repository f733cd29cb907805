// epoll(7): waiting for several descriptors at once.
internal import CLinux
internal import Glibc

/// One epoll instance with level-triggered read interest. Used by one thread.
package struct Epoll: ~Copyable {
    private let descriptor: FileDescriptor
    private let events: UnsafeMutablePointer<epoll_event>
    private static let capacity: Int32 = 64

    package init() throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try retryingInterrupts("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
        events = .allocate(capacity: Int(Epoll.capacity))
    }

    deinit { events.deallocate() }

    /// Adds `raw` for reading; `tag` comes back from `wait`.
    package func add(_ raw: Int32, tag: UInt64) throws(SystemError) { try add(raw, tag: tag, for: EPOLLIN) }

    /// Adds a mountinfo file (proc(5)): ready once after every change of the mount table.
    package func add(mountTable raw: Int32, tag: UInt64) throws(SystemError) { try add(raw, tag: tag, for: EPOLLPRI) }

    private func add(_ raw: Int32, tag: UInt64, for events: EPOLL_EVENTS) throws(SystemError) {
        var event = epoll_event()
        event.events = events.rawValue
        event.data.u64 = tag
        try retryingInterrupts("epoll_ctl") { epoll_ctl(descriptor.raw, EPOLL_CTL_ADD, raw, &event) }
    }

    /// Waits at most `milliseconds` (-1: no limit) and gives the number of ready descriptors, at most 64.
    /// An interruption counts as nothing ready.
    package func wait(milliseconds: Int32) -> Int {
        let count = epoll_wait(descriptor.raw, events, Epoll.capacity, milliseconds)
        if count >= 0 { return Int(count) }
        precondition(errno == EINTR, "epoll_wait: programmer error, errno \(errno)")
        return 0
    }

    /// The tag of the ready descriptor `index` of the last `wait`.
    package func tag(_ index: Int) -> UInt64 { events[index].data.u64 }
}
