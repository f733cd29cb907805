// The worker's side of archives: searching and inflating, and the descriptors, which exist on its thread only.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

/// Performs requests on the thread of the archive worker, which owns it. Its descriptors are in that thread's own table:
/// nobody else may close them.
final class ArchiveDesk {
    private var readers: [UInt64: GzipReader] = [:]
    /// Descriptors of readers whose inflating state was let go.
    private var resting: [UInt64: Int32] = [:]
    private var search: ArchiveSearch?

    func perform(_ request: ArchiveRequest) -> ArchiveAnswer {
        for handle in request.closes { close(handle) }
        for handle in request.rests { rest(handle) }
        for handle in request.drops { drop(handle) }
        let deleted = request.looks.filter(isDeleted)
        return ArchiveAnswer(result: perform(request.work), deleted: deleted)
    }

    private func perform(_ work: ArchiveRequest.Work) -> ArchiveAnswer.Result {
        switch work {
        case .nothing: return .nothing
        case .search(let handle, let query):
            search?.abandon()
            search = ArchiveSearch(handle, query, view(query.view))
            return .searching(handle: handle)
        case .searchOn(let handle): return searchOn(handle)
        case .read(let reading): return read(reading)
        }
    }

    private func view(_ view: NetworkView) -> FileView {
        switch view {
        case .host(let mounts): FileView(container: nil, mounts: mounts)
        case .container(let container): FileView(container: container, mounts: container.mounts)
        }
    }

    private func searchOn(_ handle: UInt64) -> ArchiveAnswer.Result {
        guard let search, search.handle == handle else { return .missing(handle: handle) }
        switch search.step() {
        case .searching: return .searching(handle: handle)
        case .missing:
            self.search = nil
            return .missing(handle: handle)
        case .found(let place, let reader):
            self.search = nil
            readers[handle] = reader
            return .found(handle: handle, place)
        }
    }

    private func read(_ reading: ArchiveReading) -> ArchiveAnswer.Result {
        let before = min(UInt64(Tailer.anchorSize), reading.offset)
        var chunk = ArchiveChunk(
            slot: reading.slot, handle: reading.handle, offset: reading.offset, before: Int(before),
            capacity: reading.capacity)
        guard let reader = reader(reading) else {
            chunk.failure = SystemError("open", printable(reading.place.path), errno: ESTALE)
            return .read(chunk)
        }
        switch reader.read(at: reading.offset - before, count: Int(before) + reading.capacity) {
        case .notYet: return .readOn(reading)
        case .bytes(let bytes, let end):
            if end == nil, bytes.count <= Int(before) { return .readOn(reading) }
            chunk.bytes = bytes
            chunk.end = end
        case .short(let end): chunk.end = end
        }
        return .read(chunk)
    }

    private func reader(_ reading: ArchiveReading) -> GzipReader? {
        if let known = readers[reading.handle], known.descriptor >= 0 { return known }
        let descriptor =
            resting.removeValue(forKey: reading.handle)
            ?? ArchiveSearch.open(view(reading.view), reading.place.path, reading.place.key, reading.place.born)
        guard let descriptor else { return nil }
        if let known = readers[reading.handle] {
            known.descriptor = descriptor
            return known
        }
        let made = GzipReader(descriptor: descriptor)
        readers[reading.handle] = made
        return made
    }

    /// Closes the descriptor and keeps the inflating state: the same file is opened again for the next bytes.
    private func close(_ handle: UInt64) {
        if let descriptor = resting.removeValue(forKey: handle) { Glibc.close(descriptor) }
        guard let reader = readers[handle], reader.descriptor >= 0 else { return }
        Glibc.close(reader.descriptor)
        reader.descriptor = -1
    }

    private func rest(_ handle: UInt64) {
        guard let reader = readers.removeValue(forKey: handle) else { return }
        if reader.descriptor >= 0 { resting[handle] = reader.descriptor }
    }

    private func drop(_ handle: UInt64) {
        close(handle)
        readers[handle] = nil
        if search?.handle == handle {
            search?.abandon()
            search = nil
        }
    }

    private func isDeleted(_ handle: UInt64) -> Bool {
        let descriptor = readers[handle]?.descriptor ?? resting[handle] ?? -1
        guard descriptor >= 0, case .success(let status) = FileSystem.status(descriptor: descriptor) else {
            return false
        }
        return status.links == 0
    }
}
