// What a view has seen of its mounts and of the operator's paths, so that a swap is noticed.
internal import LinuxIO
internal import Synchronization

/// Shared by copies of one view until the layout is set anew. Small, behind a lock that nobody waits for in practice.
final class SourceMemory: Sendable {
    /// A mount's source at first sight.
    struct Sight {
        /// Without links, as this process names it (with `ResolverPolicy.hostRoot`).
        let path: RawPath
        let device: UInt64
        let inode: UInt64
        /// The container was seen to have the same directory at the mount's destination.
        var isVerified = false
    }

    struct State {
        var sights: [Int: Sight] = [:]
        /// Where each mount really is in the container, links of the root file system resolved; nil: not asked yet.
        var destinations: [RawPath]?
        var rules: SourceRules?
    }

    private let state = Mutex(State())

    func sight(_ mount: Int) -> Sight? { state.withLock { $0.sights[mount] } }

    func remember(_ sight: Sight, _ mount: Int) { state.withLock { $0.sights[mount] = sight } }

    func markVerified(_ mount: Int) { state.withLock { $0.sights[mount]?.isVerified = true } }

    var destinations: [RawPath]? {
        get { state.withLock { $0.destinations } }
        set { state.withLock { $0.destinations = newValue } }
    }

    /// The rules, made at the first call.
    func rules(_ make: () -> SourceRules) -> SourceRules {
        if let known = state.withLock({ $0.rules }) { return known }
        let made = make()
        state.withLock { $0.rules = made }
        return made
    }
}
