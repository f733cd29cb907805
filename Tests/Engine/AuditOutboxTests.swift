// Audit events: stored before they are produced, produced until acknowledged, bounded without losing gaps.
import Core
import Testing

@testable import Engine

@Suite struct AuditOutboxTests {
    private func event(_ name: String) -> AuditEvent { AuditEvent(key: "k", payload: Array(name.utf8)) }

    @Test func producesNothingThatIsNotStored() {
        var outbox = AuditOutbox(isEnabled: true, stored: [])
        outbox.collect(event("a"), mayDrop: false)
        var produced = 0
        outbox.send { _, _ in
            produced += 1
            return true
        }
        #expect(produced == 0)
        let (events, delivered) = outbox.takeForStore()
        #expect(events.count == 1 && delivered.isEmpty)
        outbox.stored(events, ids: [7])
        outbox.send { event, opaque in
            #expect(event.id == 7 && opaque == AuditOutbox.opaqueBit | 7)
            produced += 1
            return true
        }
        #expect(produced == 1)
    }

    @Test func deletesOnlyWhatWasAcknowledged() {
        var outbox = AuditOutbox(
            isEnabled: true,
            stored: [AuditEvent(id: 1, key: "k", payload: [1]), AuditEvent(id: 2, key: "k", payload: [2])])
        outbox.send { _, _ in true }
        outbox.complete(DeliveryReport(opaque: AuditOutbox.opaqueBit | 1, error: 0))
        outbox.complete(DeliveryReport(opaque: AuditOutbox.opaqueBit | 2, error: 3))
        #expect(outbox.takeForStore().delivered == [1])
        #expect(outbox.hasWaiting, "a failed event waits to be produced again")
        #expect(outbox.bytes == 1)
        var again: [Int64] = []
        outbox.send { event, _ in
            again.append(event.id)
            return true
        }
        #expect(again == [2])
    }

    @Test func keepsOrderWhenATransactionFails() {
        var outbox = AuditOutbox(isEnabled: true, stored: [])
        outbox.collect(event("a"), mayDrop: false)
        let (events, delivered) = outbox.takeForStore()
        outbox.collect(event("b"), mayDrop: false)
        outbox.putBack(events, delivered: delivered)
        #expect(outbox.takeForStore().events.map { String(decoding: $0.payload, as: UTF8.self) } == ["a", "b"])
    }

    @Test func dropsOpenedAndClosedBeforeGaps() {
        var outbox = AuditOutbox(isEnabled: true, stored: [])
        for _ in 0..<AuditOutbox.capacity { outbox.collect(event("opened"), mayDrop: true) }
        outbox.collect(event("opened"), mayDrop: true)
        outbox.collect(event("gap"), mayDrop: false)
        #expect(outbox.dropped == 1)
        #expect(outbox.takeForStore().events.last == event("gap"))
    }

    @Test func switchedOffForgetsWhatIsStoredAndMakesNothing() {
        var outbox = AuditOutbox(isEnabled: false, stored: [AuditEvent(id: 5, key: "k", payload: [1])])
        outbox.collect(event("a"), mayDrop: false)
        let (events, delivered) = outbox.takeForStore()
        #expect(events.isEmpty && delivered == [5])
    }

    @Test func doesNotGrowWhileItsTopicRefusesEverything() {
        var outbox = AuditOutbox(isEnabled: true, stored: [AuditEvent(id: 1, key: "k", payload: [1])])
        for _ in 0..<1_000 {
            outbox.send { _, _ in true }
            outbox.complete(DeliveryReport(opaque: AuditOutbox.opaqueBit | 1, error: 29))
        }
        #expect(outbox.waiting.count < 10)
        #expect(outbox.count == 1)
    }
}
