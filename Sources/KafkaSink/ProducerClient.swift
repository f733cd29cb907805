// One librdkafka producer instance with its queue and topics: made, and ended on a thread of its own when it is broken.
internal import CRdKafka
internal import Core
internal import LinuxIO
internal import Synchronization

/// Owns a client, its main queue, its topic handles and the thread that asks for partitions. Used by the pipeline thread
/// until `destroy`, which ends everything and may be called on another thread, once.
final class ProducerClient: @unchecked Sendable {
    // Safety: `topics` changes on the pipeline thread only; it hands the whole object over before another one destroys it.
    let handle: OpaquePointer
    let queue: OpaquePointer
    let resolver: TopicResolver
    private var topics: [OpaquePointer] = []

    /// Makes the client; does not wait for a broker. `ready` is signalled when reports, notices or answers wait. Throws when
    /// a setting is not valid, or for lack of descriptors, threads or memory.
    init(_ options: KafkaOptions, ready: EventDescriptor) throws(KafkaFailure) {
        let configuration = try ClientConfiguration.make(options.settings)
        rd_kafka_conf_set_events(configuration, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG)
        handle = try ClientConfiguration.client(RD_KAFKA_PRODUCER, configuration)
        queue = rd_kafka_queue_get_main(handle)!
        rd_kafka_set_log_queue(handle, queue)
        do {
            resolver = try TopicResolver(client: handle, ready: ready, refreshInterval: options.refreshInterval)
        } catch {
            rd_kafka_queue_destroy(queue)
            rd_kafka_destroy(handle)
            throw KafkaFailure(message: "cannot start the Kafka client: \(error)")
        }
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, ready.raw, &one, 8)
    }

    /// Makes a topic known and asks the brokers for its partitions; the answer names it `index`.
    func open(_ name: String, index: Int) -> OpaquePointer {
        // No topic configuration of its own: it would silently discard the topic-level settings of the client's.
        guard let topic = rd_kafka_topic_new(handle, name, nil) else {
            preconditionFailure("rd_kafka_topic_new refused \(name): names are validated before")
        }
        topics.append(topic)
        resolver.resolve(topic: index, handle: topic)
        return topic
    }

    /// Ends the client: what is queued or in flight is given up without a report, and its memory is no longer looked at
    /// when this returns. Takes up to a second or two: it joins librdkafka's threads.
    func destroy() {
        resolver.stop()
        rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        for topic in topics { rd_kafka_topic_destroy(topic) }
        rd_kafka_queue_destroy(queue)
        rd_kafka_destroy(handle)
    }
}

/// A client on its way out, on the thread "kafka-retire": records lie in the arenas without a copy, so none of them may be
/// touched before it is gone.
final class RetiringClient: Sendable {
    private let isGoneFlag = Atomic(false)
    private let thread: Mutex<Thread?> = Mutex(nil)

    /// `ready` is signalled when it is gone. Without a thread to be had it is done here and now.
    init(_ client: ProducerClient, ready: EventDescriptor) {
        if let started = try? Thread(name: "kafka-retire", { [self] in end(client, ready) }) {
            thread.withLock { $0 = started }
        } else {
            end(client, ready)
        }
    }

    private func end(_ client: ProducerClient, _ ready: EventDescriptor) {
        client.destroy()
        isGoneFlag.store(true, ordering: .releasing)
        ready.signal()
    }

    var isGone: Bool { isGoneFlag.load(ordering: .acquiring) }

    /// Waits until it is gone.
    func join() {
        thread.withLock { taken -> Thread? in
            defer { taken = nil }
            return taken
        }?.join()
    }
}
