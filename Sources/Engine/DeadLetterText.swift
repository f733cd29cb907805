// The dead letter of a record that Kafka refused: what it was, and why.
internal import Core
internal import KafkaSink
internal import Pipeline

/// Renders dead letters for one host: flat JSON with the names of records, so that what reads those reads these.
struct DeadLetterText {
    let host: String

    /// Bytes of the message, as text, that a dead letter carries.
    static let messageBytes = 64 << 10

    /// A record that was given up.
    struct Refused {
        let from: UInt64
        let to: UInt64
        /// Topic that refused it, librdkafka's name of the error, and what that means.
        let topic: String
        let reason: String
        let cause: String
        /// The record as it was sent, from its beginning; nil when it is not known any more.
        let payload: [UInt8]?
    }

    /// `maximumBytes`: what the dead-letter topic takes of one record.
    func letter(_ subject: AuditText.Subject, _ refused: Refused, maximumBytes: Int) -> AuditEvent {
        var text = JSONText()
        text.begin()
        text.member("@timestamp", Timestamp.now().description)
        text.member("host.name", host)
        if !subject.container.isEmpty { text.member("container.id", subject.container) }
        text.member("log.declaration", rawBytes: Array(subject.declaration.utf8))
        text.member("log.stream.id", subject.stream.description)
        text.member("log.file.path", rawBytes: subject.path)
        text.member("log.file.id", subject.file.description)
        text.member("log.file.offset", refused.from)
        text.member("log.record.bytes", refused.to - refused.from)
        text.member("topic", refused.topic)
        text.member("reason", refused.reason)
        text.member("error", refused.cause)
        text.end()
        let room = max(0, maximumBytes - text.bytes.count - DeadLetterText.messageFraming)
        let message = refused.payload.flatMap {
            EncodedMessage.prefix(of: $0, textBytes: DeadLetterText.messageBytes, escapedBytes: room)
        }
        // Already escaped: it is put before the closing brace as it is.
        var payload = Array(text.bytes.dropLast())
        payload += #","message":""#.utf8
        payload += message?.escaped ?? []
        payload += "\"".utf8
        if message == nil {
            payload += #","message.missing":true"#.utf8
        } else if message?.isWhole == false {
            payload += #","message.truncated":true"#.utf8
        }
        payload.append(0x7D)
        return AuditEvent(destination: .deadLetter, key: subject.stream.description, payload: payload)
    }

    /// `,"message":"","message.truncated":true`.
    private static let messageFraming = 48
}
