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
        record.logPath = "/var/lib/docker/containers/ab/ab-json.log"
        record.logDriver = "json-file"
        record.logFormat = .jsonFile
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

    /// As it was stored before records told of stdout: a daemon that is upgraded keeps its containers.
    @Test func aRecordOfAnEarlierVersionIsUnderstood() {
        let stored = """
            {"created":"","exitCode":-1,"finished":"","id":"ab","image":"i","isOutOfMemory":true,"labels":{"a":"1"},
            "layers":["/u","/l"],"mounts":[{"destination":"/d","driver":"local","kind":"volume","name":"v","source":"/s"}],
            "name":"n","processID":0,"restartCount":3,"runtime":"docker","started":"t","status":"exited"}
            """
        var record = ContainerRecord(id: "ab", name: "n", image: "i")
        record.labels = ["a": "1"]
        record.mounts = [.init(kind: .volume, name: "v", source: "/s", destination: "/d", driver: "local")]
        record.layers = ["/u", "/l"]
        record.status = .exited
        record.exitCode = -1
        record.isOutOfMemory = true
        record.started = "t"
        record.restartCount = 3
        #expect(ContainerRecordCodec.decode(Array(stored.utf8)) == record)
    }

    @Test(arguments: ["", "{", "{}", "null", "[1]", #"{"id":1}"#])
    func otherBytesAreNoRecord(text: String) { #expect(ContainerRecordCodec.decode(Array(text.utf8)) == nil) }
}
