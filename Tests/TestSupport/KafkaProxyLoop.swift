// The proxy's thread: listeners, connections, and what is done to the messages that pass.
internal import Core
internal import Glibc
internal import LinuxIO
internal import Synchronization

/// One listener for each broker, and all connections; used by one thread.
final class ProxyLoop {
    private let state: ProxyState
    /// What brokers listen on, and the port that stands for each.
    private let brokers: [UInt16]
    let ports: [UInt16]
    private let listeners: [ProxySocket]
    private var connections: [ProxyConnection] = []
    private var order = ProxyOrder()

    init(state: ProxyState, brokers: String) throws {
        self.state = state
        self.brokers = try brokers.split(separator: ",").map { broker in
            guard let port = broker.split(separator: ":").last.flatMap({ UInt16($0) }) else {
                throw FixtureError("no port in \(broker)")
            }
            return port
        }
        listeners = try self.brokers.map { _ in try ProxySocket.listening() }
        ports = listeners.map(\.port)
    }

    func run() {
        while true {
            let rules = state.rules.withLock { $0 }
            if rules.isStopping { return }
            let now = Clock.monotonic()
            var wanted = [pollfd(fd: state.changed.raw, events: Int16(POLLIN), revents: 0)]
            wanted += listeners.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
            for connection in connections { wanted += connection.wanted(rules, now: now) }
            let due = connections.compactMap(\.nextDue).min()
            let pause = rules.isStalled ? -1 : due.map { Int32(clamping: max(0, ($0 - now) / 1_000_000 + 1)) } ?? -1
            poll(&wanted, nfds_t(wanted.count), pause)
            if wanted[0].revents != 0 { state.changed.drain() }
            // What was told before something came holds for it, also when this thread saw both at once.
            if state.rules.withLock({ $0.halts != rules.halts }) { continue }
            // The answer to poll fits the connections there were before new ones are taken.
            if !rules.isStalled { serve(Array(wanted.dropFirst(1 + listeners.count))) }
            for (index, listener) in listeners.enumerated() where wanted[1 + index].revents != 0 {
                accept(listener, broker: index)
            }
        }
    }

    private func serve(_ ready: [pollfd]) {
        var open: [ProxyConnection] = []
        for (index, connection) in connections.enumerated() {
            do {
                if try serve(connection, client: ready[2 * index].revents, server: ready[2 * index + 1].revents) {
                    open.append(connection)
                }
            } catch {
                state.problem("\(error)")
            }
        }
        connections = open
        let unanswered = open.reduce(0) { $0 + $1.unanswered }
        state.rules.withLock { $0.tally.unanswered = unanswered }
    }

    /// False when the connection is over.
    private func serve(_ connection: ProxyConnection, client: Int16, server: Int16) throws -> Bool {
        let readable = Int16(POLLIN) | Int16(POLLHUP) | Int16(POLLERR)
        if client & readable != 0 {
            guard connection.readClient() else { return false }
            while let request = try connection.nextRequest() { try handle(request, of: connection) }
        }
        if server & readable != 0 {
            guard connection.readServer() else { return false }
            while let answer = try connection.nextAnswer() {
                guard try handle(answer: answer, of: connection) else { return false }
            }
        }
        return connection.flush(now: Clock.monotonic())
    }

    private func handle(_ request: [UInt8], of connection: ProxyConnection) throws {
        let header = try KafkaRequestHeader(request)
        if header.api == KafkaProtocol.produce {
            let produce = try KafkaProduceRequest(request, header)
            if let code = try refusal(of: produce, request, broker: connection.broker) {
                let delay = state.rules.withLock { $0.delay }
                return connection.answer(produce.refusal(header, code: code), at: Clock.monotonic() + delay)
            }
            state.rules.withLock { $0.tally.produced += 1 }
        }
        var request = request
        if header.api == KafkaProtocol.metadata, header.version == 4, !state.rules.withLock({ $0.mayCreateTopics }) {
            // allow_auto_topic_creation is the last field.
            request[request.count - 1] = 0
        }
        connection.forward(request, header)
    }

