// Reading topics along while they are written: a consumer on a thread of its own.
internal import CRdKafka
internal import Core
internal import LinuxIO
internal import Synchronization

/// Reads all partitions of `topics` from the beginning and keeps what `project` makes of each message, in the order of
/// each partition. A topic or partition that appears later is picked up within 200 ms. It neither joins a group nor
/// creates topics, and it outlives brokers that go down. Owns its thread; deinit and `stop` end it.
package final class KafkaReader<Item: Sendable>: Sendable {
    private let state: ReaderState<Item>
    private let thread: Thread

    /// Starts reading. `project` runs on the reader's thread and must be quick; nil drops the message, what it throws
    /// is kept in `problems`.
    package init(
        _ bootstrap: String, topics: Set<String>, project: @escaping @Sendable (KafkaRecordView) throws -> Item?
    ) throws {
        let client = try KafkaClient(RD_KAFKA_CONSUMER, consumerProperties(bootstrap))
        let state = ReaderState<Item>()
        self.state = state
        thread = try Thread(name: "test-reader") {
            ReaderLoop(client: client, topics: topics, state: state, project: project).run()
        }
    }

    deinit { halt() }

    /// Number of items kept so far.
    package var count: Int { state.content.withLock { $0.items.count } }
    /// Messages the broker had dropped before they were read (the mock keeps 5 MB a partition). Must be 0 where
    /// completeness is judged.
    package var missedMessages: Int64 { state.content.withLock { $0.missed } }
    /// What `project` threw, at most 20.
    package var problems: [String] { state.content.withLock { $0.problems } }

    /// The items from index `first` on.
    package func items(from first: Int = 0) -> [Item] { state.content.withLock { Array($0.items.dropFirst(first)) } }

    /// Waits until `goal` items are kept.
    package func waitForCount(_ goal: Int, timeout: Duration = .seconds(30)) async throws {
        try await waitUntil(timeout: timeout, "\(goal) records read; \(count) came, problems \(problems)") {
            count >= goal
        }
    }

    /// Waits until all topics exist and the reader has been at the end of every partition with nothing newer seen since.
    /// What was produced a moment ago may not be fetched yet: where the number is known, wait for it.
    package func waitForEnds(timeout: Duration = .seconds(30)) async throws {
        try await waitUntil(timeout: timeout, "the end of all partitions; \(count) records came") {
            state.content.withLock { $0.atEnds }
        }
    }

    /// Ends the thread and gives all items. The call blocks for some milliseconds at most.
    @discardableResult
    package func stop() -> [Item] {
        halt()
        return items()
    }

    private func halt() {
        state.stopping.store(true, ordering: .relaxed)
        thread.join()
    }
}

extension KafkaReader where Item == KafkaRecord {
    /// Keeps whole messages.
    package convenience init(_ bootstrap: String, topic: String) throws {
        try self.init(bootstrap, topics: [topic]) { $0.copy() }
    }
}

extension KafkaReader where Item == RecordSummary {
    /// Keeps range and numbered line of each record: for millions of them.
    package convenience init(summariesOf topic: String, _ bootstrap: String) throws {
        try self.init(bootstrap, topics: [topic]) { try RecordSummary($0) }
    }
}

/// When a bounded read has what it wants.
package enum ReadGoal: Sendable {
    case count(Int)
    /// The end of every partition of the topic, which must exist.
    case ends
}

/// Reads a topic from the beginning until `goal` or throws at the deadline, saying how far it came. With `.count` more
/// records may come than asked for: all that had arrived by then.
package func readRecords(
    _ bootstrap: String, topic: String, until goal: ReadGoal = .ends, timeout: Duration = .seconds(30)
) async throws -> [KafkaRecord] {
    let reader = try KafkaReader(bootstrap, topic: topic)
    switch goal {
    case .count(let count): try await reader.waitForCount(count, timeout: timeout)
    case .ends: try await reader.waitForEnds(timeout: timeout)
    }
    return try await onOwnThread("test-stop") { reader.stop() }
}

private func consumerProperties(_ bootstrap: String) -> [String: String] {
    [
        "bootstrap.servers": bootstrap, "group.id": "longshore-test", "enable.auto.commit": "false",
        "enable.partition.eof": "true", "auto.offset.reset": "earliest", "fetch.wait.max.ms": "20",
        "fetch.error.backoff.ms": "20", "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100",
        "queued.min.messages": "100000", "queued.max.messages.kbytes": "65536", "fetch.message.max.bytes": "8388608",
        // noida-db answers with everything it has, whatever fetch.max.bytes says.
        "receive.message.max.bytes": "1500000000", "check.crcs": "true",
    ]
}

