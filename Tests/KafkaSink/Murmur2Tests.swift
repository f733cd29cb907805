// Keys go to the partitions that other Kafka clients choose for them.
import TestSupport
import Testing

@testable import KafkaSink

@Suite struct Murmur2Tests {
    /// From Kafka's own UtilsTest.testMurmur2.
    @Test(
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ] as [(String, Int32)])
    func hashesAreThoseOfKafka(key: String, expected: Int32) {
        let hash = Array(key.utf8).withUnsafeBytes { Murmur2.hash($0) }
        #expect(Int32(bitPattern: hash) == expected)
    }

    @Test func anEmptyKeyAndOneWithHighBytesHaveAPartition() {
        for key: [UInt8] in [[], [0xFF], [0x80, 0xFF, 0xFE], Array(repeating: 0xFF, count: 33)] {
            let partition = key.withUnsafeBytes { Murmur2.partition($0, of: 7) }
            #expect((0..<7).contains(partition))
        }
    }

    @Test func partitionsAreThoseOfOtherClients() async throws {
        let cluster = try MockCluster()
        try cluster.createTopic("keys", partitions: 7)
        let keys = (0..<60).map { "stream \($0)" + String(repeating: "x", count: $0 % 9) } + ["\u{E9}\u{20AC}"]
        try await withTemporaryDirectory { directory in
            let file = try directory.write(keys.map { "\($0):v\n" }.joined(), to: "messages")
            try await run(
                "kcat",
                [
                    "-P", "-b", cluster.bootstrap, "-t", "keys", "-K", ":", "-X", "partitioner=murmur2_random", "-l",
                    file,
                ])
        }
        let records = try await readRecords(cluster.bootstrap, topic: "keys", until: .count(keys.count))
        #expect(records.count == keys.count)
        for record in records {
            #expect(record.partition == record.key!.withUnsafeBytes { Murmur2.partition($0, of: 7) })
        }
    }
}
