// A thread for calls that may never return: the files of one network or FUSE mount.
internal import CLinux
internal import Core
internal import Glibc
internal import Synchronization

/// One thread that performs requests in order, for one file system that may hang. The pipeline thread submits and takes
/// answers without ever blocking; a request that hangs holds up the later ones of this worker and nothing else. Without
/// requests the thread does not wake up. Any thread may call; the owner lets go of it with `abandon` or the last
/// reference.
///
/// The thread has a descriptor table of its own: what `perform` opens is open there only, and a descriptor of any other
/// thread names nothing there (nor does /proc/self/fd: it is /proc/thread-self/fd there). So requests and answers carry
/// paths and bytes, never descriptors or what owns them.
///
/// The reason is how such a thread ends: while it waits for a FUSE server that has taken its request, neither exit(3),
/// _exit(2) nor SIGKILL end it (Linux 6.18: state D in request_wait_answer), only the answer, the server's end,
/// `umount -f`, or `abort` in /sys/fs/fuse/connections (all measured). The process stays behind as a zombie that its
/// parent cannot reap, and with a shared table its locks, ports and deleted files would stay taken as long: no
/// successor could start.
package final class IOWorker<Request: Sendable, Answer: Sendable>: Sendable {
    private let exchange: IOExchange<Request, Answer>
    private let ready: EventDescriptor
    private let thread: Thread

    /// Starts the thread `name` (at most 15 bytes). At most `capacity` requests are between `submit` and `takeAnswers`.
    /// `ready` becomes readable when answers wait; several workers may share it. `perform` runs on the thread, one
    /// request at a time. Returns when the thread runs.
    package init(
        name: String, capacity: Int, ready: EventDescriptor, perform: @escaping @Sendable (Request) -> Answer
    ) throws(SystemError) {
        precondition(capacity > 0, "a worker without room for a request")
        let exchange = IOExchange<Request, Answer>(capacity: capacity)
        let (raw, started) = (ready.raw, Semaphore())
        // It captures no EventDescriptor: one that were closed by this thread would stay open in the other table.
        thread = try Thread(name: name) {
            if clinux_private_descriptors(raw) != 0 { exchange.tableIsShared.store(true, ordering: .relaxed) }
            started.signal()
            exchange.serve(ready: raw, perform)
        }
        started.wait()
        if exchange.tableIsShared.load(ordering: .relaxed) { exchange.keep(ready) }
        self.exchange = exchange
        self.ready = ready
    }

    deinit { abandon() }

    /// Enqueues a request; false when `capacity` of them are under way or the worker was abandoned. Never blocks.
    package func submit(_ request: Request) -> Bool { exchange.submit(request) }

    /// The answers since the last call, in the order of their requests. `ready` is to be drained before: it may be that
    /// of other workers too.
    package func takeAnswers() -> [Answer] { exchange.takeAnswers() }

    /// Since when (monotonic nanoseconds) the current request has been performed; nil when there is none. Also of an
    /// abandoned worker: its thread is there until this is nil.
    package var busySince: Int64? { exchange.busySince }

    /// Drops what is enqueued and what was answered, and never waits: the thread ends by itself, when its current
    /// request returns if it has one. Calling it again is fine.
    package func abandon() { exchange.abandon() }
}

/// What the two sides share. Its lock is held for the time of an append or a swap only.
private final class IOExchange<Request: Sendable, Answer: Sendable>: Sendable {
    private struct State {
        var requests: [Request] = []
        var answers: [Answer] = []
        /// Enqueued, being performed, or answered and not taken.
        var underWay = 0
        var busySince: Int64?
        var isAbandoned = false
        /// Kept open for a thread that shares its owner's descriptors.
        var ready: EventDescriptor?
    }
    private let state = Mutex(State())
    private let capacity: Int
    /// Signalled once for each request, and once by `abandon`.
    private let work = Semaphore()
    let tableIsShared = Atomic(false)

    init(capacity: Int) { self.capacity = capacity }

    // MARK: The owner's side

    func keep(_ ready: EventDescriptor) { state.withLock { $0.ready = ready } }

    func submit(_ request: Request) -> Bool {
        let hasRoom = state.withLock { state -> Bool in
            if state.underWay == capacity || state.isAbandoned { return false }
            state.requests.append(request)
            state.underWay += 1
            return true
        }
        if hasRoom { work.signal() }
        return hasRoom
    }

    func takeAnswers() -> [Answer] {
        state.withLock { state in
            let taken = state.answers
            state.answers = []
            state.underWay -= taken.count
            return taken
        }
    }

    var busySince: Int64? { state.withLock { $0.busySince } }

    func abandon() {
        state.withLock { state in
            state.isAbandoned = true
            state.requests = []
            state.answers = []
            state.underWay = 0
        }
        work.signal()
    }

    // MARK: The worker's side

    /// Performs requests until the worker is abandoned. `ready` is the descriptor in the thread's own table.
    func serve(ready: Int32, _ perform: (Request) -> Answer) {
        while true {
            work.wait()
            guard let request = next() else { return }
            if finish(perform(request)) {
                var one: UInt64 = 1
                _ = write(ready, &one, 8)
            }
        }
    }

    /// The oldest request; nil when the worker was abandoned.
    private func next() -> Request? {
        state.withLock { state in
            if state.isAbandoned { return nil }
            state.busySince = Clock.monotonic()
            return state.requests.removeFirst()
        }
    }

    /// Whether the owner is to be woken.
    private func finish(_ answer: Answer) -> Bool {
        state.withLock { state in
            state.busySince = nil
            if state.isAbandoned { return false }
            state.answers.append(answer)
            return state.answers.count == 1
        }
    }
}
