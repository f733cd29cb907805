// A proxy in front of Kafka brokers that loses, delays, refuses and tells untruths about topics.
internal import LinuxIO
internal import Synchronization

/// Stands between clients and the brokers of one cluster, all on loopback ports: one port of its own for each broker,
/// which it also puts into the brokers' answers, so that clients come back to it. Any thread may call it; its work is
/// done on one thread of its own. Deinit ends it and all its connections.
package final class KafkaProxy: Sendable {
    /// What it did so far.
    package struct Tally: Sendable, Equatable {
        /// Produce requests that were passed on.
        package internal(set) var produced = 0
        /// Produce requests that it answered itself with an error.
        package internal(set) var refused = 0
        /// Produce answers that it kept to itself.
        package internal(set) var dropped = 0
        /// Produce requests that it refused because an earlier one of their producer was refused and not sent again yet.
        package internal(set) var overtaking = 0
        /// Requests that a broker has and has not answered.
        package internal(set) var unanswered = 0
        package internal(set) var connections = 0
    }

    /// `host:port` of every broker, as clients have to know it; comma-separated.
    package let bootstrap: String
    private let state: ProxyState
    private let thread: Thread

    /// Stands in front of `brokers` (a `bootstrap`, all on 127.0.0.1).
    package init(_ brokers: String) throws {
        let state = try ProxyState()
        let loop = try ProxyLoop(state: state, brokers: brokers)
        bootstrap = loop.ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        self.state = state
        let box = ProxyLoopBox(loop)
        thread = try Thread(name: "test-proxy") { box.loop.run() }
    }

    deinit {
        change { $0.isStopping = true }
        thread.join()
    }

    package var tally: Tally { state.rules.withLock { $0.tally } }
    /// What it could not understand; empty in a good test.
    package var problems: [String] { state.rules.withLock { $0.problems } }

    /// Keeps the next `count` Produce answers to itself and closes their connections: written, acknowledgement lost.
    package func dropProduceResponses(_ count: Int) { change { $0.responsesToDrop = count } }

    /// Holds every answer back for so long; 0 ends it.
    package func delayResponses(milliseconds: Int64) { change { $0.delay = milliseconds * 1_000_000 } }

    /// Answers Produce requests for `topic` with this error, without passing them on; nil takes it back.
    package func refuseProduce(_ topic: String, _ code: KafkaErrorCode?) {
        change { $0.produceErrors[topic] = code.map { Int16($0.rawValue) } }
    }

    /// Answers Produce requests to `topic` that hold `text` with this error, without passing them on: a record that is
    /// refused for what it is. Its producer must not compress.
    package func refuseProduce(_ topic: String, containing text: String, _ code: KafkaErrorCode) {
        change { $0.phraseErrors.append((topic, Array(text.utf8), Int16(code.rawValue))) }
    }

    /// Answers the next `count` Produce requests to one broker (a place in `bootstrap`) with this error.
    package func refuseProduce(broker: Int, count: Int, _ code: KafkaErrorCode) {
        change { $0.brokerErrors[broker] = (Int16(code.rawValue), count) }
    }

    /// What Metadata says of `topic`; nil takes it back. `.leaderNotAvailable` leaves its partitions without a leader.
    package func setMetadataError(_ topic: String, _ code: KafkaErrorCode?) {
        change { $0.metadataErrors[topic] = code.map { Int16($0.rawValue) } }
    }

    /// From now on Metadata requests do not make topics, as on brokers with `auto.create.topics.enable=false`.
    package func forbidTopicCreation() { change { $0.mayCreateTopics = false } }

    /// Passes nothing on in either direction, while connections are still taken; false goes on where it stopped.
    package func stall(_ isStalled: Bool) { change { $0.isStalled = isStalled } }

    /// Passes no request on, while answers still pass; false goes on. Wait for `tally.unanswered` to become 0: from then
    /// on the brokers are at rest, as far as clients of this proxy are concerned.
    package func holdRequests(_ areHeld: Bool) { change { $0.areRequestsHeld = areHeld } }

    private func change(_ body: (inout ProxyRules) -> Void) {
        state.rules.withLock { body(&$0) }
        state.changed.signal()
    }
}

/// What the proxy has been told, and what it tells.
struct ProxyRules: Sendable {
    var responsesToDrop = 0
    /// Nanoseconds.
    var delay: Int64 = 0
    var produceErrors: [String: Int16] = [:]
    var metadataErrors: [String: Int16] = [:]
    var phraseErrors: [(topic: String, bytes: [UInt8], code: Int16)] = []
    var brokerErrors: [Int: (code: Int16, count: Int)] = [:]
    var mayCreateTopics = true
    var isStalled = false
    var areRequestsHeld = false
    /// Which of the two is in force.
    var halts: [Bool] { [isStalled, areRequestsHeld] }
    var isStopping = false
    var tally = KafkaProxy.Tally()
    /// At most 20.
    var problems: [String] = []
}

/// Shared between the proxy's thread and its owner.
final class ProxyState: Sendable {
    let rules = Mutex(ProxyRules())
    let changed: EventDescriptor

    init() throws { changed = try EventDescriptor() }

    func problem(_ text: String) {
        rules.withLock { if $0.problems.count < 20 { $0.problems.append(text) } }
    }
}

/// Hands the loop to its thread, which alone uses it from then on.
private final class ProxyLoopBox: @unchecked Sendable {
    let loop: ProxyLoop
    init(_ loop: ProxyLoop) { self.loop = loop }
}