    /// The error that a Produce request is answered with; nil lets it pass.
    private func refusal(of produce: KafkaProduceRequest, _ request: [UInt8], broker: Int) throws -> Int16? {
        let code = try state.rules.withLock { rules -> Int16? in
            let codes = Set(produce.topics.map { rules.produceErrors[$0.name] })
            guard codes.count <= 1 else {
                throw FixtureError("a Produce request to topics that differ in their errors")
            }
            var code = codes.first ?? nil
            if let (pushed, count) = rules.brokerErrors[broker], count > 0 {
                code = pushed
                rules.brokerErrors[broker] = (pushed, count - 1)
            }
            for phrase in rules.phraseErrors
            where produce.topics.contains(where: { $0.name == phrase.topic }) && holds(request, phrase.bytes) {
                code = phrase.code
            }
            if code != nil { rules.tally.refused += 1 }
            return code
        }
        var overtakes = false
        for topic in produce.topics {
            for batch in topic.batches where order.overtakes(batch, of: topic.name, isRefused: code != nil) {
                overtakes = true
            }
        }
        if code == nil, overtakes { state.rules.withLock { $0.tally.overtaking += 1 } }
        return code ?? (overtakes ? Int16(KafkaErrorCode.outOfOrderSequence.rawValue) : nil)
    }

    /// False when the answer is kept and the connection is to be closed.
    private func handle(answer: [UInt8], of connection: ProxyConnection) throws -> Bool {
        var reader = KafkaWireReader(answer)
        let correlation = try reader.int32()
        guard let request = connection.takeRequest(correlation) else {
            throw FixtureError("an answer to no request: correlation id \(correlation)")
        }
        let rules = state.rules.withLock { rules in
            defer {
                if request.api == KafkaProtocol.produce, rules.responsesToDrop > 0 {
                    rules.responsesToDrop -= 1
                    rules.tally.dropped += 1
                }
            }
            return rules
        }
        if request.api == KafkaProtocol.produce, rules.responsesToDrop > 0 { return false }
        let stands = Dictionary(uniqueKeysWithValues: zip(brokers.map { Int32($0) }, ports.map { Int32($0) }))
        let editor = KafkaAnswerEditor(ports: stands, topicErrors: rules.metadataErrors)
        connection.answer(try editor.edit(answer, to: request), at: Clock.monotonic() + rules.delay)
        return true
    }

    /// A broker that refuses the connection is refused to the client as well.
    private func accept(_ listener: ProxySocket, broker: Int) {
        guard let client = listener.accepted(), let server = try? ProxySocket.connected(to: brokers[broker]) else {
            return
        }
        state.rules.withLock { $0.tally.connections += 1 }
        connections.append(ProxyConnection(client: client, server: server, broker: broker))
    }
}

/// True when `phrase` is somewhere in `bytes`.
private func holds(_ bytes: [UInt8], _ phrase: [UInt8]) -> Bool {
    guard let first = phrase.first, bytes.count >= phrase.count else { return phrase.isEmpty }
    return (0...bytes.count - phrase.count).contains { start in
        bytes[start] == first && bytes[start..<start + phrase.count].elementsEqual(phrase)
    }
}

/// Refuses what a broker would refuse after an error of the proxy: a batch whose predecessor it never got. The mock
/// cluster does not look at sequences.
struct ProxyOrder {
    private struct Place: Hashable {
        let topic: String
        let partition: Int32
    }
    /// The first batch of each partition that was refused and not sent again yet.
    private var missing: [Place: KafkaBatchSequence] = [:]

    /// Notes a batch that is about to be refused or passed on; true when it must not pass.
    mutating func overtakes(_ batch: KafkaBatchSequence, of topic: String, isRefused: Bool) -> Bool {
        let place = Place(topic: topic, partition: batch.partition)
        guard batch.producer >= 0 else { return false }
        if let first = missing[place], first.producer == batch.producer, first.epoch == batch.epoch,
            first.first < batch.first
        {
            return true
        }
        missing[place] = isRefused ? batch : nil
        return false
    }
}
