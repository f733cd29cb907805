// Asking brokers for partition counts on a thread of its own, because rd_kafka_metadata() blocks.
internal import CRdKafka
internal import Core
internal import Glibc
internal import LinuxIO
internal import Synchronization

/// What the brokers said about a topic: its partition count, or librdkafka's error code.
struct TopicResolution: Sendable {
    let topic: Int
    let partitions: Int
    /// Numbers of the partitions without a leader.
    var leaderless: [Int32] = []
    let error: Int32
    /// Its max.message.bytes; nil when they did not say.
    var maximumBytes: Int?
}

/// Owns the thread "kafka-metadata": resolves topics when asked, retries failures with back-off and asks again after a
/// while, since partitions may be added and limits changed. Results wait for the pipeline thread behind `ready`.
final class TopicResolver: Sendable {
    private struct Request {
        let topic: Int
        let handle: UInt
        let name: String
        var due: Int64
        var attempts = 0
    }
    private struct Shared {
        var incoming: [Request] = []
        /// Topics to ask for again at once.
        var stale: Set<Int> = []
        var results: [TopicResolution] = []
        var stopping = false
    }

    private let shared = Mutex(Shared())
    private let wakeUp: EventDescriptor
    private let ready: EventDescriptor
    private let client: UInt
    private let thread: Mutex<Thread?> = Mutex(nil)
    private static let callTimeoutMilliseconds: Int32 = 1_000
    /// Longest pause between two questions: of a topic in trouble, and while no broker answers.
    private static let topicBackOff = 10_000
    private static let transportBackOff = 2_000
    private let refreshInterval: Int64

    /// `ready` is signalled when results wait. A resolved topic is asked for again every `refreshInterval` ns.
    init(client: OpaquePointer, ready: EventDescriptor, refreshInterval: Int64) throws(SystemError) {
        self.refreshInterval = refreshInterval
        self.client = UInt(bitPattern: client)
        self.ready = ready
        wakeUp = try EventDescriptor()
        let started = try Thread(name: "kafka-metadata") { [self] in run() }
        thread.withLock { $0 = started }
    }

    func resolve(topic: Int, handle: OpaquePointer) {
        let request = Request(
            topic: topic, handle: UInt(bitPattern: handle), name: String(cString: rd_kafka_topic_name(handle)), due: 0)
        shared.withLock { $0.incoming.append(request) }
        wakeUp.signal()
    }

    /// Asks again for a topic that was resolved before, without waiting for its time.
    func refresh(topic: Int) {
        shared.withLock { _ = $0.stale.insert(topic) }
        wakeUp.signal()
    }

    func takeResults() -> [TopicResolution] {
        shared.withLock { state in
            defer { state.results.removeAll() }
            return state.results
        }
    }

    /// Ends the thread; returns within the time-outs of two calls.
    func stop() {
        shared.withLock { $0.stopping = true }
        wakeUp.signal()
        thread.withLock { taken -> Thread? in
            defer { taken = nil }
            return taken
        }?.join()
    }

    private func run() {
        var pending: [Request] = []
        var limit = TopicLimit(client: OpaquePointer(bitPattern: client)!)
        while true {
            let (incoming, stale, stopping) = shared.withLock { state in
                defer {
                    state.incoming.removeAll()
                    state.stale.removeAll()
                }
                return (state.incoming, state.stale, state.stopping)
            }
            if stopping { return }
            pending += incoming
            if !stale.isEmpty {
                for index in pending.indices where stale.contains(pending[index].topic) { pending[index].due = 0 }
            }
            if !askAll(&pending, &limit) { return }
            wait(until: pending.map(\.due).min())
        }
    }

    /// Asks for all topics that are due; false when the thread has to end. When no broker answers for one topic, the
    /// others of the round are not asked for: each question would take its time-out.
    private func askAll(_ pending: inout [Request], _ limit: inout TopicLimit) -> Bool {
        let now = Clock.monotonic()
        var unreachable: Int32?
        for index in pending.indices where pending[index].due <= now {
            if shared.withLock({ $0.stopping }) { return false }
            var result: TopicResolution
            if let unreachable {
                result = TopicResolution(topic: pending[index].topic, partitions: 0, error: unreachable)
            } else {
                result = ask(pending[index])
                if TopicResolver.isTransport(result.error) { unreachable = result.error }
                if result.error == 0 { result.maximumBytes = limit.ask(pending[index].name) }
            }
            schedule(&pending[index], after: result)
            shared.withLock { $0.results.append(result) }
            ready.signal()
        }
        return true
    }

    private static func isTransport(_ error: Int32) -> Bool {
        error == RD_KAFKA_RESP_ERR__TRANSPORT.rawValue || error == RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue
    }

    private func schedule(_ request: inout Request, after result: TopicResolution) {
        guard result.error != 0 || !result.leaderless.isEmpty else {
            request.attempts = 0
            request.due = Clock.monotonic() + refreshInterval
            return
        }
        request.attempts += 1
        let longest =
            TopicResolver.isTransport(result.error) ? TopicResolver.transportBackOff : TopicResolver.topicBackOff
        let pause = min(longest, 100 << min(request.attempts, 7))
        request.due = Clock.monotonic() + Int64(pause) * nanosecondsPerMillisecond
    }

    private func wait(until due: Int64?) {
        var descriptor = pollfd(fd: wakeUp.raw, events: Int16(POLLIN), revents: 0)
        let milliseconds = due.map { max(0, min(600_000, ($0 - Clock.monotonic()) / nanosecondsPerMillisecond + 1)) }
        if poll(&descriptor, 1, Int32(milliseconds ?? -1)) > 0 { wakeUp.drain() }
    }

    /// One metadata request. Also makes a broker that allows it create the topic.
    private func ask(_ request: Request) -> TopicResolution {
        let topic = OpaquePointer(bitPattern: request.handle)!
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(
            OpaquePointer(bitPattern: client), 0, topic, &metadata, TopicResolver.callTimeoutMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
            return TopicResolution(topic: request.topic, partitions: 0, error: code.rawValue)
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        guard metadata.pointee.topic_cnt == 1 else {
            return TopicResolution(
                topic: request.topic, partitions: 0, error: RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.rawValue)
        }
        let answer = metadata.pointee.topics[0]
        let isEmpty = answer.err == RD_KAFKA_RESP_ERR_NO_ERROR && answer.partition_cnt == 0
        let known = UnsafeBufferPointer(start: answer.partitions, count: Int(answer.partition_cnt))
        return TopicResolution(
            topic: request.topic, partitions: Int(answer.partition_cnt),
            leaderless: known.filter { $0.leader < 0 }.map(\.id),
            error: (isEmpty ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : answer.err).rawValue)
    }
}
