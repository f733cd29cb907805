// What every runtime gives: a stream of changes that never ends, and a list on demand.

/// Something changed in a runtime. Changes of one container come in order.
package enum ContainerChange: Sendable, Equatable {
    /// The runtime answers (again): its version, for people. A `listed` follows.
    case reachable(version: String)
    /// It does not answer, or its stream ended or fell silent: why, and what to do. Tried again with back-off.
    case unreachable(reason: String)
    /// All containers there are, after every connect and at every reconciliation: those not in it are gone.
    case listed([ContainerRecord])
    /// A container was created, started, renamed, paused or else changed: its record as it is now.
    case changed(ContainerRecord)
    /// It does not run any more. `isOutOfMemory`: the kernel killed a process of it for memory.
    case stopped(id: String, exitCode: Int32?, isOutOfMemory: Bool)
    case removed(id: String)
}

/// One container runtime. `watch` runs until its task is cancelled.
package protocol ContainerRuntime: Sendable {
    /// `docker`, `containerd`, `podman`: container.runtime.name.
    var name: String { get }
    /// Path of its socket.
    var socket: String { get }
    /// Subscribes, lists, reconciles, reconnects; hands every change to `sink` in order, one at a time.
    func watch(_ sink: @Sendable (ContainerChange) async -> Void) async
    /// All containers now, for `explain` without a daemon. Throws RuntimeFailure.
    func list() async throws -> [ContainerRecord]
}

/// A runtime that cannot be asked: what happened and what to do.
package struct RuntimeFailure: Error, Sendable, CustomStringConvertible {
    package let message: String
    package init(_ message: String) { self.message = message }
    package var description: String { message }
}
