// At most one question to the engine at a time, however many clients ask.
internal import NIOCore
internal import Synchronization

/// The engine did not answer in time. Its work goes on, and later questions join it.
struct TimedOut: Error {}

/// Runs `work` for the first who asks; whoever asks while it runs gets the same value. So a hung engine holds one task,
/// not one per request, and a burst of clients costs one snapshot.
final class SingleFlight<Value: Sendable>: Sendable {
    private struct State {
        var running = false
        var next = 0
        var waiting: [Int: EventLoopPromise<Value>] = [:]
    }

    private let state = Mutex(State())
    private let milliseconds: Int64
    private let work: @Sendable () async throws -> Value

    init(milliseconds: Int64, _ work: @escaping @Sendable () async throws -> Value) {
        self.milliseconds = milliseconds
        self.work = work
    }

    /// The value, `work`'s error, or `TimedOut`.
    func value(on loop: any EventLoop) -> EventLoopFuture<Value> {
        let promise = loop.makePromise(of: Value.self)
        let (id, starts) = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = promise
            defer { state.running = true }
            return (state.next, !state.running)
        }
        let timer = loop.scheduleTask(in: .milliseconds(milliseconds)) {
            self.state.withLock { $0.waiting.removeValue(forKey: id) }?.fail(TimedOut())
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        if starts { run() }
        return promise.futureResult
    }

    /// Whoever waits gets a CancellationError: afterwards a late answer finds nobody and touches no event loop.
    func cancel() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for promise in waiting { promise.fail(CancellationError()) }
    }

    private func run() {
        Task {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            let waiting = state.withLock { state in
                defer {
                    state.waiting = [:]
                    state.running = false
                }
                return state.waiting.values
            }
            for promise in waiting { promise.completeWith(result) }
        }
    }
}
