// One path on its way through a container: component by component, links by the container's own root.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// The state of one resolution, as namei does it, but in container coordinates: `resolved` holds no links, `pending` is
/// still to be looked at. `..` never reaches the kernel.
struct Walk {
    static let maximumLinks = 40
    static let maximumLength = 4096
    /// Bounds the work of a path that goes back and forth.
    static let maximumSteps = 8192

    let view: ContainerView
    /// Where the mounts are; nil: not known yet, left out.
    let destinations: [RawPath?]
    let follow: Bool
    let allowsNetwork: Bool
    /// Listing a directory needs all its layers; finding a file only the topmost one that has it.
    var needsAllLayers = false

    private(set) var resolved: RawPath = []
    /// Last component first.
    private var pending: [ArraySlice<UInt8>] = []
    /// What stands at `resolved`; nil: to be found from its mount.
    private var position: Position?
    private var links = 0
    private var steps = 0
    /// A link or a mount is ahead: components are taken one by one until it is passed.
    private var isSlow = false
    private(set) var linkOwner: UInt32?

    init(view: ContainerView, destinations: [RawPath?], follow: Bool, allowsNetwork: Bool) {
        self.view = view
        self.destinations = destinations
        self.follow = follow
        self.allowsNetwork = allowsNetwork
    }

    /// Walks `path` to its end and pins what is there.
    mutating func locate(_ path: RawPath) throws(Stop) -> LocatedFile {
        let found = try run(path)
        try refuseOwn(found)
        return LocatedFile(
            handle: found.top, status: found.status, place: resolved.orRoot, mount: found.mount,
            isLowerLayer: found.base == .layers && found.parts[0].layer > 0, linkOwner: linkOwner)
    }

    /// Walks `path` to its end.
    mutating func run(_ path: RawPath) throws(Stop) -> Position {
        precondition(path.isEmpty || path[0] == RawPath.slash, "a path in a container is absolute")
        guard path.count <= Self.maximumLength else { throw .missing(ENAMETOOLONG, at: path) }
        guard !path.contains(0) else { throw .missing(EINVAL, at: path) }
        pending = path.components.reversed()
        while true {
            steps += 1
            if steps > Self.maximumSteps { throw .missing(ELOOP, at: path) }
            try goUp()
            try enterMount()
            if let position, pending.isEmpty { return position }
            try advance()
        }
    }

    /// Takes the `..` that are next: the parent in the container, not on the host.
    private mutating func goUp() throws(Stop) {
        while let next = pending.last, next.isParent {
            if let position, !position.status.isDirectory { throw .missing(ENOTDIR, at: resolved) }
            pending.removeLast()
            if resolved.isEmpty { continue }
            resolved.removeLastComponent()
            position = nil
        }
    }

    /// Jumps to the innermost mount that the rest of the path names, and finds the place again after a jump back.
    private mutating func enterMount() throws(Stop) {
        let literal = literalRest
        if Self.standardStreams.contains(literal) {
            throw .refused("this is stdout: declare stdout (path: stdout)")
        }
        if let mount = ContainerView.longest(destinations, above: literal), let destination = destinations[mount],
            position == nil || destination.count > resolved.count
        {
            let skipped = destination.components.count - resolved.components.count
            if skipped >= 0 {
                pending.removeLast(skipped)
            } else {
                pending += resolved.components.suffix(-skipped).reversed()
            }
            resolved = destination
            position = try view.openMount(mount, destination: destination, allowsNetwork: allowsNetwork)
            isSlow = false
        } else if position == nil {
            pending += resolved.components.reversed()
            resolved = []
            try refuseVirtual()
            if try findInUpperLayer() { return }
            position = try view.openRoot(upperOnly: false, allowsNetwork: allowsNetwork)
            isSlow = false
        } else if resolved.isEmpty {
            try refuseVirtual()
        }
    }

    /// `resolved` with what is pending up to the next `..`, which may hold links still.
    private var literalRest: RawPath {
        var path = resolved
        for component in pending.reversed() {
            if component.isParent { break }
            path.append(component: component)
        }
        return path
    }

