// Running blocking work outside the cooperative pool.
internal import LinuxIO

/// Gives a blocking call a thread of its own.
enum Blocking {
    /// Runs `body` on a new thread and resumes with its result or error.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            do {
                _ = try Thread(name: "blocking") { continuation.resume(with: Swift.Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
