// The host's mounts as its kernel lists them.
internal import Glibc
package import LinuxIO

/// /proc/self/mountinfo (proc(5)). Reading it never touches the mounts themselves, so it cannot hang. Immutable.
package struct HostMounts: Sendable {
    /// One mount that is not hidden by another one.
    package struct Entry: Hashable, Sendable {
        package let id: UInt64
        /// As `clinux_stat.device`: major in the upper half. Btrfs tells stat(2) another one.
        package let device: UInt64
        package let mountPoint: RawPath
        /// Which directory of the file system is mounted: `/`, or another one for a bind mount.
        package let root: RawPath
        /// As in filesystems(5), `fuse.sshfs` with a subtype.
        package let type: String
        fileprivate let parent: UInt64

        /// Calls on it may wait for another machine or another process.
        package var isNetwork: Bool { type.hasPrefix("fuse.") || networkTypes.contains(type) }
        /// Its files are made by the kernel as they are read.
        package var isVirtual: Bool { virtualTypes.contains(type) }
    }

    private(set) var byPoint: [RawPath: Entry] = [:]
    /// Visible network mounts.
    package private(set) var network: [Entry] = []
    /// Device of the one network file system that may be touched: for its own I/O worker.
    private(set) var permitted: UInt64?

    /// The mounts of this process at this moment; none when /proc cannot be read.
    package static func read() -> HostMounts { read("/proc/self/mountinfo") }

    static func read(_ path: String) -> HostMounts { HostMounts(text: readAll(Array(path.utf8))) }

    /// The mounts at this moment, for whoever may touch what this one permits.
    func readAgain() -> HostMounts {
        var mounts = HostMounts.read()
        mounts.permitted = permitted
        return mounts
    }

    /// From the text of a mountinfo file; lines that are none are skipped.
    package init(text: [UInt8]) {
        let entries = text.split(separator: UInt8(ascii: "\n")).compactMap { Entry(line: $0) }
        let ids = Set(entries.map(\.id))
        // Outer mounts first, those on one point in the order they were made.
        let ordered = entries.enumerated().sorted {
            ($0.element.mountPoint.count, $0.offset) < ($1.element.mountPoint.count, $1.offset)
        }
        for (_, entry) in ordered {
            // A mount whose parent is no longer what its mount point lies on was covered by a later one further up.
            if byPoint[entry.mountPoint] == nil, ids.contains(entry.parent), entry.parent != entry.id,
                let below = self.entry(of: entry.mountPoint), below.id != entry.parent
            {
                continue
            }
            byPoint[entry.mountPoint] = entry
        }
        network = byPoint.values.filter(\.isNetwork).sorted { $0.id < $1.id }
    }

    /// The mount that an absolute path without links lies on.
    package func entry(of path: RawPath) -> Entry? {
        var point = path.normalized
        while true {
            if let entry = byPoint[point.orRoot] { return entry }
            if point.isEmpty { return nil }
            point.removeLastComponent()
        }
    }

    /// The mount whose mount point is exactly `path`.
    func entry(at path: RawPath) -> Entry? { byPoint[path.orRoot] }

    /// The network mount that `path` lies on, if it does. Free where there are none.
    func networkEntry(of path: RawPath) -> Entry? {
        guard !network.isEmpty, let entry = entry(of: path), entry.isNetwork, entry.device != permitted else {
            return nil
        }
        return entry
    }

    /// The same mounts for whoever may touch the network file system with this device, and no other one.
    package func permitting(device: UInt64) -> HostMounts {
        var mounts = self
        mounts.permitted = device
        return mounts
    }

    /// The network mount that looking at an absolute path of this process would touch, links on the way followed (one at
    /// its end with `follow` only). Free where there are no network mounts; else one readlink(2) for each component, none
    /// of them on a network mount. Who swaps a link between this and the use of the path is not stopped.
    package func networkEntry(onTheWayTo path: RawPath, follow: Bool = true) -> Entry? {
        guard !network.isEmpty else { return nil }
        var resolved: RawPath = []
        var pending = Array(path.components.reversed())
        var links = 0
        while let name = pending.popLast() {
            if name.isParent {
                if !resolved.isEmpty { resolved.removeLastComponent() }
                continue
            }
            let next = resolved.appending(component: name)
            if let entry = networkEntry(of: next) { return entry }
            guard follow || !pending.isEmpty, case .success(let target) = FileSystem.linkTarget(next) else {
                resolved = next
                continue
            }
            links += 1
            if links > Walk.maximumLinks { return nil }
            if target.first == RawPath.slash { resolved = [] }
            pending += target.components.reversed()
        }
        return nil
    }

    private static func readAll(_ path: RawPath) -> [UInt8] {
        guard case .success(let raw) = FileSystem.open(path, flags: O_RDONLY) else { return [] }
        let file = FileDescriptor(owning: raw)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(file.raw, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return text }
            text += buffer[..<count]
        }
    }
}

extension HostMounts.Entry {
    /// `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/x rw`
    fileprivate init?(line: ArraySlice<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " "))
        guard let dash = fields.dropFirst(6).firstIndex(where: { $0.elementsEqual("-".utf8) }),
            dash + 1 < fields.count, let id = number(fields[0]), let parent = number(fields[1])
        else { return nil }
        let numbers = fields[2].split(separator: UInt8(ascii: ":")).compactMap(number)
        let point = unescaped(fields[4])
        guard numbers.count == 2, numbers[0] < 1 << 32, numbers[1] < 1 << 32, point.first == RawPath.slash else {
            return nil
        }
        self.init(
            id: id, device: numbers[0] << 32 | numbers[1], mountPoint: point.normalized.orRoot,
            root: unescaped(fields[3]), type: String(decoding: unescaped(fields[dash + 1]), as: UTF8.self),
            parent: parent)
    }
}

private func number(_ text: ArraySlice<UInt8>) -> UInt64? { UInt64(String(decoding: text, as: UTF8.self)) }

/// Space, tab, newline, backslash and # are written as `\` and three octal digits.
private func unescaped(_ text: ArraySlice<UInt8>) -> RawPath {
    var bytes: RawPath = []
    var rest = text
    while let byte = rest.popFirst() {
        let digits = rest.prefix(3)
        if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }),
            let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
        {
            bytes.append(value)
            rest = rest.dropFirst(3)
        } else {
            bytes.append(byte)
        }
    }
    return bytes
}

/// Also autofs, which mounts when it is touched, and file systems of a cluster or of another process.
private let networkTypes: Set<String> = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "fuse", "fuseblk", "9p", "virtiofs", "glusterfs", "lustre", "afs",
    "autofs", "coda", "ncpfs", "gfs2", "ocfs2", "gpfs", "beegfs", "orangefs", "pvfs2",
]

private let virtualTypes: Set<String> = [
    "proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs", "bpf", "pstore", "efivarfs",
    "selinuxfs", "smackfs", "devpts", "devtmpfs", "mqueue", "hugetlbfs", "nsfs", "binfmt_misc", "fusectl",
    "rpc_pipefs", "nfsd", "resctrl",
]
