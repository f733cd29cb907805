// The worker's walk over one declaration: which files on its volume fit, found anew with every listing.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// Walks down from the paths by which a declaration reaches a volume. Runs on the worker's thread; keeps nothing.
struct PatternWalk {
    private let view: FileView
    private let device: UInt64
    private let known: Set<UInt64>
    private let declarations: [FileDeclaration]
    private(set) var listing: NetworkListing
    /// Files of one declaration on one volume that are followed.
    private static let maximumFiles = 50_000

    init(_ walk: NetworkWalk, view: FileView, device: UInt64) {
        self.view = view
        self.device = device
        known = walk.known
        declarations = [walk.declaration]
        listing = NetworkListing(delegation: walk.delegation)
        for contact in walk.contacts { begin(contact) }
    }

    /// A contact is looked at as an entry of its directory: it is a directory on the volume, a file, or a link to one.
    private mutating func begin(_ contact: RawPath) {
        let names = contact.split(separator: 0x2F)
        var states: [PatternState] = []
        for pattern in declarations[0].patterns.indices {
            let first = PatternState(declaration: 0, pattern: Int32(pattern), component: 0)
            states += names.isEmpty ? [first] : declarations.states(after: names.dropLast(), from: first)
        }
        guard let name = names.last else { return enter(contact, declarations.closure(states), depth: 0) }
        consider(parent(of: contact), Array(name), states, depth: 0)
    }

    private mutating func consider(_ directory: RawPath, _ name: [UInt8], _ states: [PatternState], depth: Int32) {
        let path = join(directory, name)
        let match = name.withUnsafeBufferPointer { declarations.match(states, $0) }
        guard !match.wanting.isEmpty || !match.deeper.isEmpty || !match.spread.isEmpty else { return }
        guard var sight = look(path, follow: false) else { return }
        let link = sight.isLink ? sight.status : nil
        if link != nil {
            guard !match.wanting.isEmpty || !match.deeper.isEmpty, let target = look(path, follow: true) else { return }
            sight = target
        }
        if sight.isDirectory {
            // No `**` spreads through a link: so a loop of links ends.
            let further = match.deeper + (link == nil ? match.spread : [])
            if !further.isEmpty { enter(path, declarations.closure(further), depth: depth + 1) }
        } else if !match.wanting.isEmpty {
            add(path, sight, link, isWanted: true)
        }
    }

    private mutating func add(_ path: RawPath, _ sight: FileSight, _ link: clinux_stat?, isWanted: Bool) {
        guard sight.status.device == device else { return }
        guard listing.files.count < PatternWalk.maximumFiles else {
            if listing.failure == nil { listing.failure = (path, SystemError("list", printable(path), errno: E2BIG)) }
            return
        }
        listing.files.append(.init(path: path, status: sight.status, link: link, isWanted: isWanted))
    }

    private mutating func enter(_ path: RawPath, _ states: [PatternState], depth: Int32) {
        guard depth < Tailer.maximumDepth else { return }
        listing.directories.insert(path)
        let literals = Set(states.compactMap(literal))
        guard !known.isEmpty || states.contains(where: { literal($0) == nil }) else {
            for name in literals.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                consider(path, name, states, depth: depth)
            }
            return
        }
        var names: [[UInt8]] = []
        var renamed: [[UInt8]] = []
        do {
            try view.forEachEntry(in: path) { name, type, inode in
                let match = declarations.match(states, name)
                if !match.wanting.isEmpty || !match.deeper.isEmpty || (!match.spread.isEmpty && type != UInt8(DT_REG)) {
                    names.append(Array(name))
                } else if known.contains(inode) {
                    renamed.append(Array(name))
                }
                return true
            }
        } catch { return fail(path, error) }
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            consider(path, name, states, depth: depth)
        }
        for name in renamed {
            let path = join(path, name)
            guard let sight = look(path, follow: false), sight.kind == UInt32(S_IFREG) else { continue }
            add(path, sight, nil, isWanted: false)
        }
    }

    private func literal(_ state: PatternState) -> [UInt8]? {
        if case .literal(let name) = declarations.component(state) { return name }
        return nil
    }

    private mutating func look(_ path: RawPath, follow: Bool) -> FileSight? {
        switch view.look(path, follow: follow) {
        case .found(let sight): return sight
        case .missing(let error): fail(path, error)
        case .refused(let reason): listing.refused.append((path, reason))
        case .network: break
        }
        return nil
    }

    /// That nothing is there is no failure.
    private mutating func fail(_ path: RawPath, _ error: SystemError) {
        guard error.errno != ENOENT, error.errno != ENOTDIR, listing.failure == nil else { return }
        listing.failure = (path, error)
    }
}
