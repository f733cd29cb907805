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
        /// Where its records go; empty where that is not known.
        let topic: String

        init(_ record: GenerationRecord) {
            container = record.container
            declaration = record.declaration
            stream = record.stream
            path = record.path
            file = record.file
            topic = record.route
        }

        init(
            container: String = "", declaration: String, stream: StreamID, path: [UInt8], file: FileID,
            topic: String = ""
        ) {
            self.topic = topic
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
        gap(
            GapDetail(
                stream: subject.stream.value, file: subject.file.value, reason: reason.rawValue,
                ranges: [GapRange(from: from, to: to)], head: head(.gap, subject, deadLetter: deadLetter).bytes),
            key: subject.stream.description)
    }

    private func gap(_ detail: GapDetail, key: String) -> AuditEvent {
        AuditEvent(key: key, payload: detail.payload, detail: detail.encoded)
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
        let place = AuditText.identity(id, declaration)
        return gap(
            GapDetail(
                stream: place, file: place, reason: reason.rawValue, ranges: [GapRange(from: 0, to: nil)],
                head: text.bytes),
            key: id)
    }

    /// Takes the place of a stream where there is none: the same for the same declaration of the same container. FNV-1a, as
    /// in http://www.isthe.com/chongo/tech/comp/fnv.
    private static func identity(_ container: String, _ declaration: String) -> Identifier128 {
        func hash(_ seed: UInt64) -> UInt64 {
            (Array(container.utf8) + [0] + Array(declaration.utf8)).reduce(seed) {
                ($0 ^ UInt64($1)) &* 0x100_0000_01b3
            }
        }
        return Identifier128(high: hash(0xcbf2_9ce4_8422_2325), low: hash(0x9e37_79b9_7f4a_7c15))
    }

    /// What `head` ends with for events about a generation.
    static func generationMember(_ file: Identifier128) -> [UInt8] { Array(#","log.file.id":"\#(file)""#.utf8) }

    /// The head of a gap event as that of a summary.
    static func asSummary(_ head: [UInt8]) -> [UInt8] {
        let (gap, summary) = (beginning(.gap), beginning(.gapSummary))
        return head.starts(with: gap) ? summary + head.dropFirst(gap.count) : head
    }

    private static func beginning(_ kind: AuditKind) -> [UInt8] { Array(#"{"event":"\#(kind.rawValue)""#.utf8) }

    /// What kind of event a text is; nil: none that this version knows.
    static func kind(of payload: [UInt8]) -> AuditKind? {
        let start = Array(#"{"event":""#.utf8)
        guard payload.starts(with: start) else { return nil }
        return AuditKind(
            rawValue: String(decoding: payload.dropFirst(start.count).prefix { $0 != 0x22 }, as: UTF8.self))
    }

    private func event(_ kind: AuditKind, _ subject: Subject, _ body: (inout JSONText) -> Void) -> AuditEvent {
        var text = head(kind, subject)
        body(&text)
        text.end()
        return AuditEvent(key: subject.stream.description, payload: text.bytes)
    }

    private func head(_ kind: AuditKind, _ subject: Subject, deadLetter: String? = nil) -> JSONText {
        var text = begin(kind)
        if !subject.container.isEmpty { text.member("container.id", subject.container) }
        text.member("log.declaration", subject.declaration)
        text.member("log.stream.id", subject.stream.description)
        text.member("log.file.path", rawBytes: subject.path)
        if !subject.topic.isEmpty { text.member("topic", subject.topic) }
        if let deadLetter { text.member("dead_letter_topic", deadLetter) }
        text.member("log.file.id", subject.file.description)
        return text
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
