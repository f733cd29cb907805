// Events of the outbox: stored before they are produced, produced until acknowledged, one destination apart from the other.
import Core
import Testing

@testable import Engine

@Suite struct AuditOutboxTests {
    private var outbox = AuditOutbox(enabled: [.audit, .deadLetter], stored: [], host: "node")

    private func stored(_ ids: ClosedRange<Int64>) -> [AuditEvent] {
        ids.map { AuditEvent(id: $0, key: "k", payload: outboxEvent("generation_opened", "\($0)").payload) }
    }

    @Test mutating func producesNothingThatIsNotStored() {
        outbox.collect(outboxEvent("gap"))
        #expect(outbox.sendAll() == [])
        let (events, deleted) = outbox.takeForStore()
        #expect(events.count == 1 && deleted.isEmpty)
        #expect(outbox.sendAll() == [], "the transaction is under way")
        outbox.stored(ids: [7])
        #expect(outbox.sendAll() == [7])
        #expect(outbox.sendAll() == [], "it is in flight")
    }

    @Test mutating func deletesOnlyWhatWasAcknowledged() {
        outbox = AuditOutbox(enabled: [.audit], stored: stored(1...2), host: "node")
        #expect(outbox.sendAll() == [1, 2])
        #expect(outbox.report(1, .delivered) == .delivered)
        #expect(outbox.report(2, .failed) == .again)
        #expect(outbox.takeForStore().deleted == [1])
        #expect(outbox.count == 1)
        #expect(outbox.sendAll() == [2])
    }

    @Test mutating func keepsOrderWhenATransactionOrADeliveryFails() {
        for name in ["a", "b"] { outbox.collect(outboxEvent("generation_opened", name)) }
        _ = outbox.takeForStore()
        outbox.collect(outboxEvent("generation_opened", "c"))
        outbox.notStored()
        let events = outbox.takeForStore().events
        #expect(events == ["a", "b", "c"].map { outboxEvent("generation_opened", $0) })
        outbox.stored(ids: [1, 2, 3])
        #expect(outbox.sendAll() == [1, 2, 3])
        #expect(outbox.report(2, .failed) == .again)
        #expect(outbox.report(1, .failed) == .again)
        #expect(outbox.report(3, .delivered) == .delivered)
        #expect(outbox.sendAll() == [1, 2])
    }

    @Test mutating func aTopicThatTakesNothingHoldsUpNoOther() {
        for destination in AuditDestination.allCases {
            outbox.collect(AuditEvent(destination: destination, key: "k", payload: [1]))
        }
        _ = outbox.takeForStore()
        outbox.stored(ids: [1, 2])
        outbox.send(.audit, now: 0) { _, _ in false }
        #expect(outbox.sendAll(.deadLetter) == [2])
        #expect(outbox.report(2, .delivered) == .delivered)
        outbox.send(.deadLetter, now: 0) { _, _ in false }
        #expect(outbox.sendAll(.audit) == [1])
    }

    @Test mutating func aFullDeadLetterLineKeepsTheFirstAndTakesNoRoomFromGaps() {
        let big = [UInt8](repeating: 0x61, count: 64 << 10)
        for _ in 0..<200 { outbox.collect(AuditEvent(destination: .deadLetter, key: "k", payload: big)) }
        #expect(outbox.bytes <= OutboxLimits.deadLetter.bytes && outbox.count > 50)
        #expect(outbox.dropped["dead_letter"] == UInt64(200 - outbox.count))
        let before = outbox.count
        outbox.collect(outboxEvent("gap"))
        #expect(outbox.count == before + 1)
    }

