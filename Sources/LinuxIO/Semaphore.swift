// sem_overview(7): one thread waits for another without a descriptor.
internal import Glibc

/// A counting semaphore of this process. Any thread may signal, any may wait.
final class Semaphore: Sendable {
    /// Of one address for life, as sem_init(3) wants it.
    nonisolated(unsafe) private let handle: UnsafeMutablePointer<sem_t>

    init() {
        handle = .allocate(capacity: 1)
        let code = sem_init(handle, 0, 0)
        precondition(code == 0, "sem_init: programmer error, errno \(errno)")
    }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func signal() { sem_post(handle) }

    func wait() { while sem_wait(handle) != 0 && errno == EINTR {} }
}
