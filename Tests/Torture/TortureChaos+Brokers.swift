// What is done to the brokers in a round: every class of failure, for a while; then it passes.
import Core
import TestSupport

extension TortureChaos {
    mutating func breakBrokers(_ name: String) async throws {
        let (cluster, proxy) = (world.cluster, world.proxy)
        let topic = TortureStory.topics[random.number(0...2)]
        switch name {
        case "broker down":
            let broker = Int32(random.number(1...3))
            try cluster.setDown(broker: broker)
            try await pause(200...2500)
            try cluster.setUp(broker: broker)
        case "all brokers down":
            try cluster.setDown()
            try await pause(200...4000)
            try cluster.setUp()
        case "leaders":
            for _ in 0..<20 {
                let partition = Int32(random.number(0...TortureWorld.partitions - 1))
                try cluster.setLeader(topic, partition: partition, broker: Int32(random.number(1...3)))
            }
        case "slow brokers":
            try cluster.setRoundTripTime(milliseconds: Int32(random.number(20...200)))
            try await pause(300...2000)
            try cluster.setRoundTripTime(milliseconds: 0)
        case "errors":
            // By the proxy, which also refuses what a broker that checks sequences would refuse after them.
            let codes: [KafkaErrorCode] = [.notLeader, .requestTimedOut, .notEnoughReplicas]
            proxy.refuseProduce(
                broker: random.number(0...2), count: random.number(1...12), codes[random.number(0...2)])
            if random.once(in: 2) { cluster.pushRequestErrors(.produce, [.disconnect]) }
        case "one refusal":
            // Of several requests under way one is refused for a record, and those behind it are taken.
            let code: KafkaErrorCode = random.once(in: 2) ? .invalidRecord : .messageTooLarge
            proxy.refuseProduce(broker: random.number(0...2), count: 1, code)
        case "fatal": proxy.refuseProduce(broker: random.number(0...2), count: 1, .outOfOrderSequence)
        case "lost acknowledgements": proxy.dropProduceResponses(random.number(1...4))
        case "topic forbidden":
            proxy.refuseProduce(topic, .topicAuthorizationFailed)
            try await pause(300...3000)
            proxy.refuseProduce(topic, nil)
        case "topic unknown":
            proxy.setMetadataError(topic, .unknownTopic)
            proxy.refuseProduce(topic, .unknownTopic)
            try await pause(300...3000)
            proxy.refuseProduce(topic, nil)
            proxy.setMetadataError(topic, nil)
        case "silence":
            proxy.stall(true)
            try await pause(200...1500)
            proxy.stall(false)
        default: throw FixtureError("no such action: \(name)")
        }
    }
}
