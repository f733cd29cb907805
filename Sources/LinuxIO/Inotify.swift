// inotify(7): watches on directories and files.
internal import CLinux
internal import Core
internal import Glibc

/// One inotify instance. Used by one thread; the descriptor is readable when events wait.
package struct Inotify: ~Copyable {
    private let descriptor: FileDescriptor
    private let buffer: UnsafeMutableRawPointer
    private static let bufferSize = 64 * 1024
    /// With a name of NAME_MAX bytes and what is padded.
    private static let largestEvent = MemoryLayout<inotify_event>.size + 256 + 16

    package var raw: Int32 { descriptor.raw }

    package init() throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try retryingInterrupts("inotify_init1") {
                inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
            })
        buffer = .allocate(byteCount: Inotify.bufferSize, alignment: 8)
    }

    deinit { buffer.deallocate() }

    /// Watches `path` for `mask`. ENOSPC means that the watches of the user are used up (fs.inotify.max_user_watches).
    package func add(_ path: RawPath, mask: UInt32) -> Result<Int32, SystemError> {
        FileSystem.withCString(path) { text in
            let watch = inotify_add_watch(raw, text, mask)
            return watch >= 0
                ? .success(watch) : .failure(SystemError("inotify_add_watch", printable(path), errno: errno))
        }
    }

    package func remove(_ watch: Int32) { inotify_rm_watch(raw, watch) }

    /// One event; `name` is valid only during the call it was handed to.
    package struct Event {
        package let watch: Int32
        package let mask: UInt32
        /// Connects the two halves of a rename.
        package let cookie: UInt32
        package let name: UnsafeBufferPointer<UInt8>
    }

    /// How much of what waited was taken.
    package enum Drained {
        case nothing
        case all
        /// The buffer had no room for another event: more may wait.
        case full
    }

    /// Reads what waits, one buffer at most, and calls `body` with each event.
    package func drain(_ body: (Event) -> Void) -> Drained {
        let count = read(raw, buffer, Inotify.bufferSize)
        guard count > 0 else { return .nothing }
        var offset = 0
        while offset < count {
            let header = (buffer + offset).assumingMemoryBound(to: inotify_event.self)
            let name = (buffer + offset + MemoryLayout<inotify_event>.size).assumingMemoryBound(to: UInt8.self)
            let padded = Int(header.pointee.len)
            let length = padded == 0 ? 0 : strnlen(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self), padded)
            body(
                Event(
                    watch: header.pointee.wd, mask: header.pointee.mask, cookie: header.pointee.cookie,
                    name: UnsafeBufferPointer(start: name, count: length)))
            offset += MemoryLayout<inotify_event>.size + padded
        }
        return count + Inotify.largestEvent > Inotify.bufferSize ? .full : .all
    }
}
