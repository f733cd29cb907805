// What the pipeline thread and the store thread share: two queues, two wake-ups, counters.
internal import LinuxIO
internal import Synchronization

/// Its lock is held for the time of an append or a swap only: neither side ever waits for the other's work.
final class StoreExchange: Sendable {
    /// Wakes the store thread.
    let wake: EventDescriptor
    /// Wakes the submitter: completions wait. Also signalled once when opening has ended.
    let completionsReady: EventDescriptor
    let wakeCount = Atomic<UInt64>(0)
    let syncCount = Atomic<UInt64>(0)
    let snapshotCount = Atomic<UInt64>(0)

    private struct State {
        var submitted: [StoreTransaction] = []
        var completed: [StoreCompletion] = []
        var isClosing = false
        var opened: Result<StoreState, StoreFailure>?
        var failedSync: StoreFailure?
        var failedSnapshot: StoreFailure?
    }
    private let state = Mutex(State())

    init() throws(SystemError) {
        wake = try EventDescriptor()
        completionsReady = try EventDescriptor()
    }

    // MARK: The submitter's side

    func submit(_ transaction: StoreTransaction) {
        let wasEmpty = state.withLock { state -> Bool in
            precondition(!state.isClosing, "submit after close")
            state.submitted.append(transaction)
            return state.submitted.count == 1
        }
        if wasEmpty { wake.signal() }
    }

    func takeCompletions() -> [StoreCompletion] {
        completionsReady.drain()
        return state.withLock { state in
            let taken = state.completed
            state.completed = []
            return taken
        }
    }

    func requestClose() {
        state.withLock { $0.isClosing = true }
        wake.signal()
    }

    /// The result of opening, once: nil before its end.
    func takeOpened() -> Result<StoreState, StoreFailure>? {
        state.withLock { state in
            let taken = state.opened
            state.opened = nil
            return taken
        }
    }

    var maintenanceFailure: StoreFailure? { state.withLock { $0.failedSync ?? $0.failedSnapshot } }

    // MARK: The store thread's side

    func takeSubmitted() -> (transactions: [StoreTransaction], isClosing: Bool) {
        state.withLock { state in
            let taken = state.submitted
            state.submitted = []
            return (taken, state.isClosing)
        }
    }

    func publish(_ completion: StoreCompletion) {
        let wasEmpty = state.withLock { state -> Bool in
            state.completed.append(completion)
            return state.completed.count == 1
        }
        if wasEmpty { completionsReady.signal() }
    }

    func publish(opened result: Result<StoreState, StoreFailure>) {
        state.withLock { $0.opened = result }
        completionsReady.signal()
    }

    /// The outcome of the last fsync; nil: it worked.
    func publish(sync failure: StoreFailure?) { state.withLock { $0.failedSync = failure } }

    /// The outcome of the last snapshot; nil: it worked.
    func publish(snapshot failure: StoreFailure?) { state.withLock { $0.failedSnapshot = failure } }
}
