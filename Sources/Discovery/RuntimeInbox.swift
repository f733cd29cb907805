// What waits to be dealt with by the one task that watches a runtime.
internal import Synchronization

/// Messages of one connection in the order they came. Any task puts in, one task takes out.
final class RuntimeInbox: Sendable {
    enum Message: Sendable {
        /// The event stream stands.
        case subscribed
        /// `cost`: bytes of its line, given back by `release`.
        case event(RuntimeEvent, cost: Int)
        /// Something of the stream was lost or not understood: ask for the list.
        case missed
        case inspected(id: String, Inspection)
        case listed(Result<[ContainerRecord], RuntimeFailure>)
        /// It is time to ask for the list.
        case reconcile
        /// The runtime has answered a probe.
        case alive
        /// The connection is of no use any more.
        case broken(RuntimeFailure)
    }

    private struct State {
        var messages: [Message] = []
        /// Index of the next message: taking from the front must not move the rest.
        var next = 0
        var cost = 0
        var isFinished = false
        var taker: CheckedContinuation<Void, Never>?
        var putter: CheckedContinuation<Void, Never>?

        mutating func takeFirst() -> Message? {
            guard next < messages.count else { return nil }
            let message = messages[next]
            next += 1
            if next == messages.count || next > 1024 {
                messages.removeSubrange(..<next)
                next = 0
            }
            return message
        }
    }

    /// Bytes of event lines that may wait, here and in the tracker.
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    /// Never waits: what comes often is held back by `room`.
    func put(_ message: Message) {
        let taker = state.withLock { state in
            if state.isFinished { return nil as CheckedContinuation<Void, Never>? }
            if case .event(_, let cost) = message { state.cost += cost }
            state.messages.append(message)
            return state.taker.take()
        }
        taker?.resume()
    }

    /// Waits until less than the limit waits. True: it had to wait. For one task only.
    func room() async -> Bool {
        if state.withLock({ $0.cost < limit || $0.isFinished }) { return false }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.cost < limit || state.isFinished { return true }
                state.putter = continuation
                return false
            }
            if isFree { continuation.resume() }
        }
        return true
    }

    /// Gives back the cost of events that were dealt with.
    func release(_ cost: Int) {
        let putter = state.withLock { state in
            state.cost -= cost
            return state.cost < limit ? state.putter.take() : nil
        }
        putter?.resume()
    }

    /// The next message; nil when the task was cancelled. For one task only.
    func next() async -> Message? {
        await withTaskCancellationHandler {
            while true {
                let (message, isFinished) = state.withLock { ($0.takeFirst(), $0.isFinished) }
                if isFinished { return nil }
                if let message { return message }
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        if state.next < state.messages.count || state.isFinished { return true }
                        state.taker = continuation
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            }
        } onCancel: {
            finish()
        }
    }

    /// Nothing more is put in or taken out; whoever waits goes on.
    func finish() {
        let waiting = state.withLock { state in
            state.isFinished = true
            state.messages = []
            state.next = 0
            return [state.taker.take(), state.putter.take()]
        }
        for continuation in waiting { continuation?.resume() }
    }
}
