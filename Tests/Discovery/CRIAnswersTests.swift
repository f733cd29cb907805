// The readers of protobuf and of CRI's answers: whole ones, broken ones, and mutations of both.
import Core
import TestSupport
import Testing

@testable import Discovery

struct CRIAnswersTests {
    @Test func aStatusIsUnderstood() throws {
        let found = try #require(try CRIAnswers.container(CRISamples.status(), runtime: "containerd"))
        let record = found.record
        #expect(record.id == CRISamples.id && record.name == "app" && record.image == "shop:1")
        #expect(record.runtime == "containerd" && record.status == .running && record.processID == 4711)
        #expect(record.created == "2026-11-21T23:08:27.172198535Z" && record.finished == "" && record.exitCode == nil)
        #expect(record.restartCount == 5 && record.labels["io.kubernetes.pod.name"] == "shop-7d")
        #expect(
            record.mounts == [
                .init(kind: .bind, source: "/var/lib/kubelet/pods/u/etc-hosts", destination: "/etc/hosts"),
                .init(kind: .bind, source: "/srv/logs", destination: "/logs"),
            ])
        #expect(record.logPath == "/var/log/pods/shop_shop-7d_u/app/5.log" && record.logFormat == .cri)
        #expect(found.details.sandbox == CRISamples.sandbox && found.details.snapshot == "k")
        let ended = try CRIAnswers.container(
            CRISamples.status(state: 2, exitCode: 137, reason: "OOMKilled"), runtime: "c")?.record
        #expect(ended?.status == .exited && ended?.exitCode == 137 && ended?.isOutOfMemory == true)
        #expect(ended?.processID == 0, "what ran has ended")
    }

    @Test func aListAndAPodAreUnderstood() throws {
        let id = DockerSamples.id(7)
        let records = try CRIAnswers.list(
            CRISamples.list([(CRISamples.id, 0), ("short", 1), (id, 2)]), runtime: "containerd")
        #expect(records.map(\.id) == [CRISamples.id, id] && records.map(\.status) == [.created, .exited])
        #expect(records[0].labels == ["a": "b"] && records[0].name == "app" && records[0].image == "shop:1")
        let pod = try #require(try CRIAnswers.pod(CRISamples.pod))
        #expect(pod.name == "shop-7d" && pod.namespace == "shop" && pod.uid == "u-1")
        #expect(pod.labels.count == 1 && pod.annotations == ["longshore.logs.app.path": "/logs/*.log"])
        #expect(try CRIAnswers.pod([]) == nil)
    }

    @Test func layersAreTakenWhereTheyAreDirectories() throws {
        let overlay = CRISamples.mounts(["index=off", "workdir=/w", "upperdir=/u/fs", "lowerdir=/l1:/l2", "x"])
        #expect(try CRIAnswers.layers(overlay) == ["/u/fs", "/l1", "/l2"])
        #expect(try CRIAnswers.layers(CRISamples.mounts(type: "bind", ["rbind"], source: "/one")) == ["/one"])
        #expect(try CRIAnswers.layers(CRISamples.mounts(type: "fuse.x", ["upperdir=/u"])) == [])
        #expect(try CRIAnswers.layers(CRISamples.mounts(["lowerdir=/l1:/l2"])) == [], "nothing is written there")
        #expect(try CRIAnswers.layers(CRISamples.mounts(["upperdir=u", "lowerdir=l:/l2"])) == ["/l2"])
        #expect(try CRIAnswers.layers(overlay + overlay) == [], "several mounts are no root")
    }

    @Test func eventsThatMatter() throws {
        let id = CRISamples.id
        let known: [(String, RuntimeEvent.Action)] = [
            ("ContainerCreate", .create), ("TaskStart", .look), ("TaskPaused", .look), ("TaskResumed", .look),
            ("TaskOOM", .outOfMemory), ("ContainerDelete", .destroy),
        ]
        for (type, action) in known {
            let event = try #require(try CRIEvents.containerd(CRISamples.event("containerd.events.\(type)", id)))
            #expect(event.id == id && event.action == action && event.time == 1_795_302_508_733_319_776)
            #expect(event.record(runtime: "containerd") == nil, "it may be of a sandbox")
        }
        for type in ["TaskCreate", "TaskDelete", "TaskExecStarted", "ContainerUpdate", "SnapshotPrepare", ""] {
            #expect(try CRIEvents.containerd(CRISamples.event("containerd.events.\(type)", id)) == nil)
        }
        let exit = CRISamples.event("types.googleapis.com/containerd.events.TaskExit", id) { value in
            value.text(2, id)
            value.integer(3, 4711)
            value.integer(4, 137)
        }
        #expect(try CRIEvents.containerd(exit)?.exitCode == 137)
        let exec = CRISamples.event("containerd.events.TaskExit", id) { $0.text(2, "exec-1") }
        #expect(try CRIEvents.containerd(exec) == nil, "of a process that somebody ran in it")
        #expect(try CRIEvents.containerd(CRISamples.event("containerd.events.TaskStart", id, namespace: "moby")) == nil)
        #expect(try CRIEvents.containerd(CRISamples.event("containerd.events.TaskStart", "x")) == nil)
        let late = CRISamples.event("containerd.events.TaskStart", id, seconds: .max)
        #expect(try CRIEvents.containerd(late)?.time == 0, "no time that could be counted with")
        let actions: [RuntimeEvent.Action?] = [.create, .look, .die, .destroy, nil]
        for (type, action) in actions.enumerated() {
            let event = try CRIEvents.cri(CRISamples.criEvent(id, type: Int64(type), time: 5))
            #expect(event?.action == action && (event == nil || event?.time == 5))
        }
    }

    @Test func fieldsOfAnotherTypeLoseNothingElse() throws {
        var answer = ProtobufWriter()
        answer.message(1) { status in
            status.integer(1, 7)
            status.text(1, CRISamples.id)
            status.text(2, "\u{1}")
            status.text(3, "running")
            status.integer(8, 1)
            status.integer(12, 1)
            status.integer(14, 1)
            status.text(15, "relative")
            status.text(99, "unknown")
        }
        answer.integer(2, 9)
        let found = try? CRIAnswers.container(answer.bytes, runtime: "c")
        // "\u{1}" as a message is a broken one, "running" as a number is passed over.
        #expect(found == nil)
        answer = ProtobufWriter()
        answer.message(1) { status in
            status.integer(1, 7)
            status.text(1, CRISamples.id)
            status.text(3, "running")
            status.integer(8, 1)
            status.integer(12, 1)
            status.integer(14, 1)
            status.text(15, "relative")
            status.raw(99, [1, 2, 3])
        }
        let record = try #require(try CRIAnswers.container(answer.bytes, runtime: "c")?.record)
        #expect(record.id == CRISamples.id && record.status == .created && record.logPath == "")
        #expect(record.logFormat == ContainerRecord.LogFormat.none && record.mounts.isEmpty)
    }

    @Test(arguments: ["", "x", DockerSamples.id.uppercased(), DockerSamples.id + "a"])
    func withoutAnIDNothingIsBelieved(id: String) throws {
        #expect(try CRIAnswers.container(CRISamples.status(id), runtime: "c") == nil)
        #expect(try CRIAnswers.list(CRISamples.list([(id, 1)]), runtime: "c") == [])
    }

    // MARK: - Protobuf

    @Test(
        arguments: [
            [0x00], [0x07], [0x08], [0x08, 0x80], [0x0A, 0x05, 0x01], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x0B],
            [0x0C],
            [0x09, 1, 2, 3], [0x0D, 1], [0x0E], [0x80], [0x08] + [UInt8](repeating: 0x80, count: 10) + [1],
            [0x08] + [UInt8](repeating: 0xFF, count: 9) + [2], [0x80, 0x80, 0x80, 0x80, 0x10, 1],
            [0x0A] + [UInt8](repeating: 0xFF, count: 9) + [1],
        ] as [[UInt8]])
    func brokenMessagesAreRefused(bytes: [UInt8]) {
        #expect(throws: ProtobufFailure.self) { try ProtobufReader.read(bytes) { _ in } }
    }

    @Test(arguments: [0, 1, 127, 128, 300, Int64.max, -1, Int64.min])
    func numbersComeBackAsTheyWere(number: Int64) throws {
        var writer = ProtobufWriter()
        writer.integer((1 << 29) - 1, number)
        var found: Int64?
        try ProtobufReader.read(writer.bytes) { found = $0.integer }
        #expect(found == number)
    }

    @Test func bytesThatAreNoUTF8BecomeReplacements() throws {
        var writer = ProtobufWriter()
        writer.raw(1, [0x61, 0xFF, 0x62])
        var found: String?
        try ProtobufReader.read(writer.bytes) { found = $0.text }
        #expect(found == "a\u{FFFD}b")
    }

    /// 16 MiB hold millions of labels, whose dictionary would need a gigabyte.
    @Test func tooManyOfAnythingIsRefused() {
        let labels = Dictionary(uniqueKeysWithValues: (0...ProtobufReader.Field.manyLimit).map { ("\($0)", "") })
        var writer = ProtobufWriter()
        writer.message(1) { status in
            status.text(1, CRISamples.id)
            status.map(12, labels)
        }
        #expect(throws: ProtobufFailure.self) { try CRIAnswers.container(writer.bytes, runtime: "c") }
        let many = (0...ProtobufReader.Field.manyLimit).map { (id: DockerSamples.id($0), state: Int64(1)) }
        #expect(throws: ProtobufFailure.self) { try CRIAnswers.list(CRISamples.list(many), runtime: "c") }
    }

    /// Whatever a byte is changed to: a value or a refusal, and nothing that could harm.
    @Test(arguments: 0..<8) func mutationsAreValuesOrRefused(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let samples = [
            CRISamples.status(state: 2), CRISamples.list([(CRISamples.id, 1)]), CRISamples.pod,
            CRISamples.mounts(["upperdir=/u", "lowerdir=/l"]),
            CRISamples.event("containerd.events.TaskExit", CRISamples.id),
        ]
        for _ in 0..<2000 {
            var bytes = samples[generator.number(0...samples.count - 1)]
            for _ in 0..<generator.number(1...4) {
                bytes[generator.number(0...bytes.count - 1)] = UInt8(generator.number(0...255))
            }
            if generator.once(in: 4) { bytes.removeLast(generator.number(0...bytes.count - 1)) }
            if let record = try? CRIAnswers.container(bytes, runtime: "c")?.record {
                #expect(DockerAnswers.isContainerID(record.id) && record.processID >= 0)
                #expect(record.mounts.allSatisfy { $0.destination.hasPrefix("/") })
            }
            if let list = try? CRIAnswers.list(bytes, runtime: "c") {
                #expect(list.allSatisfy { DockerAnswers.isContainerID($0.id) })
            }
            _ = try? CRIAnswers.pod(bytes)
            if let layers = try? CRIAnswers.layers(bytes) { #expect(layers.allSatisfy { $0.hasPrefix("/") }) }
            if let event = try? CRIEvents.containerd(bytes) { #expect(event.time >= 0) }
        }
    }

    @Test func messagesComeOutHoweverTheBodyIsCut() throws {
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 300)]
        let whole = messages.flatMap { GRPCMessages.framed($0) }
        for size in [1, 2, 5, 6, 100, 1000] {
            var reader = GRPCMessages(limit: 300)
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: whole.count, by: size) {
                found += try reader.feed(Array(whole[start..<min(whole.count, start + size)]))
            }
            #expect(found == messages && !reader.isInMessage)
        }
        var small = GRPCMessages(limit: 299)
        #expect(throws: RuntimeFailure.self) { try small.feed(whole) }
        var compressed = GRPCMessages(limit: 9)
        #expect(throws: RuntimeFailure.self) { try compressed.feed([1, 0, 0, 0, 0]) }
    }
}
