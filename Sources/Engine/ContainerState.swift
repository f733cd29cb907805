// What the engine knows of one container: how far it is from its first file to being let go.
internal import FileSource
internal import LinuxIO
internal import Resolver

/// One container in the pipeline. It is followed while it runs, drained when it has stopped, then let go: nothing of it
/// is open or watched any more. Its row in the store stays until it is removed.
struct ContainerState {
    enum Phase: Equatable {
        case followed
        /// Since then (monotonic ns) what it left is read to its end.
        case draining(since: Int64)
        case letGo
    }

    var container: EngineContainer
    /// Numbers of its declarations, as the tailer gave them; empty once it is let go.
    var numbers: [Int] = []
    /// Of each of its views (its file system, its output) the number of one declaration.
    var views: [Int] = []
    var phase = Phase.followed
    /// It is removed from its runtime: forgotten once it is let go.
    var isGone = false
    /// The last look at what it left is over.
    var isLookedAt = false
    /// It has stopped, and its runtime still writes down what it had put out before.
    var waitsForOutput = false
    /// Slots that are being drained.
    var draining: [Int32] = []
    /// Slots on volumes that are mounts of their own, whose descriptors were closed before they were read to their end.
    var suspended: [Suspended] = []

    /// Puts the numbers in the order of other declarations: a number belongs to a name.
    mutating func renumber(_ declarations: [EngineDeclaration]) {
        let known = Dictionary(
            zip(container.declarations.map(\.files.name), numbers), uniquingKeysWith: { first, _ in first })
        numbers = declarations.map { known[$0.files.name] ?? -1 }
    }

    /// A source that was let go with bytes unread, so that its volume can be unmounted.
    struct Suspended {
        let slot: Int32
        let mount: HostMounts.Entry
        /// Monotonic ns of the next look at the mount table, and when reading goes on if the volume is still mounted.
        var nextLook: Int64
        let pausedUntil: Int64
    }
}
