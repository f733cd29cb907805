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
    let error: Int32
}

/// Owns the thread "kafka-metadata": resolves topics when asked, retries failures with back-off and asks again every
/// five minutes, since partitions may be added. Results wait for the pipeline thread behind `ready`.
final class TopicResolver: Sendable {
    private struct Request {
        let topic: Int
        let handle: UInt
        var due: Int64
        var attempts = 0
    }
    private struct Shared {
        var incoming: [Request] = []
        var results: [TopicResolution] = []
        var stopping = false
    }

    private let shared = Mutex(Shared())
    private let wakeUp: EventDescriptor
    private let ready: EventDescriptor
    private let client: UInt
    private let thread: Mutex<Thread?> = Mutex(nil)
    private static let callTimeoutMilliseconds: Int32 = 1_000
    private static let refreshInterval = 300 * nanosecondsPerSecond

    /// `ready` is signalled when results wait.
    init(client: OpaquePointer, ready: EventDescriptor) throws(SystemError) {
        self.client = UInt(bitPattern: client)
        self.ready = ready
        wakeUp = try EventDescriptor()
        let started = try Thread(name: "kafka-metadata") { [self] in run() }
        thread.withLock { $0 = started }
    }

    func resolve(topic: Int, handle: OpaquePointer) {
        shared.withLock { $0.incoming.append(Request(topic: topic, handle: UInt(bitPattern: handle), due: 0)) }
        wakeUp.signal()
    }

    func takeResults() -> [TopicResolution] {
        shared.withLock { state in
            defer { state.results.removeAll() }
            return state.results
        }
    }

    /// Ends the thread; returns within the time-out of one call.
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
        while true {
            let (incoming, stopping) = shared.withLock { state in
                defer { state.incoming.removeAll() }
                return (state.incoming, state.stopping)
            }
            if stopping { return }
            pending += incoming
            let now = Clock.monotonic()
            for index in pending.indices where pending[index].due <= now {
                if shared.withLock({ $0.stopping }) { return }
                ask(&pending[index])
            }
            wait(until: pending.map(\.due).min())
        }
    }

    private func wait(until due: Int64?) {
        var descriptor = pollfd(fd: wakeUp.raw, events: Int16(POLLIN), revents: 0)
        let milliseconds = due.map { max(0, min(600_000, ($0 - Clock.monotonic()) / nanosecondsPerMillisecond + 1)) }
        if poll(&descriptor, 1, Int32(milliseconds ?? -1)) > 0 { wakeUp.drain() }
    }

    /// One metadata request. Also makes a broker that allows it create the topic.
    private func ask(_ request: inout Request) {
        let topic = OpaquePointer(bitPattern: request.handle)!
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(
            OpaquePointer(bitPattern: client), 0, topic, &metadata, TopicResolver.callTimeoutMilliseconds)
        var result = TopicResolution(topic: request.topic, partitions: 0, error: code.rawValue)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata {
            if metadata.pointee.topic_cnt == 1 {
                let answer = metadata.pointee.topics[0]
                result = TopicResolution(
                    topic: request.topic, partitions: Int(answer.partition_cnt), error: answer.err.rawValue)
            }
            rd_kafka_metadata_destroy(metadata)
        }
        let succeeded = result.error == 0 && result.partitions > 0
        request.attempts = succeeded ? 0 : request.attempts + 1
        let backOff = min(10_000, 100 << min(request.attempts, 7)) * Int(nanosecondsPerMillisecond)
        request.due = Clock.monotonic() + (succeeded ? TopicResolver.refreshInterval : Int64(backOff))
        shared.withLock { $0.results.append(result) }
        ready.signal()
    }
}