    private mutating func advance() throws(Stop) {
        guard let here = position, let name = pending.last, !name.isParent else { return }
        guard here.status.isDirectory else { throw .missing(ENOTDIR, at: resolved.appending(component: name)) }
        if here.base == .layers {
            try stepThroughLayers(here, name)
        } else {
            let hasArrived = isSlow ? false : try goStraight(here)
            if !hasArrived { try step(here, name) }
        }
    }

    /// The whole rest up to the next `..` with one openat2(2). False when a link or a mount is in the way.
    private mutating func goStraight(_ here: Position) throws(Stop) -> Bool {
        let count = pending.count - (pending.lastIndex(where: \.isParent).map { $0 + 1 } ?? 0)
        if count < 2 { return false }
        let rest = RawPath(pending.suffix(count).reversed().joined(separator: [RawPath.slash]))
        if let host = here.hostPath {
            try view.hostPaths(allowsNetwork).checkNetwork(host.appending(component: rest))
        }
        switch here.top.open(rest, resolve: PathDescriptor.strict) {
        case .failure(let error) where error.errno == ELOOP || error.errno == EXDEV:
            isSlow = true
            return false
        case .failure(let error): throw .missing(error, at: resolved.appending(component: rest))
        case .success(let handle):
            let place = resolved.appending(component: rest)
            let status = try Stop.unwrap(handle.status, at: place)
            if status.isLink && (follow || count < pending.count) {
                isSlow = true
                return false
            }
            pending.removeLast(count)
            move(to: place, Position(handle, status, here.base, hostPath: here.hostPath?.appending(component: rest)))
            return true
        }
    }

    /// One component below a mount or the process's root.
    private mutating func step(_ here: Position, _ name: ArraySlice<UInt8>) throws(Stop) {
        let place = resolved.appending(component: name)
        let host = here.hostPath?.appending(component: name)
        if let host { try view.hostPaths(allowsNetwork).checkNetwork(host) }
        let handle: PathDescriptor
        switch here.top.open(Array(name), resolve: PathDescriptor.strict) {
        case .success(let opened): handle = opened
        case .failure(let error) where error.errno == EXDEV:
            handle = try cross(here, name, place, host)
            isSlow = false
        case .failure(let error): throw .missing(error, at: place)
        }
        let status = try Stop.unwrap(handle.status, at: place)
        pending.removeLast()
        if status.isLink && (follow || !pending.isEmpty) { return try followLink(handle, status, place) }
        move(to: place, Position(handle, status, here.base, hostPath: host))
    }

    mutating func move(to place: RawPath, _ next: Position) {
        resolved = place
        position = next
    }

    /// One component of a directory that is merged from layers.
    private mutating func stepThroughLayers(_ here: Position, _ name: ArraySlice<UInt8>) throws(Stop) {
        let place = resolved.appending(component: name)
        let parts = view.layout.layers.count
        guard let next = try here.child(name, place: place, layerCount: parts) else {
            throw .missing(ENOENT, at: place)
        }
        pending.removeLast()
        if next.status.isLink && (follow || !pending.isEmpty) {
            return try followLink(next.top, next.status, place)
        }
        move(to: place, next)
    }

    /// A file of the upper layer hides all below it: most logs are found with one call.
    private mutating func findInUpperLayer() throws(Stop) -> Bool {
        guard !needsAllLayers, !view.layout.layers.isEmpty, !pending.isEmpty, !isSlow,
            !pending.contains(where: \.isParent)
        else { return false }
        let root = try view.openRoot(upperOnly: true, allowsNetwork: allowsNetwork)
        let rest = RawPath(pending.reversed().joined(separator: [RawPath.slash]))
        guard
            case .success(let handle) = root.top.open(rest, resolve: PathDescriptor.strict),
            case .success(let status) = handle.status,
            !status.isLink, !status.isWhiteout, !(status.isRegular && Overlay.isMetadataOnly(handle))
        else { return false }
        pending = []
        move(to: RawPath.init().appending(component: rest), Position(handle, status, .layers, hostPath: nil))
        return true
    }

