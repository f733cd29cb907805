// The worker's side of a network volume: every call that may hang, and the descriptors, which exist on its thread only.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

/// Performs requests on the thread of one I/O worker, which owns it. Its descriptors end with that thread's table: nobody
/// else may close them.
final class NetworkReader {
    private struct Opened {
        let descriptor: Int32
        var lastUse: UInt64
    }

    private let device: UInt64
    private let openLimit: Int
    private var opened: [UInt64: Opened] = [:]
    private var uses: UInt64 = 0
    /// By container: what a view remembers of its mounts outlives a request.
    private var containers: [String: ContainerView] = [:]

    init(device: UInt64, openLimit: Int) {
        self.device = device
        self.openLimit = openLimit
    }

    func perform(_ request: NetworkRequest) -> NetworkAnswer {
        for handle in request.closes { close(handle) }
        switch request.work {
        case .nothing: return .nothing
        case .list(let walks, let handles): return list(walks, handles)
        case .open(let opening): return .opened(opening, open(opening))
        case .read(let reading): return .read(read(reading))
        }
    }

    private func view(_ view: NetworkView) -> FileView {
        switch view {
        case .host(let mounts): return FileView(container: nil, mounts: mounts)
        case .container(let fresh):
            let id = fresh.layout.container
            if containers[id]?.layout == fresh.layout {
                containers[id]!.mounts = fresh.mounts
            } else {
                containers[id] = fresh
            }
            return FileView(container: containers[id]!, mounts: fresh.mounts)
        }
    }

    private func list(_ walks: [NetworkWalk], _ handles: [UInt64]) -> NetworkAnswer {
        let ids = Set(
            walks.compactMap { walk -> String? in
                if case .container(let container) = walk.view { container.layout.container } else { nil }
            })
        containers = containers.filter { ids.contains($0.key) }
        let listings = walks.map { PatternWalk($0, view: view($0.view), device: device).listing }
        let states = handles.map { handle in
            (handle, opened[handle].flatMap { try? FileSystem.status(descriptor: $0.descriptor).get() })
        }
        return .listed(listings, states: states)
    }

    // MARK: Descriptors

    private func close(_ handle: UInt64) {
        if let old = opened.removeValue(forKey: handle) { Glibc.close(old.descriptor) }
    }

    private func keep(_ handle: UInt64, _ descriptor: Int32) {
        if opened.count >= openLimit, let oldest = opened.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            close(oldest.key)
        }
        uses += 1
        opened[handle] = Opened(descriptor: descriptor, lastUse: uses)
    }

    /// Opens the regular file that `path` leads to when it has this inode and birth on this volume; else ESTALE.
    private func open(
        _ path: RawPath, _ view: NetworkView, inode: UInt64, born: Int64
    ) -> Result<(Int32, clinux_stat), SystemError> {
        self.view(view).open(path).flatMap { descriptor in
            if case .success(let status) = FileSystem.status(descriptor: descriptor),
                status.mode & UInt32(S_IFMT) == UInt32(S_IFREG), status.device == device, status.inode == inode,
                status.born_ns == born
            {
                return .success((descriptor, status))
            }
            Glibc.close(descriptor)
            return .failure(SystemError("open", printable(path), errno: ESTALE))
        }
    }

    private func open(_ opening: NetworkOpening) -> Result<NetworkFile, SystemError> {
        open(opening.path, opening.view, inode: opening.status.inode, born: opening.status.born_ns).map { found in
            let (descriptor, status) = found
            keep(opening.handle, descriptor)
            let fileSystem = Identifier128(bytes: FileSystem.fileSystemID(descriptor: descriptor))!
            let fitting = opening.records.filter {
                EvidenceReader.fits(descriptor, size: status.size, committed: $0.counts.committed, $0.evidence)
            }
            return NetworkFile(
                status: status,
                identity: FileIdentity(fileSystem: fileSystem, inode: status.inode, born: status.born_ns),
                start: .find(descriptor, status, opening.declaration), fitting: Set(fitting.map(\.file)),
                resolvedPath: try? FileSystem.currentPath(descriptor: descriptor).get())
        }
    }

    // MARK: Reading

    private func read(_ reading: NetworkReading) -> NetworkChunk {
        var chunk = NetworkChunk(
            slot: reading.slot, handle: reading.handle, offset: reading.offset, before: reading.before,
            capacity: reading.capacity)
        for attempt in 0..<2 {
            chunk.failure = fill(&chunk, reading)
            // The server does not know the handle any more (NFS): the file is gone, or to be opened again.
            guard let failure = chunk.failure, failure.errno == ESTALE, attempt == 0 else { break }
            close(reading.handle)
        }
        return chunk
    }

    /// Nil: `chunk` holds what there is.
    private func fill(_ chunk: inout NetworkChunk, _ reading: NetworkReading) -> SystemError? {
        let descriptor: Int32
        switch self.descriptor(reading) {
        case .success(let found): descriptor = found
        case .failure(let error): return error
        }
        var error = fill(&chunk, descriptor)
        if chunk.bytes.count < chunk.before, DiskRead.isMediaError(error) {
            chunk.anchorFailed = true
            chunk.before = 0
            error = fill(&chunk, descriptor)
        }
        if error != 0 {
            let failure = SystemError("read", reading.path.map { printable($0) } ?? "", errno: error)
            if chunk.bytes.isEmpty, !DiskRead.isMediaError(error) { return failure }
            chunk.broken = failure
        }
        let first = reading.offset - UInt64(chunk.before)
        chunk.status = try? FileSystem.status(descriptor: descriptor).get()
        let end = first + UInt64(chunk.bytes.count)
        if chunk.bytes.withUnsafeBufferPointer({ $0.count > 0 && HoleReader.isNull($0.baseAddress!, count: $0.count) })
        {
            chunk.nextData = HoleReader.nextData(descriptor, from: end)
        }
        if let head = reading.headToFit { chunk.headFits = EvidenceReader.headFits(descriptor, head) }
        if reading.wantsHead {
            chunk.head = EvidenceReader.evidence(descriptor, size: end, committed: 0)
        }
        return nil
    }

    /// Reads what `chunk` is to hold; the error that ended it, or 0.
    private func fill(_ chunk: inout NetworkChunk, _ descriptor: Int32) -> Int32 {
        let first = chunk.offset - UInt64(chunk.before)
        var failure: Int32 = 0
        chunk.bytes = [UInt8](unsafeUninitializedCapacity: chunk.before + chunk.capacity) { buffer, got in
            (got, failure) = DiskRead.bytes(descriptor, buffer.baseAddress!, buffer.count, at: first)
        }
        return failure
    }

    private func descriptor(_ reading: NetworkReading) -> Result<Int32, SystemError> {
        if let known = opened[reading.handle] {
            uses += 1
            opened[reading.handle]!.lastUse = uses
            return .success(known.descriptor)
        }
        guard let path = reading.path else { return .failure(SystemError("open", "", errno: ENOENT)) }
        return open(path, reading.view, inode: reading.identity.inode, born: reading.identity.born).map { found in
            keep(reading.handle, found.0)
            return found.0
        }
    }
}
