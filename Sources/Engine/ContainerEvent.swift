// What the audit topic says of a container.
internal import Core

/// What happened to a container, for the audit topic (contract, "Audit topic").
package enum ContainerEvent: Sendable {
    case started
    case stopped(exitCode: Int32?, isOutOfMemory: Bool)
    /// A label that was not understood or not obeyed. Texts are at most a few hundred bytes.
    case declarationProblem(declaration: String, key: String, message: String)

    var kind: AuditKind {
        switch self {
        case .started: .containerStarted
        case .stopped: .containerStopped
        case .declarationProblem: .declarationProblem
        }
    }
}
