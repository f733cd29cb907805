// What came of asking about one container.

/// The answer to an inspection, or the lack of one.
enum Inspection: Sendable {
    case found(ContainerRecord)
    /// There is no such container any more.
    case gone
    /// It is no container: what holds a pod together, or what somebody made past the runtime.
    case foreign
    /// No answer that could be used.
    case failed(RuntimeFailure)

    /// Inspections at a time.
    static let width = 16
}
