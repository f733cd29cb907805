// What an operator can do so that a gap does not happen again.
internal import Core

extension GapReason {
    /// For the log line about a gap. The bytes themselves are lost to Kafka; where the file still has them it says so.
    var remedy: String {
        switch self {
        case .truncated:
            "the file was cut off before it was read: rotate by renaming, or keep the copy beside the log, and see why delivery was behind"
        case .deleted:
            "the file was deleted before it was read: keep rotated files for longer, or raise limits.deleted_file_hold and limits.deleted_bytes"
        case .oversize: "the line is longer than limits.line_total: raise it, or find out who writes such lines"
        case .unreadable: "the disk cannot read this part of the file: look at the kernel's log and at the disk"
        case .unmounted:
            "the volume was unmounted before it was read: stop containers before their volumes are taken away"
        case .recordRejected:
            "Kafka refuses this record for what it is: see the reason in longshore_failed_records_total; the file still has it; a record that is too large needs a larger max.message.bytes of the topic, or a smaller limits.line"
        case .replaced: "the content was replaced under the same file: write logs by appending only"
        }
    }
}
