// Paths of one container, found on the host.
package import LinuxIO

/// Resolves paths in container coordinates to the one right file on the host. A value; used by one thread at a time
/// (copies share what they remember, behind a lock). Holds no descriptors between calls.
package struct ContainerView: Sendable {
    /// Setting it forgets the sources seen so far: their places may hold other directories now.
    package var layout: ContainerLayout {
        didSet { adoptLayout() }
    }
    /// Set it again whenever /proc/self/mountinfo changes.
    package var mounts: HostMounts
    let policy: ResolverPolicy
    /// Destinations of `layout.mounts` as the runtime writes them.
    private(set) var destinations: [RawPath] = []
    private(set) var memory = SourceMemory()

    package init(layout: ContainerLayout, policy: ResolverPolicy, mounts: HostMounts) {
        self.layout = layout
        var policy = policy
        if let root = layout.runtimeRoot { policy.runtimeRoots.append(root) }
        self.policy = policy
        self.mounts = mounts
        adoptLayout()
    }

    /// A view of the same container that remembers nothing yet, for another thread.
    package func separate(mounts: HostMounts) -> ContainerView {
        ContainerView(layout: layout, policy: policy, mounts: mounts)
    }

    private mutating func adoptLayout() {
        destinations = layout.mounts.map(\.destination.normalized)
        memory = SourceMemory()
    }

    /// Finds the file at an absolute path of the container. `follow` false: a link at its end is what is looked for.
    /// Without `allowsNetwork` no network file system is touched. A relative path is a programmer error.
    package func locate(_ path: RawPath, follow: Bool = true, allowsNetwork: Bool = false) -> Location {
        do throws(Stop) {
            var walk = Walk(view: self, destinations: realDestinations(), follow: follow, allowsNetwork: allowsNetwork)
            return .found(try walk.locate(path))
        } catch {
            switch error {
            case .missing(let error): return .missing(error)
            case .refused(let reason): return .refused(reason: reason)
            case .network(let entry): return .network(entry)
            }
        }
    }

    /// Index of the mount with the longest destination that `path` is or lies below, by its text alone.
    package func mountIndex(of path: RawPath) -> Int? {
        let path = path.normalized
        return Self.longest(destinations, above: path) ?? memory.destinations.flatMap { Self.longest($0, above: path) }
    }

    /// What is known of a mount: of `layout.mounts[mount]`, without touching a network file system.
    package func report(_ mount: Int) -> MountFinding {
        do throws(Stop) {
            _ = try openMount(mount, destination: realDestinations()[mount] ?? [], allowsNetwork: false)
            return .local
        } catch {
            switch error {
            case .missing(let error): return .unreachable(reason: error.description)
            case .refused(let reason): return .refused(reason: reason)
            case .network(let entry): return .network(type: entry.type)
            }
        }
    }

    static func longest(_ destinations: [RawPath?], above path: RawPath) -> Int? {
        var best: Int?
        var length = -1
        for (index, destination) in destinations.enumerated() {
            guard let destination, destination.count >= length, path.isWithin(destination) else { continue }
            best = index
            length = destination.count
        }
        return best
    }

    /// Where the mounts really are: runtimes follow links of the root file system when they mount (`/var/run` is mostly
    /// `/run`). Outer mounts first, each with those before it. Asked once.
    func realDestinations() -> [RawPath?] {
        if destinations.isEmpty { return [] }
        if let known = memory.destinations { return known }
        var real = [RawPath?](repeating: nil, count: destinations.count)
        for index in destinations.indices.sorted(by: { destinations[$0].count < destinations[$1].count }) {
            real[index] = realDestination(destinations[index], real)
        }
        memory.destinations = real.map { $0! }
        return real
    }

    /// The longest part of a destination that can be found with the mounts `known` so far, links resolved, with the rest
    /// behind it.
    private func realDestination(_ destination: RawPath, _ known: [RawPath?]) -> RawPath {
        let components = destination.components
        for count in stride(from: components.count, to: 0, by: -1) {
            var walk = Walk(view: self, destinations: known, follow: true, allowsNetwork: false)
            if let found = try? walk.locate(RawPath(components: components[..<count])) {
                return found.place.normalized + RawPath(components: components[count...])
            }
        }
        return destination
    }
}