/// What the thread and its owner share.
private final class ReaderState<Item: Sendable>: Sendable {
    struct Content {
        var items: [Item] = []
        var missed: Int64 = 0
        var problems: [String] = []
        /// Every partition of every topic is read to its end.
        var atEnds = false
    }
    let content = Mutex(Content())
    let stopping = Atomic(false)
}

/// The reader's thread: metadata every 200 ms, batches in between. librdkafka's "simple consumer" with one queue over all
/// partitions, since partitions can be added to it at any time.
private final class ReaderLoop<Item: Sendable> {
    private let client: KafkaClient
    private let topics: Set<String>
    private let state: ReaderState<Item>
    private let project: @Sendable (KafkaRecordView) throws -> Item?
    private let queue: OpaquePointer
    private let batch: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
    private static var batchSize: Int { 2000 }

    private struct Topic {
        let handle: OpaquePointer
        let name: String
        /// Next offset per partition; -1 before the first message.
        var next: [Int64] = []
        var ended: [Bool] = []
    }
    private var known: [String: Int] = [:]
    private var opened: [Topic] = []
    private var byHandle: [OpaquePointer: Int] = [:]

    init(
        client: KafkaClient, topics: Set<String>, state: ReaderState<Item>,
        project: @escaping @Sendable (KafkaRecordView) throws -> Item?
    ) {
        self.client = client
        self.topics = topics
        self.state = state
        self.project = project
        queue = rd_kafka_queue_new(client.handle)
        batch = .allocate(capacity: ReaderLoop.batchSize)
    }

    func run() {
        var nextLook: Int64 = 0
        while !state.stopping.load(ordering: .relaxed) {
            if Clock.monotonic() >= nextLook {
                lookForPartitions()
                nextLook = Clock.monotonic() + 200 * nanosecondsPerMillisecond
            }
            consume()
        }
        for topic in opened {
            for partition in topic.next.indices { rd_kafka_consume_stop(topic.handle, Int32(partition)) }
            rd_kafka_topic_destroy(topic.handle)
        }
        rd_kafka_queue_destroy(queue)
        batch.deallocate()
    }

    private func lookForPartitions() {
        guard let counts = try? client.partitionCounts(timeout: 200) else { return }
        for (name, count) in counts where topics.contains(name) {
            let index = known[name] ?? open(name)
            while opened[index].next.count < count {
                let partition = Int32(opened[index].next.count)
                rd_kafka_consume_start_queue(
                    opened[index].handle, partition, Int64(RD_KAFKA_OFFSET_BEGINNING), queue)
                opened[index].next.append(-1)
                opened[index].ended.append(false)
            }
        }
    }

    private func open(_ name: String) -> Int {
        let handle = rd_kafka_topic_new(client.handle, name, nil)!
        known[name] = opened.count
        byHandle[handle] = opened.count
        opened.append(Topic(handle: handle, name: name))
        return opened.count - 1
    }

    private func consume() {
        let count = rd_kafka_consume_batch_queue(queue, 20, batch, ReaderLoop.batchSize)
        guard count > 0 else { return }
        var items: [Item] = []
        items.reserveCapacity(count)
        var index = 0
        while index < count {
            let message = batch[index]!
            take(message, &items)
            rd_kafka_message_destroy(message)
            index += 1
        }
        let atEnds = opened.count == topics.count && opened.allSatisfy { $0.ended.allSatisfy { $0 } }
        state.content.withLock {
            $0.items.append(contentsOf: items)
            $0.atEnds = atEnds
        }
    }

    private func take(_ message: UnsafeMutablePointer<rd_kafka_message_t>, _ items: inout [Item]) {
        guard let topic = byHandle[message.pointee.rkt] else { return }
        let partition = Int(message.pointee.partition)
        if message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF { opened[topic].ended[partition] = true }
        guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        opened[topic].ended[partition] = false
        let expected = opened[topic].next[partition]
        let missed = message.pointee.offset - max(expected, 0)
        opened[topic].next[partition] = message.pointee.offset + 1
        if missed > 0 { state.content.withLock { $0.missed += missed } }
        do {
            if let item = try project(view(message, topic: opened[topic].name)) { items.append(item) }
        } catch {
            state.content.withLock {
                if $0.problems.count < 20 { $0.problems.append("partition \(partition): \(error)") }
            }
        }
    }

    private func view(_ message: UnsafeMutablePointer<rd_kafka_message_t>, topic: String) -> KafkaRecordView {
        let fields = message.pointee
        let key = fields.key.map {
            UnsafeBufferPointer(start: UnsafePointer($0.assumingMemoryBound(to: UInt8.self)), count: fields.key_len)
        }
        let value = UnsafeBufferPointer(
            start: fields.payload.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) },
            count: fields.payload == nil ? 0 : fields.len)
        return KafkaRecordView(
            topic: topic, partition: fields.partition, offset: fields.offset,
            timestamp: rd_kafka_message_timestamp(message, nil), key: key, value: value)
    }
}
