// The demo's consumer: reads the topic back while the daemon writes it.
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

    /// Until the limit is reached or somebody stops it.
    func run() throws {
        let consumer = try RecordConsumer(brokers: [bootstrap], topics: ["logs"], properties: [:])
        defer { consumer.close() }
        while !stopped.load(ordering: .relaxed), count.load(ordering: .relaxed) < limit ?? Int.max {
            _ = consumer.poll(milliseconds: 100) { consumed in
                guard count.load(ordering: .relaxed) < limit ?? Int.max else { return }
                record(String(decoding: consumed.value, as: UTF8.self))
                count.add(1, ordering: .relaxed)
            }
        }
    }
}
