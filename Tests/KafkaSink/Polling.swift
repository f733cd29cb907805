// Polling a consumer until a condition holds.
import Core
import KafkaSink
import TestSupport

/// Polls until `isDone`; throws after 20 s.
func poll(_ consumer: RecordConsumer, until isDone: () -> Bool, _ body: (ConsumedRecord) -> Void) throws {
    let deadline = Clock.monotonic() + 20 * nanosecondsPerSecond
    while !isDone() {
        guard Clock.monotonic() < deadline else {
            throw FixtureError("not all was read within 20 s; \(consumer.lastError ?? "no error")")
        }
        consumer.poll(milliseconds: 20, body)
    }
}
