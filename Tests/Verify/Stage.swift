// Topics that exist in a test only: records and events as the daemon writes them, put before the accounts one by one.
import Core
import TestSupport
import Testing

@testable import Verify

/// One topic with as many partitions as asked for, and an audit topic; all of it planted by the test.
final class Stage {
    let verifier: Verifier
    private var offsets: [Int64]
    private var time: Int64 = 1_000_000

    /// The stream that records are of unless they say otherwise.
    static let stream = Identifier128(high: 0xA, low: 1)
    static let file = Identifier128(high: 0xF, low: 1)

    init(
        partitions: Int = 1, trimmed: Set<Int> = [], since: Int64? = nil, until: Int64? = nil, audit: Bool = true,
        runLimit: Int = 1_000_000
    ) {
        verifier = Verifier(
            VerifierOptions(
                topics: ["logs"], partitionCounts: [partitions], since: since, until: until, readsAudit: audit),
            runLimit: runLimit)
        for partition in 0..<partitions {
            _ = verifier.add(PartitionFacts(topic: 0, number: Int32(partition), isTrimmed: trimmed.contains(partition)))
        }
        offsets = Array(repeating: 0, count: partitions)
    }

    /// A record of `bytes` at `offset`. `key` nil: that of the stream.
    func record(
        _ offset: UInt64, _ bytes: UInt64, skipped: UInt64 = 0, file: Identifier128 = Stage.file,
        stream: Identifier128 = Stage.stream, host: String = "node", partition: Int = 0, time: Int64? = nil,
        key: String? = nil, parts: [(UInt64, UInt64)]? = nil
    ) {
        var text = #"{"@timestamp":"x","message":"{\"log.file.offset\":1}","host.name":"\#(host)","#
        text += #""log.declaration":"app","log.stream.id":"\#(stream)","log.file.path":"/l/a.log","#
        text += #""log.file.id":"\#(file)","log.file.offset":\#(offset),"log.record.bytes":\#(bytes)"#
        if skipped > 0 { text += #","log.skipped.bytes":\#(skipped)"# }
        if let parts {
            text += #","log.record.parts":[\#(parts.map { "[\($0.0),\($0.1)]" }.joined(separator: ","))]"#
        }
        message(text + "}", key: key ?? stream.description, partition: partition, time: time)
    }

    /// Any message.
    func message(_ text: String, key: String = Stage.stream.description, partition: Int = 0, time: Int64? = nil) {
        if let time { self.time = time } else { self.time += 1 }
        withBytes(key, text) { key, value in
            verifier.take(
                partition: partition, offset: offsets[partition], time: self.time, key: key, value: value)
        }
        offsets[partition] += 1
    }

    /// An event with the head of the daemon's and `members` behind it.
    func event(
        _ kind: String, _ members: String, file: Identifier128? = Stage.file,
        stream: Identifier128? = Stage.stream, timestamp: String = "1970-01-01T00:16:40.000000000Z",
        topic: String? = "logs", isLate: Bool = false, key: String? = nil
    ) {
        var text = #"{"event":"\#(kind)","@timestamp":"\#(timestamp)","host.name":"node","log.declaration":"app""#
        if let stream { text += #","log.stream.id":"\#(stream)","log.file.path":"/l/a.log""# }
        if let topic { text += #","topic":"\#(topic)""# }
        if let file { text += #","log.file.id":"\#(file)""# }
        text += (members.isEmpty ? "" : ",") + members + "}"
        withBytes(key ?? stream?.description ?? "node", text) { key, value in
            verifier.takeEvent(
                MessagePlace(topic: "audit", partition: 0, offset: 0), key: key, value: value, isLate: isLate)
        }
    }

    func opened(_ from: UInt64 = 0, skipped: UInt64? = nil, file: Identifier128 = Stage.file, at: String? = nil) {
        event(
            "generation_opened", #""from":\#(from)"# + (skipped.map { #","skipped":\#($0)"# } ?? ""), file: file,
            timestamp: at ?? "1970-01-01T00:16:40.000000000Z")
    }

    func closed(
        _ size: UInt64?, skipped: UInt64 = 0, file: Identifier128 = Stage.file, at: String? = nil, isLate: Bool = false
    ) {
        event(
            "generation_closed",
            #""size":\#(size.map { "\($0)" } ?? "null"),"acknowledged":7,"skipped":\#(skipped),"gap_bytes":7,"records":7"#,
            file: file, timestamp: at ?? "1970-01-01T00:16:40.000000000Z", isLate: isLate)
    }

    func gap(_ from: UInt64, _ to: UInt64?, reason: String = "truncated", file: Identifier128 = Stage.file) {
        event("gap", #""from":\#(from),"to":\#(to.map { "\($0)" } ?? "null"),"reason":"\#(reason)""#, file: file)
    }

    func deadLetter(_ offset: UInt64, _ bytes: UInt64) {
        let text =
            #"{"host.name":"node","log.declaration":"app","log.stream.id":"\#(Stage.stream)","log.file.path":"/l/a.log","log.file.id":"\#(Stage.file)","log.file.offset":\#(offset),"log.record.bytes":\#(bytes),"topic":"logs","reason":"invalid_record","message":"m"}"#
        withBytes(Stage.stream.description, text) { key, value in
            verifier.takeDeadLetter(MessagePlace(topic: "dead", partition: 0, offset: 0), key: key, value: value)
        }
    }

    /// The verdicts, by generation.
    var verdicts: [Identifier128: GenerationVerdict] {
        var found: [Identifier128: GenerationVerdict] = [:]
        verifier.judge { found[$0.file] = $0 }
        return found
    }

    /// The verdict of the usual generation.
    var verdict: GenerationVerdict { get throws { try #require(verdicts[Stage.file]) } }

    var summary: VerifySummary { VerifySummary(verifier, limit: 20) }
}

/// Another generation.
func other(_ number: UInt64) -> Identifier128 { Identifier128(high: 0xF, low: number) }

func withBytes(_ key: String, _ value: String, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
    let (key, value) = (Array(key.utf8), Array(value.utf8))
    key.withUnsafeBytes { key in value.withUnsafeBytes { value in body(key, value) } }
}

func spans(_ ranges: (UInt64, UInt64)...) -> [Span] { ranges.map { Span($0.0, $0.1) } }
