// A trait for tests that wait without suspending: each test case runs on a thread of its own.
internal import Glibc
internal import LinuxIO
internal import Synchronization
package import Testing

/// Swift's cooperative pool has a thread per core. A test that blocks one (poll(2) on an eventfd, as the pipeline thread
/// does) makes all others wait, and two of them stop every test of the process. With this trait they block their own.
package struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let executor = try ThreadExecutor()
        defer { executor.stop() }
        try await withTaskExecutorPreference(executor) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    /// The test may block its thread.
    package static var ownThread: OwnThread { OwnThread() }
}

/// Runs jobs in their order on one thread, until `stop`.
private final class ThreadExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopping = false
    }
    private let state = Mutex(State())
    private let wakeUp: EventDescriptor

    init() throws {
        wakeUp = try EventDescriptor()
        _ = try Thread(name: "test-own") { [self] in run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        wakeUp.signal()
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        wakeUp.signal()
    }

    private func run() {
        while true {
            var descriptor = pollfd(fd: wakeUp.raw, events: Int16(POLLIN), revents: 0)
            poll(&descriptor, 1, -1)
            wakeUp.drain()
            let (jobs, isStopping) = state.withLock { state in
                defer { state.jobs = [] }
                return (state.jobs, state.isStopping)
            }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            if isStopping && jobs.isEmpty { return }
        }
    }
}