    @Test mutating func aRefusedEventGoesAloneBeforeItIsJudged() {
        outbox = AuditOutbox(enabled: [.audit], stored: stored(1...3), host: "node")
        #expect(outbox.sendAll() == [1, 2, 3])
        for id in 1...3 { #expect(outbox.report(Int64(id), .refused) == .alone) }
        #expect(outbox.sendAll() == [1])
        #expect(outbox.report(1, .delivered) == .delivered)
        #expect(outbox.sendAll() == [2])
        #expect(outbox.report(2, .refused) == .givenUp("generation_opened"))
        #expect(outbox.sendAll() == [3])
        #expect(outbox.dropped == ["generation_opened": 1])
        #expect(outbox.takeForStore().deleted == [1, 2])
    }

    @Test mutating func aRefusedGapIsKeptAndHoldsUpNothing() {
        let minute = 60 * nanosecondsPerSecond
        let gap = AuditEvent(id: 1, key: "k", payload: outboxEvent("gap").payload)
        outbox = AuditOutbox(enabled: [.audit], stored: [gap] + stored(2...3), host: "node")
        #expect(outbox.sendAll() == [1, 2, 3])
        #expect(outbox.report(1, .refused) == .alone)
        for id in 2...3 { #expect(outbox.report(Int64(id), .delivered) == .delivered) }
        #expect(outbox.sendAll() == [1])
        #expect(outbox.report(1, .refused) == .kept("gap"))
        #expect(outbox[.audit].refused == 1 && outbox.dropped.isEmpty)
        outbox.collect(outboxEvent("generation_closed"))
        #expect(outbox.takeForStore().deleted == [2, 3])
        outbox.stored(ids: [4])
        #expect(outbox.sendAll(now: 9 * minute) == [4])
        #expect(outbox.report(4, .delivered) == .delivered)
        outbox.collect(outboxEvent("generation_closed"))
        _ = outbox.takeForStore()
        outbox.stored(ids: [5])
        #expect(outbox.sendAll(now: 11 * minute) == [1])
        #expect(outbox.report(1, .delivered) == .delivered)
        #expect(outbox.sendAll(now: 11 * minute) == [5])
        #expect(outbox[.audit].refused == 0)
    }

    @Test mutating func handsLibrdkafkaNoMoreThanItsWindow() {
        let big = [UInt8](repeating: 0x61, count: 60_000)
        outbox = AuditOutbox(
            enabled: [.audit], stored: (1...60).map { AuditEvent(id: $0, key: "k", payload: big) }, host: "node")
        let first = outbox.sendAll()
        #expect(first.count == OutboxLimits.window.bytes / (big.count + 1 + OutboxEntry.overhead))
        for id in first { #expect(outbox.report(id, .delivered) == .delivered) }
        #expect(outbox.sendAll().first == first.last! + 1)
    }

    @Test mutating func whatALostClientHadIsProducedAgainAndItsReportsAreIgnored() {
        outbox = AuditOutbox(enabled: [.audit], stored: stored(1...3), host: "node")
        #expect(outbox.sendAll() == [1, 2, 3])
        #expect(outbox.report(2, .delivered) == .delivered)
        outbox.returnInFlight()
        #expect(outbox.report(1, .delivered) == nil && !outbox.hasInFlight)
        #expect(outbox.sendAll() == [1, 3])
    }

    @Test mutating func switchedOffForgetsWhatIsStoredAndMakesNothing() {
        outbox = AuditOutbox(enabled: [.deadLetter], stored: stored(5...5), host: "node")
        outbox.collect(outboxEvent("gap"))
        let (events, deleted) = outbox.takeForStore()
        #expect(events.isEmpty && deleted == [5])
    }

    @Test mutating func doesNotGrowWhileItsTopicRefusesEverything() {
        outbox = AuditOutbox(enabled: [.audit], stored: stored(1...1), host: "node")
        for _ in 0..<1_000 {
            #expect(outbox.sendAll() == [1])
            #expect(outbox.report(1, .failed) == .again)
        }
        #expect(outbox.count == 1 && outbox[.audit].entries.count == 1)
    }
}

/// An event without a detail, as an earlier version stored it.
func outboxEvent(_ kind: String, _ text: String = "") -> AuditEvent {
    AuditEvent(key: "k", payload: Array("{\"event\":\"\(kind)\",\"text\":\"\(text)\"}".utf8))
}

extension AuditOutbox {
    /// Produces all that may be, and returns the ids.
    mutating func sendAll(_ destination: AuditDestination = .audit, now: Int64 = 0) -> [Int64] {
        var ids: [Int64] = []
        send(destination, now: now) { event, opaque in
            #expect(opaque == AuditOutbox.opaqueBit | UInt(event.id) && event.id > 0)
            ids.append(event.id)
            return true
        }
        return ids
    }

    mutating func report(_ id: Int64, _ outcome: OutboxOutcome) -> OutboxAnswer? {
        complete(opaque: AuditOutbox.opaqueBit | UInt(id), outcome, now: 0)?.answer
    }
}
