// The queue is shared: never overrun, most of it for one busy topic, nothing of others' for topics that are stuck.
import Core
import TestSupport
import Testing

@testable import KafkaSink

/// A producer without a broker whose records in flight, acknowledgements and troubles are played.
private final class PlayedProducer {
    let producer: Producer
    let queue: Int
    var now: Int64 = 1_000 * nanosecondsPerSecond

    init(queue: Int) throws {
        var options = KafkaOptions(brokers: ["127.0.0.1:1"])
        options.queueMessages = queue
        self.queue = queue
        producer = try Producer(options)
    }

    deinit { producer.close() }

    func open() -> Int {
        let index = producer.openTopic("topic\(producer.topics.count)")
        producer.topics[index].state = .healthy
        return index
    }

    func inFlight(_ topic: Int) -> Int { producer.topics[topic].inFlight }
    var total: Int { producer.topics.reduce(0) { $0 + $1.inFlight } }
    func credit(_ topic: Int) -> Int { producer.credit(topic, now: now) }

    func produce(_ topic: Int, _ count: Int) {
        if inFlight(topic) == 0 { producer.topics[topic].lastProgress = now }
        producer.topics[topic].inFlight += count
        producer.inFlight += count
    }

    func acknowledge(_ topic: Int, _ count: Int) {
        let count = min(count, inFlight(topic))
        guard count > 0 else { return }
        producer.topics[topic].inFlight -= count
        producer.inFlight -= count
        producer.topics[topic].acknowledgedRecords += UInt64(count)
        producer.topics[topic].lastProgress = now
    }

    /// Produces as the pipeline does, a batch at a time, until there is no credit or `limit` are in flight.
    func fill(_ topic: Int, upTo limit: Int = .max) {
        while inFlight(topic) < limit {
            let count = min(credit(topic), RecordBatch.capacity, limit - inFlight(topic))
            if count == 0 { return }
            produce(topic, count)
        }
    }

    /// Round trips of 50 ms in which `busy` topics fill their credit and everything of theirs is acknowledged.
    func run(_ busy: [Int], roundTrips: Int) {
        for _ in 0..<roundTrips {
            for topic in busy { fill(topic) }
            now += 50 * nanosecondsPerMillisecond
            for topic in busy { acknowledge(topic, .max) }
        }
    }
}

