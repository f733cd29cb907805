// The names of one directory as they were listed, and a listing that can be gone on with.
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

/// Names of a directory's entries in one buffer, in the order they were listed: 100,000 of them are a few megabytes and
/// one allocation. Taken from the front, once.
struct NameList {
    struct Entry {
        let name: [UInt8]
        /// d_type of readdir(3).
        let type: UInt8
        let inode: UInt64
    }

    private static let header = 10
    private var bytes: [UInt8] = []
    private var cursor = 0

    var isEmpty: Bool { cursor == bytes.count }

    /// A name has at most 255 bytes (NAME_MAX).
    mutating func append(_ name: UnsafeBufferPointer<UInt8>, type: UInt8, inode: UInt64) {
        bytes.append(UInt8(truncatingIfNeeded: name.count))
        bytes.append(type)
        withUnsafeBytes(of: inode) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: name)
    }

    mutating func takeFirst() -> Entry? {
        guard !isEmpty else { return nil }
        let start = cursor + NameList.header
        let end = start + Int(bytes[cursor])
        let inode = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: cursor + 2, as: UInt64.self) }
        let entry = Entry(name: Array(bytes[start..<end]), type: bytes[cursor + 1], inode: inode)
        cursor = end
        return entry
    }
}

/// A directory of the host while it is listed: the kernel keeps the place on the descriptor (getdents64(2)). Closed as
/// soon as its last name was read, because it keeps a volume from being unmounted.
final class OpenListing {
    private let stream: OpaquePointer

    init(_ path: RawPath) throws(SystemError) {
        guard let stream = FileSystem.withCString(path, { opendir($0) }) else {
            throw SystemError("open directory", printable(path), errno: errno)
        }
        self.stream = stream
    }

    deinit { closedir(stream) }

    /// Calls `body` with the next entry but `.` and `..`. False: there is none any more.
    func next(
        _ path: RawPath, _ body: (_ name: UnsafeBufferPointer<UInt8>, _ type: UInt8, _ inode: UInt64) -> Void
    ) throws(SystemError) -> Bool {
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw SystemError("read directory", printable(path), errno: errno) }
                return false
            }
            let isRead = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes -> Bool in
                    let length = strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
                    if bytes[0] == 0x2E && (length == 1 || (length == 2 && bytes[1] == 0x2E)) { return false }
                    body(
                        UnsafeBufferPointer(start: bytes, count: length), entry.pointee.d_type,
                        UInt64(entry.pointee.d_ino))
                    return true
                }
            }
            if isRead { return true }
        }
    }
}

extension FileView {
    /// A listing that can be gone on with; nil for a container, whose layers are listed as one (`forEachEntry`).
    func openListing(_ path: RawPath) throws(SystemError) -> OpenListing? {
        guard container == nil else { return nil }
        if let mount = mounts.networkEntry(onTheWayTo: path) {
            throw SystemError("open", printable(mount.mountPoint), errno: EPERM)
        }
        return try OpenListing(path)
    }
}
