// The few Kafka messages that a proxy reads, changes or answers itself.

/// Key, version and correlation id of a request (request header v1 and v2 begin alike).
struct KafkaRequestHeader {
    let api: Int16
    let version: Int16
    let correlation: Int32
    /// Behind the client's name: where the body of a request without tagged fields begins.
    let bodyStart: Int

    init(_ message: [UInt8]) throws {
        var reader = KafkaWireReader(message)
        api = try reader.int16()
        version = try reader.int16()
        correlation = try reader.int32()
        _ = try reader.nullableString()
        bodyStart = reader.place
    }
}

/// API keys and the highest versions that are understood here, all without tagged fields. librdkafka 2.0.2 asks for no
/// higher ones; newer clients are held to them by the answer to ApiVersions.
enum KafkaProtocol {
    static let produce: Int16 = 0
    static let metadata: Int16 = 3
    static let findCoordinator: Int16 = 10
    static let apiVersions: Int16 = 18
    static let highest: [Int16: Int16] = [produce: 7, metadata: 4, findCoordinator: 2]
}

/// Who sent a record batch, and its place among the sender's batches for a partition (record batch format v2).
struct KafkaBatchSequence {
    let partition: Int32
    let producer: Int64
    let epoch: Int16
    let first: Int32

    init(partition: Int32, records: [UInt8]) throws {
        self.partition = partition
        var reader = KafkaWireReader(records, at: 43)
        producer = try reader.int64()
        epoch = try reader.int16()
        first = try reader.int32()
    }
}

/// The batches that a Produce request (v3 to v8) writes, by topic.
struct KafkaProduceRequest {
    let topics: [(name: String, batches: [KafkaBatchSequence])]

    init(_ message: [UInt8], _ header: KafkaRequestHeader) throws {
        guard (3...8).contains(header.version) else { throw FixtureError("Produce v\(header.version)") }
        var reader = KafkaWireReader(message, at: header.bodyStart)
        _ = try reader.nullableString()
        _ = try reader.int16()
        _ = try reader.int32()
        topics = try reader.array { reader in
            let name = try reader.string()
            let batches = try reader.array { reader in
                try KafkaBatchSequence(partition: try reader.int32(), records: try reader.byteString())
            }
            return (name, batches)
        }
    }

    /// The answer (v5 to v7) that refuses all of it with one error code, framed.
    func refusal(_ header: KafkaRequestHeader, code: Int16) -> [UInt8] {
        var writer = KafkaWireWriter()
        writer.integer(header.correlation)
        writer.array(topics) { writer, topic in
            writer.string(topic.name)
            writer.array(topic.batches) { writer, batch in
                writer.integer(batch.partition)
                writer.integer(code)
                for _ in 0..<3 { writer.integer(Int64(-1)) }
            }
        }
        writer.integer(Int32(0))
        return writer.frame
    }
}

/// Changes answers of brokers: where they listen, and what they say about topics.
struct KafkaAnswerEditor {
    /// The port that stands for a broker's own.
    let ports: [Int32: Int32]
    /// Error codes by topic. "Leader not available" is said of the partitions, all else of the topic itself.
    let topicErrors: [String: Int16]
    private static let leaderNotAvailable = Int16(KafkaErrorCode.leaderNotAvailable.rawValue)

    /// The answer to a request of this kind, framed.
    func edit(_ answer: [UInt8], to request: KafkaRequestHeader) throws -> [UInt8] {
        var reader = KafkaWireReader(answer)
        var writer = KafkaWireWriter()
        writer.integer(try reader.int32())
        switch request.api {
        case KafkaProtocol.metadata: try metadata(&reader, &writer, version: request.version)
        case KafkaProtocol.findCoordinator: try coordinator(&reader, &writer, version: request.version)
        case KafkaProtocol.apiVersions: try versions(&reader, &writer, version: request.version)
        default: break
        }
        writer.append(reader.rest)
        return writer.frame
    }

    private func metadata(
        _ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, version: Int16
    ) throws {
        guard version <= 4 else { throw FixtureError("Metadata v\(version)") }
        if version >= 3 { writer.integer(try reader.int32()) }
        let brokers = try reader.array { reader in
            (
                try reader.int32(), try reader.string(), try reader.int32(),
                version >= 1 ? try reader.nullableString() : nil
            )
        }
        writer.array(brokers) { writer, broker in
            writer.integer(broker.0)
            writer.string(ports[broker.2] == nil ? broker.1 : "127.0.0.1")
            writer.integer(ports[broker.2] ?? broker.2)
            if version >= 1 { writer.string(broker.3) }
        }
        if version >= 2 { writer.string(try reader.nullableString()) }
        if version >= 1 { writer.integer(try reader.int32()) }
        let count = try reader.int32()
        writer.integer(count)
        for _ in 0..<max(0, count) { try topic(&reader, &writer, version: version) }
    }

    private func topic(_ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, version: Int16) throws {
        let code = try reader.int16()
        let name = try reader.string()
        let isInternal = version >= 1 ? try reader.int8() : 0
        let partitions = try reader.array { reader in
            (
                try reader.int16(), try reader.int32(), try reader.int32(), try reader.array { try $0.int32() },
                try reader.array { try $0.int32() }
            )
        }
        let error = topicErrors[name]
        let isLeaderless = error == KafkaAnswerEditor.leaderNotAvailable
        writer.integer(isLeaderless ? code : error ?? code)
        writer.string(name)
        if version >= 1 { writer.integer(isInternal) }
        writer.array(error != nil && !isLeaderless ? [] : partitions) { writer, partition in
            writer.integer(isLeaderless ? KafkaAnswerEditor.leaderNotAvailable : partition.0)
            writer.integer(partition.1)
            writer.integer(isLeaderless ? -1 : partition.2)
            writer.array(partition.3) { $0.integer($1) }
            writer.array(partition.4) { $0.integer($1) }
        }
    }

    private func coordinator(
        _ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, version: Int16
    ) throws {
        guard version <= 2 else { throw FixtureError("FindCoordinator v\(version)") }
        if version >= 1 { writer.integer(try reader.int32()) }
        writer.integer(try reader.int16())
        if version >= 1 { writer.string(try reader.nullableString()) }
        writer.integer(try reader.int32())
        let host = try reader.string()
        let port = try reader.int32()
        writer.string(ports[port] == nil ? host : "127.0.0.1")
        writer.integer(ports[port] ?? port)
    }

    /// Holds the client to versions that are understood here. The answer of v3 has compact arrays and tagged fields.
    private func versions(
        _ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, version: Int16
    ) throws {
        let code = try reader.int16()
        writer.integer(code)
        // A broker that does not know the version asked for answers in the form of v0.
        guard code == 0 else { return }
        let isCompact = version >= 3
        let count = isCompact ? Int(try reader.unsignedVarint()) - 1 : Int(try reader.int32())
        if isCompact { writer.append(unsignedVarint(count + 1)) } else { writer.integer(Int32(count)) }
        for _ in 0..<max(0, count) {
            let api = try reader.int16()
            writer.integer(api)
            writer.integer(try reader.int16())
            let highest = try reader.int16()
            writer.integer(min(highest, KafkaProtocol.highest[api] ?? highest))
            guard isCompact else { continue }
            guard try reader.unsignedVarint() == 0 else { throw FixtureError("tagged fields in ApiVersions") }
            writer.append([0])
        }
    }

    private func unsignedVarint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + unsignedVarint(value >> 7)
    }
}
