// A producer driven as the pipeline thread drives it: by its eventfd.
import Core
import Glibc
import LinuxIO
import TestSupport

@testable import KafkaSink

/// Owns a producer, the memory of what it produces, and everything it reported. Used by one test at a time.
final class ProducerFixture {
    let producer: Producer
    /// Error of each report, by opaque value, and the values in the order of their reports.
    private(set) var reports: [UInt: Int32] = [:]
    private(set) var order: [UInt] = []
    private(set) var rejected: [Int32] = []
    private(set) var notices: [KafkaNotice] = []
    /// False leaves them with the producer.
    var takesNotices = true
    /// Topics that `drain` said became writable.
    private(set) var writable: [Int] = []
    private var batch = RecordBatch()
    private let opaques = UnsafeMutablePointer<UInt>.allocate(capacity: RecordBatch.capacity)
    private var memory: [UnsafeMutablePointer<UInt8>] = []
    private var nextOpaque: UInt = 1
    private var isClosed = false

    init(_ options: KafkaOptions) throws { producer = try Producer(options) }

    convenience init(_ bootstrap: String, change: (inout KafkaOptions) -> Void = { _ in }) throws {
        var options = KafkaOptions(brokers: [bootstrap])
        options.lingerMilliseconds = 5
        change(&options)
        try self.init(options)
    }

    deinit {
        close()
        for block in memory { block.deallocate() }
        opaques.deallocate()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        producer.close()
    }

    /// Opens a topic and waits until it can be written.
    func open(_ name: String, forControl: Bool = false) throws -> Int {
        let topic = producer.openTopic(name, forControl: forControl)
        try wait("\(name) to be writable") { producer.topics[topic].state == .healthy }
        return topic
    }

    /// Produces `values` in one batch, at most 512; gives their opaque values. A nil value is a gap, which has none.
    @discardableResult
    func send(
        _ topic: Int, partition: Int32 = 0, key: String = "key", _ values: [String?], now: Int64 = Clock.monotonic()
    ) -> [UInt] {
        batch.removeAll()
        var count = 0
        for value in values {
            var slot = RecordSlot(payload: nil, length: 0, start: 0, end: 1, kind: .oversizeGap)
            if let value {
                slot.payload = copy(value)
                slot.length = value.utf8.count
                slot.kind = .lineEnd
                opaques[count] = nextOpaque
                nextOpaque += 1
                count += 1
            }
            batch.append(slot)
        }
        Array(key.utf8).withUnsafeBytes { key in
            producer.produce(topic, partition: partition, key: key, batch: batch, opaques: opaques, now: now) {
                rejected += $0.map(\.error)
            }
        }
        return (0..<count).map { opaques[$0] }
    }

    /// Waits for the eventfd and takes what is there until `condition` holds; throws when it does not within 20 s.
    func wait(_ what: @autoclosure () -> String, until condition: () -> Bool) throws {
        let deadline = Clock.monotonic() + 20 * nanosecondsPerSecond
        while !condition() {
            guard Clock.monotonic() < deadline else {
                throw FixtureError("not within 20 s: \(what()); \(producer.lastError ?? "no error"), \(notices)")
            }
            var descriptor = pollfd(fd: producer.ready.raw, events: Int16(POLLIN), revents: 0)
            if Glibc.poll(&descriptor, 1, 100) > 0 { drain() }
        }
    }

    func waitForReports(_ count: Int) throws {
        try wait("\(count) reports; \(reports.count) came") { reports.count >= count }
    }

    func drain(now: Int64 = Clock.monotonic()) {
        writable += producer.drain(now: now) { batch in
            for report in batch {
                precondition(reports[report.opaque] == nil, "two reports of one record")
                reports[report.opaque] = report.error
                order.append(report.opaque)
            }
        }
        if takesNotices { notices += producer.takeNotices() }
    }

    /// Copied to memory that lives until the fixture ends, since the producer does not copy.
    private func copy(_ value: String) -> UnsafeMutablePointer<UInt8> {
        let bytes = Array(value.utf8)
        let block = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
        block.initialize(from: bytes, count: bytes.count)
        memory.append(block)
        return block
    }
}

/// How long `body` takes, in milliseconds.
func milliseconds(_ body: () throws -> Void) rethrows -> Int64 {
    let start = Clock.monotonic()
    try body()
    return (Clock.monotonic() - start) / nanosecondsPerMillisecond
}
