// Which mount an open directory lies on, and what else that mount's directory is called.
internal import CLinux
internal import LinuxIO

extension ContainerView {
    /// A table in which the mount that `handle` lies on is what stands at `real`, its path; nil: mounts are changing there.
    ///
    /// The kernel gives a mount's number again once it is gone. Who must know what is mounted (`exactly`) has a table that
    /// was read while the handle kept its mount from going; the view's own is enough for what is no mount point itself.
    func table(
        holding handle: PathDescriptor, _ status: clinux_stat, at real: RawPath, exactly: Bool
    ) -> HostMounts? {
        guard let id = handle.mountID else { return nil }
        if !exactly || status.is_mount_root == 0, mounts.entry(of: real)?.id == id { return mounts }
        let present = mounts.readAgain()
        return present.entry(of: real)?.id == id ? present : nil
    }
}

extension HostMounts {
    /// What else the directory of `own` is called on the host, and what it contains: by all mounts of its file system but
    /// those for which `isIgnored` is true of their mount points. Where none shows it, a part of a file system is judged
    /// by its name there, as if that were the root's.
    func names(of own: Entry, ignoring isIgnored: (_ mountPoint: RawPath) -> Bool) -> [RawPath] {
        let root = own.root.normalized
        let others = byPoint.values.filter { other in
            other.device == own.device && other.id != own.id && !isIgnored(other.mountPoint.normalized)
        }
        let shown = others.filter { root.isWithin($0.root.normalized) }.map { other in
            other.mountPoint.normalized + root.dropFirst(other.root.normalized.count)
        }
        let contained = others.filter { $0.root.normalized.isWithin(root) }.map(\.mountPoint.normalized)
        let named = Set(shown + contained).sorted { one, other in
            one.count == other.count ? one.lexicographicallyPrecedes(other) : one.count < other.count
        }
        if !shown.isEmpty || root.isEmpty { return named }
        return [root] + named
    }
}
