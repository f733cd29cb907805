// The entries of a directory as the container has them.
internal import CLinux
internal import Glibc
package import LinuxIO

extension ContainerView {
    /// Calls `body` with each entry but `.` and `..`: name, d_type and inode (0 when not known). Layers are merged; what is
    /// mounted directly below is there under its name with DT_UNKNOWN, directories that only lead to a mount with DT_DIR,
    /// whether the directory holds them or not. `body` returns false to stop early. A link at the end is followed.
    package func forEachEntry(
        in path: RawPath, allowsNetwork: Bool = false,
        _ body: (_ name: UnsafeBufferPointer<UInt8>, _ type: UInt8, _ inode: UInt64) -> Bool
    ) -> ListOutcome {
        do throws(Stop) {
            let destinations = realDestinations()
            var walk = Walk(view: self, destinations: destinations, follow: true, allowsNetwork: allowsNetwork)
            walk.needsAllLayers = true
            let found: Position?
            var reason: SystemError?
            do throws(Stop) {
                found = try walk.run(path)
            } catch {
                guard case .missing(let error) = error else { throw error }
                found = nil
                reason = error
            }
            let place = found == nil ? path.normalized : walk.resolved
            let below = mountNames(below: place, destinations)
            if let reason, below.isEmpty { return .missing(reason) }
            if let found {
                if !found.status.isDirectory { throw .missing(ENOTDIR, at: place) }
                try walk.refuseOwn(found)
            }
            try list(found, place, below, body)
            return .listed
        } catch {
            switch error {
            case .missing(let error): return .missing(error)
            case .refused(let reason): return .refused(reason)
            case .network(let entry): return .network(entry)
            }
        }
    }

    /// Next components of the mounts below `place`; true: it is the mount itself.
    private func mountNames(below place: RawPath, _ destinations: [RawPath?]) -> [RawPath: Bool] {
        var names: [RawPath: Bool] = [:]
        for case let destination? in destinations where destination.count > place.count && destination.isWithin(place) {
            let rest = destination[(place.count + 1)...]
            let name = RawPath(rest.prefix { $0 != RawPath.slash })
            names[name] = names[name] == true || name.count == rest.count
        }
        return names
    }

    private func list(
        _ found: Position?, _ place: RawPath, _ below: [RawPath: Bool],
        _ body: (UnsafeBufferPointer<UInt8>, UInt8, UInt64) -> Bool
    ) throws(Stop) {
        for (name, isMount) in below where isMount {
            if !name.withUnsafeBufferPointer({ body($0, UInt8(DT_UNKNOWN), 0) }) { return }
        }
        // Names of higher layers, deleted ones too; the lowest layer's need not be kept.
        var seen: Set<RawPath> = []
        var leading = Set(below.filter { !$0.value }.keys)
        var goesOn = true
        for (index, part) in (found?.parts ?? []).enumerated() where goesOn {
            let keeps = index < found!.parts.count - 1
            try Self.forEachEntry(part, place) { name, type, inode in
                if below.isEmpty && !keeps && index == 0 && type != UInt8(DT_CHR) && type != UInt8(DT_UNKNOWN) {
                    goesOn = body(name, type, inode)
                    return goesOn
                }
                let own = RawPath(name)
                if below[own] == true || seen.contains(own) { return true }
                if keeps { seen.insert(own) }
                if found!.base == .layers, Self.isWhiteout(own, type, part) { return true }
                leading.remove(own)
                goesOn = body(name, type, inode)
                return goesOn
            }
        }
        for name in leading where goesOn {
            goesOn = name.withUnsafeBufferPointer { body($0, UInt8(DT_DIR), 0) }
        }
    }

    private static func forEachEntry(
        _ part: Position.Part, _ place: RawPath, _ body: (UnsafeBufferPointer<UInt8>, UInt8, UInt64) -> Bool
    ) throws(Stop) {
        do {
            try part.handle.use { raw throws(SystemError) in
                try FileSystem.forEachEntry(in: FileSystem.path(ofDescriptor: raw), body)
            }
        } catch {
            throw .missing(error, at: place)
        }
    }

    private static func isWhiteout(_ name: RawPath, _ type: UInt8, _ part: Position.Part) -> Bool {
        guard type == UInt8(DT_CHR) || type == UInt8(DT_UNKNOWN) else { return false }
        guard case .success(let status) = part.handle.status(of: name) else {
            return false
        }
        return status.isWhiteout
    }
}
