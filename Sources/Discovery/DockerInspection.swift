// What came of asking about one container.

/// The answer to an inspection, or the lack of one.
enum DockerInspection: Sendable {
    case found(ContainerRecord)
    /// There is no such container any more.
    case gone
    /// No answer that could be used.
    case failed(RuntimeFailure)

    /// Inspections at a time.
    static let width = 16
}