    /// What a link says enters the walk again: from the container's root, or from the directory the link is in.
    private mutating func followLink(
        _ link: PathDescriptor, _ status: clinux_stat, _ place: RawPath
    ) throws(Stop) {
        links += 1
        if links > Self.maximumLinks { throw .missing(ELOOP, at: place) }
        let target = try Stop.unwrap(link.linkTarget, at: place)
        if target.isEmpty { throw .missing(ENOENT, at: place) }
        if target[0] == RawPath.slash {
            resolved = []
            position = nil
        }
        pending += target.components.reversed()
        linkOwner = status.uid
        isSlow = false
        if pending.reduce(resolved.count, { $0 + $1.count + 1 }) > Self.maximumLength {
            throw .missing(ENAMETOOLONG, at: place)
        }
    }
}

extension Walk {
    /// Images link their log files to these.
    private static let standardStreams: Set<RawPath> = Set(
        [
            "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd/1", "/proc/self/fd/2",
            "/proc/1/fd/1", "/proc/1/fd/2",
        ].map { RawPath($0.utf8) })

    /// Without a mount of the table, these are the kernel's, or made by the runtime for the container's processes only.
    private func refuseVirtual() throws(Stop) {
        guard let first = pending.last, pending.dropLast().last?.isParent != true else { return }
        for (name, type) in [("proc", "procfs"), ("sys", "sysfs"), ("dev", "devtmpfs")]
        where first.elementsEqual(name.utf8) {
            throw .refused(VirtualFileSystem.refusal("/\(name)", type))
        }
    }

    func refuseOwn(_ found: Position) throws(Stop) {
        let host = found.hostPath.flatMap { view.hostPaths(allowsNetwork).onHost($0) }
        if view.rules.isOwn(host, found.status) {
            throw .refused("\(printable(resolved.orRoot)) is longshore's own file: write logs to a volume of their own")
        }
    }

    /// What was opened is not the mount that was checked: it was made meanwhile.
    private func checkNew(_ handle: PathDescriptor, _ place: RawPath, _ host: RawPath) throws(Stop) {
        guard let entry = view.mounts.readAgain().entry(at: host), entry.id == handle.mountID else {
            throw .missing(EAGAIN, at: place)
        }
        if entry.isVirtual { throw .refused(VirtualFileSystem.refusal(printable(place), entry.type)) }
        if entry.isNetwork { try view.hostPaths(allowsNetwork).check(entry) }
    }

    /// Opens the root of a mount that the host has below a mount's source.
    private func cross(
        _ here: Position, _ name: ArraySlice<UInt8>, _ place: RawPath, _ host: RawPath?
    ) throws(Stop) -> PathDescriptor {
        guard let host else {
            throw .refused(
                "\(printable(place)) is a mount that the container's runtime does not list: write logs to a named volume"
            )
        }
        guard let entry = view.mounts.entry(at: host) ?? HostMounts.read().entry(at: host) else {
            throw .missing(EAGAIN, at: place)
        }
        if entry.isVirtual { throw .refused(VirtualFileSystem.refusal(printable(place), entry.type)) }
        if entry.isNetwork { try view.hostPaths(allowsNetwork).check(entry) }
        let handle = try Stop.unwrap(
            here.top.open(Array(name), resolve: PathDescriptor.crossing), at: place)
        if let type = VirtualFileSystem.name(of: handle) {
            throw .refused(VirtualFileSystem.refusal(printable(place), type))
        }
        if handle.mountID != entry.id { try checkNew(handle, place, host) }
        // Mounted after the container was started: then it has the directory below it.
        if let seen = view.containerStatus(place, allowsNetwork),
            case .success(let status) = handle.status, !seen.isSameFile(as: status)
        {
            throw .refused(
                "\(printable(place)) is a mount of the host that the container does not have: restart the container")
        }
        return handle
    }
}
