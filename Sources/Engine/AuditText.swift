// The audit topic's events as JSON.
internal import Core

/// Renders events of the contract ("Audit topic") for one host.
struct AuditText {
    let host: String

    /// What an event is about.
    struct Subject {
        /// Full id; empty for files of the host.
        let container: String
        let declaration: String
        let stream: StreamID
        let path: [UInt8]
        let file: FileID

        init(_ record: GenerationRecord) {
            container = record.container
            declaration = record.declaration
            stream = record.stream
            path = record.path
            file = record.file
        }

        init(container: String = "", declaration: String, stream: StreamID, path: [UInt8], file: FileID) {
            self.container = container
            self.declaration = declaration
            self.stream = stream
            self.path = path
            self.file = file
        }
    }

    func opened(_ subject: Subject, counts: LedgerCounts) -> AuditEvent {
        event(.generationOpened, subject) { text in
            text.member("from", counts.committed)
            if counts.skipped > 0 { text.member("skipped", counts.skipped) }
        }
    }

    func closed(_ subject: Subject, counts: LedgerCounts, size: UInt64?) -> AuditEvent {
        event(.generationClosed, subject) { text in
            if let size { text.member("size", size) } else { text.null("size") }
            text.member("acknowledged", counts.acknowledged)
            text.member("skipped", counts.skipped)
            text.member("gap_bytes", counts.gap)
            text.member("records", counts.records)
        }
    }

    /// `to` nil: the extent cannot be known. `deadLetter`: the topic that has the record, from its beginning.
    func gap(
        _ subject: Subject, from: UInt64, to: UInt64?, reason: GapReason, deadLetter: String? = nil
    ) -> AuditEvent {
        event(.gap, subject) { text in
            text.member("from", from)
            if let to { text.member("to", to) } else { text.null("to") }
            text.member("reason", reason.rawValue)
            if let deadLetter { text.member("dead_letter_topic", deadLetter) }
        }
    }

    func stateLost(reason: String, setAside: String, snapshot: Int64?) -> AuditEvent {
        var text = begin(.stateLost)
        text.member("reason", reason)
        text.member("set_aside", setAside)
        if let snapshot {
            text.member("snapshot", Timestamp(nanoseconds: snapshot).description)
        } else {
            text.null("snapshot")
        }
        text.end()
        return AuditEvent(key: host, payload: text.bytes)
    }

    /// What happened to a container.
    func container(_ event: ContainerEvent, id: String, name: String) -> AuditEvent {
        var text = begin(event.kind)
        text.member("container.id", id)
        text.member("container.name", rawBytes: Array(name.utf8))
        switch event {
        case .started: break
        case .stopped(let exitCode, let isOutOfMemory):
            if let exitCode { text.member("exit_code", Int64(exitCode)) } else { text.null("exit_code") }
            text.member("oom_killed", isOutOfMemory)
        case .declarationProblem(let declaration, let key, let message):
            text.member("log.declaration", rawBytes: Array(declaration.utf8))
            text.member("label", rawBytes: Array(key.utf8))
            text.member("message", rawBytes: Array(message.utf8))
        }
        text.end()
        return AuditEvent(key: id, payload: text.bytes)
    }

    /// What a container's declaration had could not be looked at: whether there was anything cannot be known.
    func unknown(container id: String, declaration: String, reason: GapReason) -> AuditEvent {
        var text = begin(.gap)
        text.member("container.id", id)
        text.member("log.declaration", declaration)
        text.member("from", UInt64(0))
        text.null("to")
        text.member("reason", reason.rawValue)
        text.end()
        return AuditEvent(key: id, payload: text.bytes)
    }

    private func event(_ kind: AuditKind, _ subject: Subject, _ body: (inout JSONText) -> Void) -> AuditEvent {
        var text = begin(kind)
        if !subject.container.isEmpty { text.member("container.id", subject.container) }
        text.member("log.declaration", subject.declaration)
        text.member("log.stream.id", subject.stream.description)
        text.member("log.file.path", rawBytes: subject.path)
        text.member("log.file.id", subject.file.description)
        body(&text)
        text.end()
        return AuditEvent(key: subject.stream.description, payload: text.bytes)
    }

    private func begin(_ kind: AuditKind) -> JSONText {
        var text = JSONText()
        text.begin()
        text.member("event", kind.rawValue)
        text.member("@timestamp", Timestamp.now().description)
        text.member("host.name", host)
        return text
    }
}
