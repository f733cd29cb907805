// Telling whether a descriptor is a stream to systemd-journald.
internal import Glibc

/// systemd.exec(5), JOURNAL_STREAM: "device:inode" of the stream that the service manager connected to stdout or stderr.
package enum JournalStream {
    /// True when `descriptor` is the stream that `value`, the variable's content, names. A variable that was inherited
    /// while stderr was redirected elsewhere does not match.
    package static func matches(descriptor: Int32, value: String?) -> Bool {
        guard let parts = value?.split(separator: ":", omittingEmptySubsequences: false), parts.count == 2,
            let device = UInt(parts[0]), let inode = UInt(parts[1])
        else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return status.st_dev == device && status.st_ino == inode
    }

    /// `matches` with the process's own environment.
    package static func isConnected(descriptor: Int32) -> Bool {
        matches(descriptor: descriptor, value: getenv("JOURNAL_STREAM").map { String(cString: $0) })
    }
}
