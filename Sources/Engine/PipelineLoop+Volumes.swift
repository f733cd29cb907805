// Volumes that hang: said once when it begins and once when it ends.
internal import FileSource
internal import Glibc
internal import LinuxIO
internal import Logging

extension PipelineLoop {
    /// While files of network volumes are followed the tailer wakes the loop every second: often enough.
    func noteHanging(_ now: Int64) {
        let volumes = tailer.hangingVolumes(now: now)
        guard !volumes.isEmpty || !hanging.isEmpty else { return }
        for volume in volumes where hanging.insert(volume.volume).inserted {
            logger.warning(
                "a volume does not answer; its files wait, all others are shipped",
                metadata: ["volume": "\(volume.volume)", "files": "\(volume.files)"])
        }
        for ended in hanging.subtracting(volumes.map(\.volume)) {
            hanging.remove(ended)
            logger.notice("a volume answers again, or is gone", metadata: ["volume": "\(ended)"])
        }
    }
}

/// An open /proc/self/mountinfo, whose poll(2) tells of changes (proc(5)). Reading it touches no mount.
final class OpenMountTable {
    let raw: Int32

    /// Nil where /proc does not have it.
    init?() {
        guard case .success(let raw) = FileSystem.open(Array("/proc/self/mountinfo".utf8), flags: O_RDONLY) else {
            return nil
        }
        self.raw = raw
    }

    deinit { close(raw) }
}
