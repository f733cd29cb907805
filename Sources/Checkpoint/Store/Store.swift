// The durable store: generations and the audit outbox in one database.
internal import Glibc
package import LinuxIO
internal import Synchronization

/// The durable store of one daemon. The pipeline thread submits transactions and takes completions without ever
/// blocking; SQLite and fsync run on the store's own thread. Holds the lock of the state directory until `close`.
package final class Store: Sendable {
    private let exchange: StoreExchange
    private let thread: Thread
    private let lock: Mutex<DirectoryLock?>
    private let isClosed = Mutex(false)

    private init(_ exchange: StoreExchange, _ thread: Thread, _ lock: consuming DirectoryLock) {
        self.exchange = exchange
        self.thread = thread
        self.lock = Mutex(lock)
    }

    deinit { close() }

    /// Locks, checks and reads the store, and repairs it from its snapshot when it is damaged (`StoreState.recovery`).
    /// Blocks for the time of that work: before the loops run, never on the pipeline thread or in the cooperative pool.
    package static func open(_ options: StoreOptions) throws(StoreFailure) -> (store: Store, state: StoreState) {
        let files = StoreFiles(directory: options.directory)
        try files.prepare()
        let lock = try acquireLock(options.directory)
        let store: Store
        do throws(SystemError) {
            let exchange = try StoreExchange()
            let loop = StoreThread(options: options, exchange: exchange)
            store = Store(exchange, try Thread(name: "store") { loop.run() }, lock)
        } catch {
            throw StoreFailure(error, in: options.directory)
        }
        return (store, try store.awaitOpened())
    }

    private static func acquireLock(_ directory: String) throws(StoreFailure) -> DirectoryLock {
        do { return try DirectoryLock.acquire(directory) } catch {
            switch error {
            case .system(let error): throw StoreFailure(error, in: directory)
            case .held(let process):
                throw StoreFailure(
                    .other,
                    "state directory \(printable(directory.utf8)) is in use by process \(process); "
                        + "stop it or configure another state_directory", systemError: EWOULDBLOCK)
            }
        }
    }

    private func awaitOpened() throws(StoreFailure) -> StoreState {
        while true {
            var descriptor = pollfd(fd: exchange.completionsReady.raw, events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, -1)
            exchange.completionsReady.drain()
            if let result = exchange.takeOpened() { return try result.get() }
        }
    }

    /// Enqueues a transaction; never blocks. Its completion follows in the order of submission. Not after `close`.
    package func submit(_ transaction: StoreTransaction) { exchange.submit(transaction) }

    /// Readable while completions wait.
    package var completionsReady: EventDescriptor { exchange.completionsReady }

    /// Blocks until completions wait. Only while a transaction is under way: at the end of a run.
    package func waitForCompletion() {
        var descriptor = pollfd(fd: exchange.completionsReady.raw, events: Int16(POLLIN), revents: 0)
        while poll(&descriptor, 1, -1) < 0, errno == EINTR {}
    }

    /// All completions since the last call, and `completionsReady` is taken back. Also to be called after `close`.
    package func takeCompletions() -> [StoreCompletion] { exchange.takeCompletions() }

    /// Runs what was submitted, fsyncs, takes a snapshot if there is something new, ends the thread and releases the
    /// lock. Blocks for that time; a second call waits for the first.
    package func close() {
        isClosed.withLock { closed in
            if closed { return }
            closed = true
            exchange.requestClose()
            thread.join()
            lock.withLock { $0 = nil }
        }
    }

    /// Why the last fsync or snapshot failed; nil when it worked. Both are tried again at their next interval.
    package var maintenanceFailure: StoreFailure? { exchange.maintenanceFailure }
    /// How often what was committed has been fsynced.
    package var syncCount: UInt64 { exchange.syncCount.load(ordering: .relaxed) }
    /// Snapshots taken since opening.
    package var snapshotCount: UInt64 { exchange.snapshotCount.load(ordering: .relaxed) }
    /// How often the thread woke from its sleep.
    package var wakeCount: UInt64 { exchange.wakeCount.load(ordering: .relaxed) }
}