@Suite(.serialized, .ownThread) struct CreditTests {
    @Test(arguments: [1, 20, 200]) func oneBusyTopicGetsMostOfTheQueue(topics: Int) throws {
        let played = try PlayedProducer(queue: 10_000)
        for _ in 0..<topics { _ = played.open() }
        played.run([0], roundTrips: 20)
        played.fill(0)
        #expect(played.inFlight(0) >= 6_000)
        // What the others need now and then is left.
        for topic in 1..<max(topics, 1) { #expect(played.credit(topic) >= 12) }
    }

    @Test func busyTopicsShareTheQueueAlike() throws {
        let played = try PlayedProducer(queue: 10_000)
        let topics = (0..<20).map { _ in played.open() }
        played.run(topics, roundTrips: 20)
        for _ in 0..<20 {
            for topic in topics { played.fill(topic, upTo: played.inFlight(topic) + 64) }
        }
        let shares = topics.map { played.inFlight($0) }
        #expect(shares.reduce(0, +) <= 10_000 && shares.reduce(0, +) >= 8_000)
        #expect(shares.min()! * 2 >= shares.max()!, "\(shares)")
    }

    @Test func topicsThatAreStuckLeaveTheOthersTheirShare() throws {
        let played = try PlayedProducer(queue: 10_000)
        let topics = (0..<20).map { _ in played.open() }
        // Nineteen never acknowledge anything, and try all the time.
        for _ in 0..<60 {
            for topic in topics.dropFirst() { played.fill(topic) }
            played.run([0], roundTrips: 4)
        }
        played.fill(0)
        #expect(played.inFlight(0) >= 2_500, "\(topics.map { played.inFlight($0) })")
    }

    @Test func aTopicThatWasWellAndIsStuckTakesNothingMoreAndTheOthersGoOn() throws {
        let played = try PlayedProducer(queue: 10_000)
        let topics = (0..<20).map { _ in played.open() }
        played.run(topics, roundTrips: 20)
        for topic in topics.prefix(10) { played.fill(topic, upTo: 300) }
        let stuck = topics.prefix(10).map { played.inFlight($0) }
        played.now += 2 * nanosecondsPerSecond + 1
        for topic in topics.prefix(10) { #expect(played.credit(topic) == 0) }
        played.run(Array(topics.dropFirst(10)), roundTrips: 40)
        for topic in topics.prefix(10) { played.fill(topic) }
        #expect(topics.prefix(10).map { played.inFlight($0) } == stuck)
        played.fill(topics[19])
        #expect(played.inFlight(topics[19]) >= 4_000)
        // One that had nothing in flight has its reserve and what is its part.
        #expect(played.credit(topics[18]) >= Topic.slowCredit)
    }

    @Test func aTopicThatCrawlsHoldsNoMoreThanItGetsRidOfInSomeSeconds() throws {
        let played = try PlayedProducer(queue: 10_000)
        let topics = (0..<20).map { _ in played.open() }
        played.run([0], roundTrips: 20)
        for _ in 0..<4_000 {
            played.fill(0)
            played.now += 20 * nanosecondsPerMillisecond
            played.acknowledge(0, 2)
        }
        #expect((100...600).contains(played.inFlight(0)), "\(played.inFlight(0))")
        played.run([1], roundTrips: 20)
        played.fill(topics[1])
        #expect(played.inFlight(1) >= 5_000)
    }

    /// Topics are opened at any time, produce, are acknowledged, get stuck, are parked and recover, in any order.
    @Test(arguments: 1...60) func creditsNeverSumToMoreThanTheQueue(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let played = try PlayedProducer(queue: random.number(10...3_000))
        var stuck: [Int: Int] = [:]
        // While topics are opened, reserves that shrink may still be in others' use.
        var isSettled = true
        for step in 0..<1_500 {
            let place: Comment = "seed \(seed), step \(step)"
            if played.producer.topics.isEmpty || random.once(in: 100) {
                isSettled = isSettled && played.total == 0
                _ = played.open()
            }
            let topic = random.number(0...played.producer.topics.count - 1)
            switch random.number(0...9) {
            case 0...4:
                let before = played.inFlight(topic)
                played.fill(topic, upTo: before + random.number(1...2_000))
                if let most = stuck[topic] { #expect(played.inFlight(topic) <= most, place) }
            case 5, 6: if stuck[topic] == nil { played.acknowledge(topic, random.number(1...2_000)) }
            case 7:
                // Two and a half seconds without a word from this topic.
                if played.inFlight(topic) > 0, stuck[topic] == nil {
                    let lastWord = played.producer.topics[topic].lastProgress
                    played.now = max(played.now, lastWord + 2_500 * nanosecondsPerMillisecond)
                    stuck[topic] = max(played.inFlight(topic), Topic.slowCredit)
                }
            case 8:
                stuck[topic] = nil
                played.acknowledge(topic, .max)
            default: played.now += Int64(random.number(1...400)) * nanosecondsPerMillisecond
            }
            if !isSettled { isSettled = played.total == 0 }
            #expect(played.total <= played.queue && played.total == played.producer.inFlight, place)
            // In whatever order they come: each produces all it may, and the sum stays within the queue.
            guard step % 50 == 0 else { continue }
            let reserve = played.producer.sharing.reserve
            if isSettled {
                let promised = played.producer.topics.reduce(0) { $0 + max($1.inFlight, reserve) }
                #expect(promised <= played.queue || reserve == 1, place)
                for index in played.producer.topics.indices where played.inFlight(index) < reserve && reserve > 1 {
                    #expect(played.credit(index) > 0, place)
                }
            }
            for index in played.producer.topics.indices.shuffled(using: &random) { played.fill(index) }
            #expect(played.total <= played.queue, place)
        }
    }

    @Test func controlRecordsHavePlacesOfTheirOwnTogether() throws {
        let cluster = try MockCluster()
        let fixture = try ProducerFixture(cluster.bootstrap) { $0.queueMessages = 1_000 }
        let topics = [
            try fixture.open("audit", forControl: true), try fixture.open("dead", forControl: true),
            try fixture.open("logs"),
        ]
        try cluster.setRoundTripTime(milliseconds: 2_000)
        let before = fixture.producer.credit(topics[2], now: Clock.monotonic())
        var taken = 0
        while fixture.producer.produceCopy(topics[taken % 2], key: [1], value: [2], opaque: UInt(taken + 1)) {
            taken += 1
        }
        #expect(taken == 1_000)
        #expect(fixture.producer.credit(topics[2], now: Clock.monotonic()) >= before)
        #expect(fixture.producer.credit(topics[0], now: Clock.monotonic()) == 0)
    }
}
