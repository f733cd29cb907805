// Files reached through links: watches of their own, links that lead nowhere for a while, and where links really lead.
internal import CLinux
internal import Glibc
package import LinuxIO

/// realpath(3); nil when the path leads nowhere.
func realPath(_ path: RawPath) -> RawPath? {
    FileSystem.withCString(path) { text in
        guard let resolved = realpath(text, nil) else { return nil }
        defer { free(resolved) }
        return Array(UnsafeBufferPointer(start: resolved, count: strlen(resolved))).map(UInt8.init(bitPattern:))
    }
}

extension Tailer {
    /// Where the file really is on the host, for files of containers and those followed through a link; nil otherwise.
    package func resolvedPath(_ slot: Int) -> RawPath? {
        let isContainers = views[Int(declarations[Int(files[slot].declaration)].view)].container != nil
        guard files[slot].isLinked || isContainers else { return nil }
        if let volume = volume(ofSlot: slot) { return volume.files[Int32(slot)]?.resolvedPath }
        guard files[slot].descriptor >= 0 else { return nil }
        // The descriptor, not the link: that may lead elsewhere by now (proc(5), /proc/pid/fd).
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(files[slot].descriptor)", &target, target.count)
        return count > 0 ? target[..<count].map(UInt8.init(bitPattern:)) : nil
    }

    private static let maximumDanglingPolls = 60

    /// True for the refused directories and all below.
    func isRefused(_ path: RawPath?) -> Bool {
        guard let path else { return true }
        return refusedPaths.contains { path.starts(with: $0) && (path.count == $0.count || path[$0.count] == 0x2F) }
    }

    /// A file reached through a link lies in a directory that is not watched: it gets a watch of its own, on the very
    /// file that is open.
    func watchFile(_ slot: Int32) {
        if let limit = options.watchLimit, watchCount >= limit { return unwatchedFiles.append(slot) }
        let path = RawPath("/proc/self/fd/\(files[Int(slot)].descriptor)".utf8)
        switch inotify.add(path, mask: UInt32(IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB)) {
        case .success(let watch):
            files[Int(slot)].watch = watch
            filesOfWatch[watch, default: []].append(slot)
        case .failure: unwatchedFiles.append(slot)
        }
    }

    /// Rotation moves a link's file away before it makes the next one, where nobody watches: the link is looked at with
    /// the next polls. One that leads nowhere for longer is left to the rescan.
    func noteDangling(_ entry: EntryName) {
        if danglingLinks[entry] == nil { danglingLinks[entry] = Tailer.maximumDanglingPolls }
    }

    func pollDanglingLinks(_ now: Int64) {
        for (entry, left) in danglingLinks {
            danglingLinks[entry] = nil
            entry.name.withUnsafeBufferPointer { consider(entry.directory, $0, type: UInt8(DT_LNK), now) }
            if danglingLinks[entry] != nil { danglingLinks[entry] = left > 1 ? left - 1 : nil }
        }
    }
}
