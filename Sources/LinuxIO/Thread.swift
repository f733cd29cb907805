// Named POSIX threads outside the cooperative pool.
internal import CLinux
internal import Glibc
internal import Synchronization

/// A named POSIX thread that runs one body to its end. Signals are blocked in it: the control plane handles them.
package final class Thread: Sendable {
    private let handle: Mutex<pthread_t?>

    /// Starts `body` on a thread called `name` (at most 15 bytes, shown by ps and perf).
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(Start(name: name, body: body))
        var created = pthread_t()
        let code = pthread_create(
            &created, nil,
            { context in
                let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                var name = start.name
                while name.utf8.count > 15 { name.removeLast() }
                _ = clinux_set_thread_name(name)
                start.body()
                return nil
            }, box.toOpaque())
        if code != 0 {
            box.release()
            throw SystemError("pthread_create", name, errno: code)
        }
        handle = Mutex(created)
    }

    /// A thread that nobody will join gives its memory back by itself when it ends.
    deinit {
        if let left = handle.withLock({ $0 }) { pthread_detach(left) }
    }

    /// Waits for the thread's end. Call it once, from another thread, never from the cooperative pool.
    package func join() {
        let taken = handle.withLock { stored -> pthread_t? in
            defer { stored = nil }
            return stored
        }
        if let taken { pthread_join(taken, nil) }
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
