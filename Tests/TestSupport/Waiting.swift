// Waiting for outside conditions, and keeping blocking calls off the cooperative pool.
internal import Core
internal import LinuxIO

/// Asks `condition` every few milliseconds until it holds. For conditions outside this process that raise no event.
/// After `timeout` it throws what was waited for, with `description` evaluated then, so that it can say how far it got.
package func waitUntil(
    timeout: Duration = .seconds(30), _ description: @autoclosure () -> String,
    isolation: isolated (any Actor)? = #isolation, condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + timeout
    var pause = Duration.milliseconds(1)
    while try await !condition() {
        if clock.now >= deadline { throw FixtureError("not within \(timeout): \(description())") }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(20))
    }
}

/// Runs a blocking `body` on a thread of its own and gives its result. The cooperative pool never blocks.
package func onOwnThread<Value: Sendable>(
    _ name: String, _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do {
            _ = try Thread(name: name) { continuation.resume(with: Result(catching: body)) }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}
