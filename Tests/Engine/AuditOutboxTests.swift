// Audit events: stored before they are produced, produced until acknowledged, bounded without losing gaps.
import Core
import Testing

@testable import Engine

@Suite struct AuditOutboxTests {
    private func event(_ name: String) -> AuditEvent {
        AuditEvent(key: "k", payload: Array("{\"event\":\"\(name)\"}".utf8))
    }

    @Test func producesNothingThatIsNotStored() {
        var outbox = AuditOutbox(enabled: [.audit], stored: [])
        outbox.collect(event("a"))
        var produced = 0
        outbox.send(.audit) { _, _ in
            produced += 1
            return true
        }
        #expect(produced == 0)
        let (events, delivered) = outbox.takeForStore()
        #expect(events.count == 1 && delivered.isEmpty)
        outbox.stored(events, ids: [7])
        outbox.send(.audit) { event, opaque in
            #expect(event.id == 7 && opaque == AuditOutbox.opaqueBit | 7)
            produced += 1
            return true
        }
        #expect(produced == 1)
    }

    @Test func deletesOnlyWhatWasAcknowledged() {
        var outbox = AuditOutbox(
            enabled: [.audit],
            stored: [AuditEvent(id: 1, key: "k", payload: [1]), AuditEvent(id: 2, key: "k", payload: [2])])
        outbox.send(.audit) { _, _ in true }
        _ = outbox.complete(DeliveryReport(opaque: AuditOutbox.opaqueBit | 1, error: 0))
        _ = outbox.complete(DeliveryReport(opaque: AuditOutbox.opaqueBit | 2, error: 3))
        #expect(outbox.takeForStore().delivered == [1])
        #expect(outbox.hasWaiting(.audit), "a failed event waits to be produced again")
        #expect(outbox.bytes == 1)
        var again: [Int64] = []
        outbox.send(.audit) { event, _ in
            again.append(event.id)
            return true
        }
        #expect(again == [2])
    }

    @Test func keepsOrderWhenATransactionFails() {
        var outbox = AuditOutbox(enabled: [.audit], stored: [])
        outbox.collect(event("a"))
        let (events, delivered) = outbox.takeForStore()
        outbox.collect(event("b"))
        outbox.putBack(events, delivered: delivered)
        #expect(outbox.takeForStore().events == [event("a"), event("b")])
    }

    @Test func dropsOpenedAndClosedBeforeGaps() {
        var outbox = AuditOutbox(enabled: [.audit], stored: [])
        for _ in 0..<AuditOutbox.capacity { outbox.collect(event("opened")) }
        outbox.collect(event("opened"))
        outbox.collect(event("gap"))
        #expect(outbox.dropped == 1)
        #expect(outbox.takeForStore().events.last == event("gap"))
    }

    @Test func switchedOffForgetsWhatIsStoredAndMakesNothing() {
        var outbox = AuditOutbox(enabled: [], stored: [AuditEvent(id: 5, key: "k", payload: [1])])
        outbox.collect(event("a"))
        let (events, delivered) = outbox.takeForStore()
        #expect(events.isEmpty && delivered == [5])
    }

    @Test func doesNotGrowWhileItsTopicRefusesEverything() {
        var outbox = AuditOutbox(enabled: [.audit], stored: [AuditEvent(id: 1, key: "k", payload: [1])])
        for _ in 0..<1_000 {
            outbox.send(.audit) { _, _ in true }
            _ = outbox.complete(DeliveryReport(opaque: AuditOutbox.opaqueBit | 1, error: 29))
        }
        #expect(outbox.count == 1)
    }
}
