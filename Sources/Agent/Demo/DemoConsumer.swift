// The demo's consumer: reads the topic back while the daemon writes it.
internal import Core
internal import KafkaSink
internal import Synchronization

/// Consumes the topic from its beginning and hands over each record. `run` blocks; it has a thread of its own.
final class DemoConsumer: Sendable {
    private let bootstrap: String
    private let limit: Int?
    private let record: @Sendable (String) -> Void
    private let stopped = Atomic(false)
    private let count = Atomic(0)

    init(bootstrap: String, limit: Int?, record: @escaping @Sendable (String) -> Void) {
        self.bootstrap = bootstrap
        self.limit = limit
        self.record = record
    }

    func stop() { stopped.store(true, ordering: .relaxed) }

    var summary: String {
        let arrived = count.load(ordering: .relaxed)
        guard let limit else { return "\(arrived) records arrived" }
        return "\(arrived) of \(limit) lines written arrived as records"
    }

    /// With a limit, this long (ns) without a record means that what is missing does not come.
    private static let patience = 20 * nanosecondsPerSecond

    /// Until the limit is reached or somebody stops it. Throws when records that were written do not arrive.
    func run() throws {
        let consumer = try RecordConsumer(brokers: [bootstrap], topics: ["logs"], properties: [:])
        defer { consumer.close() }
        var last = Clock.monotonic()
        while !stopped.load(ordering: .relaxed), count.load(ordering: .relaxed) < limit ?? Int.max {
            if limit != nil, Clock.monotonic() - last > DemoConsumer.patience {
                throw AgentFailure(message: "\(summary); the rest did not arrive within 20 s")
            }
            _ = consumer.poll(milliseconds: 100) { consumed in
                last = Clock.monotonic()
                guard count.load(ordering: .relaxed) < limit ?? Int.max else { return }
                record(String(decoding: consumed.value, as: UTF8.self))
                count.add(1, ordering: .relaxed)
            }
        }
    }
}
