// A producer that has met a fatal error: ended, made anew, usable again.
import Core
import TestSupport
import Testing

@testable import KafkaSink

@Suite(.serialized, .ownThread) struct ProducerRebuildTests {
    /// Waits for the next step of the rebuilding.
    private func advance(_ fixture: ProducerFixture) throws -> Producer.Rebuilding {
        var step = Producer.Rebuilding.nothing
        try fixture.wait("a step of the rebuilding") {
            step = fixture.producer.advanceRebuilding(now: Clock.monotonic())
            return step != .nothing
        }
        return step
    }

    @Test func afterAFatalErrorANewClientShipsAndNothingOfTheFormerOneIsReported() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        try cluster.setRoundTripTime(milliseconds: 300)
        let former = Set(fixture.send(topic, ["one", "two"]))
        fixture.producer.rebuild(reason: "a test", now: Clock.monotonic())
        #expect(!fixture.producer.isWorking)
        #expect(fixture.producer.topics[topic].inFlight == 2, "their memory is in use until the client is gone")
        #expect(fixture.producer.credit(topic, now: Clock.monotonic()) == 0)
        #expect(try advance(fixture) == .lettingGo)
        #expect(fixture.producer.topics[topic].inFlight == 0)
        #expect(try advance(fixture) == .working)
        try fixture.wait("the topic to be writable again") { fixture.producer.topics[topic].state == .healthy }
        let later = Set(fixture.send(topic, ["three"]))
        try fixture.wait("the report") { !later.isDisjoint(with: fixture.reports.keys) }
        #expect(former.isDisjoint(with: fixture.reports.keys))
        #expect(fixture.producer.rebuilds == 1)
    }

    @Test func aTopicOpenedWhileThereIsNoClientIsMadeWithTheNextOne() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        fixture.producer.rebuild(reason: "a test", now: Clock.monotonic())
        let topic = fixture.producer.openTopic("late")
        #expect(try advance(fixture) == .lettingGo)
        #expect(try advance(fixture) == .working)
        try fixture.wait("the topic to be writable") { fixture.producer.topics[topic].state == .healthy }
    }

    @Test func fatalErrorsInARowMakeItWaitLongerAndAnAcknowledgementResetsThat() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        var pauses: [Int64] = []
        for _ in 0..<3 { pauses.append(try rebuild(fixture)) }
        #expect(pauses == [250, 500, 1_000])
        try fixture.wait("the topic to be writable again") { fixture.producer.topics[topic].state == .healthy }
        fixture.send(topic, ["one"])
        try fixture.waitForReports(1)
        #expect(try rebuild(fixture) == 250)
    }

    /// Gives the pause before the next client, in milliseconds; ends with that client at work.
    private func rebuild(_ fixture: ProducerFixture) throws -> Int64 {
        fixture.producer.rebuild(reason: "a test", now: Clock.monotonic())
        var now = Clock.monotonic()
        try fixture.wait("the client to be gone") {
            now = Clock.monotonic()
            return fixture.producer.advanceRebuilding(now: now) == .lettingGo
        }
        let due = try #require(fixture.producer.nextRebuilding)
        #expect(fixture.producer.advanceRebuilding(now: due - 1) == .nothing)
        #expect(fixture.producer.advanceRebuilding(now: due) == .working)
        return (due - now) / nanosecondsPerMillisecond
    }

    @Test func closingWhileTheFormerClientIsOnItsWayOutWaitsForIt() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap)
        let topic = try fixture.open("logs")
        fixture.send(topic, ["one"])
        fixture.producer.rebuild(reason: "a test", now: Clock.monotonic())
        fixture.close()
        #expect(!fixture.producer.isWorking)
    }
}
