// In what form a file holds its lines: as they were written, or as entries of a container runtime's log.

/// How the bytes of a file become records.
package enum EntryFormat: UInt8, Sendable, Hashable {
    /// Lines as their writer wrote them.
    case plain
    /// Docker's json-file driver: `{"log":"text\n","stream":"stdout","time":"…"}`, one object per line.
    case jsonFile
    /// CRI (and Podman's k8s-file): `time stdout F text`, `P` where the line goes on in the stream's next entry.
    case cri
}

/// Which of a container's two outputs an entry belongs to: `log.iostream`.
package enum OutputStream: UInt8, Sendable {
    case output
    case errors
}

/// One entry as it was found in its line; the pointers are valid as long as the chunk.
struct ScannedEntry {
    /// JSON string content (`jsonFile`) or raw bytes (`cri`), without the line's end.
    var text: UnsafePointer<UInt8>
    var count: Int
    /// RFC 3339, as the runtime wrote it.
    var time: UnsafePointer<UInt8>
    var timeCount: Int
    var stream: OutputStream
    /// The line goes on in the stream's next entry. Of json-file it is known once the text was read.
    var isPartial = false
}
