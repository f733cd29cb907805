// Container records as the store keeps them.
import Discovery
import Testing

struct ContainerRecordCodecTests {
    private static func record() -> ContainerRecord {
        var record = ContainerRecord(id: "ab", name: "n\u{1b}\"\n日本", image: "i")
        record.labels = ["a": "1", "b": "\u{0}", "c": ""]
        record.mounts = [.init(kind: .volume, name: "v", source: "/s", destination: "/d", driver: "local")]
        record.layers = ["/u", "/l"]
        record.status = .exited
        record.exitCode = -1
        record.isOutOfMemory = true
        record.started = "2026-11-21T10:00:00.123456789Z"
        record.restartCount = 3
        return record
    }

    @Test func aRecordComesBackAsItWas() {
        #expect(ContainerRecordCodec.decode(ContainerRecordCodec.encode(Self.record())) == Self.record())
    }

    @Test func theSameRecordHasTheSameBytes() {
        for _ in 0..<20 {
            #expect(ContainerRecordCodec.encode(Self.record()) == ContainerRecordCodec.encode(Self.record()))
        }
    }

    @Test(arguments: ["", "{", "{}", "null", "[1]", #"{"id":1}"#])
    func otherBytesAreNoRecord(text: String) { #expect(ContainerRecordCodec.decode(Array(text.utf8)) == nil) }
}
