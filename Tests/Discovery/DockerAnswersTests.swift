// The parsers of Docker's answers: recorded ones, broken ones, and mutations of both.
import Core
import TestSupport
import Testing

@testable import Discovery

struct DockerAnswersTests {
    private func container(_ text: String) throws -> ContainerRecord? {
        try DockerAnswers.container(Array(text.utf8), runtime: "docker")
    }

    @Test func aRecordedInspectionIsUnderstood() throws {
        let record = try #require(try container(DockerSamples.inspect))
        #expect(record.id == DockerSamples.id && record.name == "web" && record.image == "test/bb:1")
        #expect(record.labels == ["app": "web"])
        #expect(record.logPath == "/var/lib/docker/containers/5b22/5b22-json.log")
        #expect(record.logDriver == "json-file" && record.logFormat == .jsonFile)
        #expect(record.status == .running && record.processID == 3600 && record.exitCode == nil)
        #expect(record.created == "2026-11-21T23:08:27.172198535Z" && record.finished == "")
        #expect(
            record.layers == [
                "/var/lib/docker/overlay2/f522/diff", "/var/lib/docker/overlay2/f522-init/diff",
                "/var/lib/docker/overlay2/a881/diff",
            ])
        #expect(
            record.mounts == [
                .init(kind: .bind, source: "/srv/bind", destination: "/data"),
                .init(kind: .tmpfs, destination: "/tm"), .init(kind: .tmpfs, destination: "/tm2"),
                .init(
                    kind: .volume, name: "vol1", source: "/var/lib/docker/volumes/vol1/_data", destination: "/vol",
                    driver: "local"),
            ])
    }

    @Test(
        arguments: [
            ("docker", "json-file", "/l", .jsonFile), ("podman", "json-file", "/l", .cri),
            ("podman", "k8s-file", "/l", .cri), ("docker", "json-file", "", .none), ("docker", "local", "", .none),
            ("docker", "none", "", .none), ("docker", "journald", "", .none), ("podman", "journald", "/l", .none),
        ] as [(String, String, String, ContainerRecord.LogFormat)])
    func theLogOfStdout(runtime: String, driver: String, path: String, format: ContainerRecord.LogFormat) throws {
        let text = """
            {"Id":"\(DockerSamples.id)","LogPath":"\(path)","HostConfig":{"LogConfig":{"Type":"\(driver)","Config":{}}}}
            """
        let record = try #require(
            try DockerAnswers.container(Array(text.utf8), runtime: runtime, isPodman: runtime == "podman"))
        #expect(record.logPath == path && record.logDriver == driver && record.logFormat == format)
    }

    @Test func aLogThatIsNowhereIsNone() throws {
        let text = #"{"Id":"\#(DockerSamples.id)","LogPath":"l","HostConfig":{"LogConfig":{"Type":"json-file"}}}"#
        #expect(try container(text)?.logPath == "" && container(text)?.logFormat == ContainerRecord.LogFormat.none)
    }

    /// A slash that makes one character with what stands before or behind it is a slash all the same.
    @Test func pathsOfMountsAreMadeNormalByteByByte() throws {
        let text = """
            {"Id":"\(DockerSamples.id)","Name":"/\u{301}web","Mounts":[{"Type":"bind","Source":"/s",
            "Destination":"/a\u{600}/../b"}],"HostConfig":{"Tmpfs":{"/c/\u{301}/..":""}},
            "GraphDriver":{"Data":{"UpperDir":"/\u{301}u","LowerDir":"/l:\u{301}:/m"}}}
            """
        let record = try #require(try container(text))
        #expect(record.mounts.map(\.destination) == ["/b", "/c"])
        #expect(record.name == "\u{301}web" && record.layers == ["/\u{301}u", "/l", "/m"])
    }

    @Test func aRecordedListIsUnderstood() throws {
        let records = try DockerAnswers.list(Array(DockerSamples.list.utf8), runtime: "podman")
        let record = try #require(records.first)
        #expect(records.count == 1 && record.id == DockerSamples.id && record.runtime == "podman")
        #expect(record.name == "web", "not the alias that a link gave it")
        #expect(record.status == .running && record.labels == ["app": "web"])
        #expect(record.created == "2026-11-21T23:08:27.000000000Z")
        #expect(record.mounts.map(\.destination) == ["/data", "/vol"])
    }

    @Test func aRecordedEventIsUnderstood() throws {
        let event = try #require(try RuntimeEvent.parse(Array(DockerSamples.die.utf8)))
        #expect(event.id == DockerSamples.id && event.action == .die && event.exitCode == 137)
        #expect(event.time == 1_795_302_508_733_319_776)
        let record = try #require(event.record(runtime: "docker"))
        #expect(record.labels == ["app": "web"] && record.name == "web2" && record.image == "test/bb:1")
        #expect(record.mounts.isEmpty && record.layers.isEmpty)
    }

    @Test(
        arguments: [
            ("create", .create), ("start", .look), ("restart", .look), ("unpause", .look), ("pause", .look),
            ("rename", .look), ("update", .look), ("kill", .kill), ("oom", .outOfMemory), ("die", .die),
            ("destroy", .destroy), ("remove", .destroy), ("exec_create: sh -c x", nil), ("exec_start: sh", nil),
            ("exec_die", nil), ("attach", nil), ("health_status: healthy", nil), ("top", nil), ("resize", nil),
            ("stop", nil), ("", nil),
        ] as [(String, RuntimeEvent.Action?)])
    func actionsThatMatter(text: String, action: RuntimeEvent.Action?) throws {
        let line = DockerSamples.event(text, DockerSamples.id, time: 1)
        #expect(try RuntimeEvent.parse(Array(line.utf8))?.action == action)
    }

    @Test func aFieldOfAnotherTypeLosesNothingElse() throws {
        let id = DockerSamples.id
        let record = try #require(
            try container(
                """
                {"Name":7,"RestartCount":"x","Id":"\(id)","Created":{},"State":[1,{"a":2}],"HostConfig":null,
                "GraphDriver":{"Data":null,"Name":"vfs"},"Mounts":[1,"x",{"Type":"bind","Destination":"relative"},
                {"Type":9,"Source":"/s","Destination":"/d//e/../f/./"},null],"Config":{"Labels":{"a":1,"b":"c","d":null},
                "Image":["x"]},"State":{"Status":"strange","Running":true,"Pid":99999999999,"ExitCode":1e3}}
                """))
        #expect(record.name == "" && record.labels == ["b": "c"] && record.layers == [])
        #expect(record.mounts == [.init(kind: .other, source: "/s", destination: "/d/f")])
        #expect(record.status == .running && record.processID == 0 && record.exitCode == nil)
    }

    @Test func ofKeysThatOccurTwiceTheLastWins() throws {
        let text = #"{"Id":"x","Id":"\#(DockerSamples.id)","Config":{"Labels":{"k":"1","k":"2"}}}"#
        #expect(try container(text)?.labels == ["k": "2"])
    }

    @Test(arguments: [
        "", "x", DockerSamples.id.uppercased(), DockerSamples.id + "a", String(repeating: "g", count: 64),
    ])
    func withoutAnIDNothingIsBelieved(id: String) throws {
        #expect(try container("{\"Id\":\"\(id)\",\"Name\":\"/x\"}") == nil)
        #expect(try DockerAnswers.list(Array("[{\"Id\":\"\(id)\"},7]".utf8), runtime: "d") == [])
        #expect(try RuntimeEvent.parse(Array(DockerSamples.event("die", id, time: 1).utf8)) == nil)
    }

    @Test(
        arguments: [
            "", "{", "[", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{\"a\":\"x", "{\"a\":\"\\",
            "{\"Name\":\"\\q\"}", "{\"Name\":\"\\u12\"}", "{\"a\":nul}", "{\"a\":tru}", "{} x", "[1,2", "{\"a\":\u{1}}",
        ])
    func brokenStructureThrows(text: String) {
        #expect(throws: JSONFailure.self) { try container(text) }
    }

    @Test func nestingHasALimit() throws {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONFailure.self) { try container("{\"x\":\(deep)") }
        let fine = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(try container("{\"x\":\(fine),\"Id\":\"\(DockerSamples.id)\"}") != nil)
    }

    @Test func textsAreTakenAsTheyAre() throws {
        var bytes = Array("{\"Id\":\"\(DockerSamples.id)\",\"Config\":{\"Labels\":{\"k\":\"a".utf8)
        bytes += [0xFF, 0xFE] + Array(#"\u0000\n\/\"\u00e9\ud83d\ude00\ud83dx\udc00\u001b[31m"}}}"#.utf8)
        let record = try #require(try DockerAnswers.container(bytes, runtime: "docker"))
        #expect(record.labels["k"] == "a\u{FFFD}\u{FFFD}\0\n/\"é😀\u{FFFD}x\u{FFFD}\u{1B}[31m")
    }

    @Test func manyLabelsAndLongOnesAreTaken() throws {
        let many = (0..<10_000).map { "\"key\($0)\":\"value\($0)\"" }.joined(separator: ",")
        let long = String(repeating: "x", count: 1 << 20)
        let text = "{\"Id\":\"\(DockerSamples.id)\",\"Config\":{\"Labels\":{\(many),\"long\":\"\(long)\"}}}"
        let labels = try #require(try container(text)).labels
        #expect(labels.count == 10_001 && labels["key9999"] == "value9999" && labels["long"]?.utf8.count == 1 << 20)
    }

    /// Whatever the bytes: a record with a valid id, nil, or a JSONFailure; never a trap.
    @Test func mutatedAnswersNeverTrap() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Mutations(seed: seed)
        let samples = [DockerSamples.inspect, DockerSamples.list, DockerSamples.die].map { Array($0.utf8) }
        for round in 0..<3000 {
            let bytes = random.mutate(samples[round % 3])
            if let record = try? DockerAnswers.container(bytes, runtime: "d") {
                #expect(DockerAnswers.isContainerID(record.id), "seed \(seed) round \(round)")
            }
            for record in (try? DockerAnswers.list(bytes, runtime: "d")) ?? [] {
                #expect(DockerAnswers.isContainerID(record.id), "seed \(seed) round \(round)")
                #expect(record.mounts.allSatisfy { $0.destination.hasPrefix("/") }, "seed \(seed) round \(round)")
            }
            if let event = try? RuntimeEvent.parse(bytes) {
                #expect(DockerAnswers.isContainerID(event.id) && event.time >= 0, "seed \(seed) round \(round)")
            }
        }
    }

    @Test func linesCutAnywhereAreJoined() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Mutations(seed: seed)
        let text = Array("one\n\ntwo\n\(String(repeating: "x", count: 50))\nthree\nrest".utf8)
        for _ in 0..<200 {
            var splitter = LineSplitter(limit: 20)
            var lines: [String?] = []
            var place = 0
            while place < text.count {
                let end = min(text.count, place + 1 + random.below(9))
                lines += splitter.feed(Array(text[place..<end])).map { $0.map { String(decoding: $0, as: UTF8.self) } }
                place = end
            }
            #expect(lines == ["one", "two", nil, "three"], "seed \(seed)")
        }
    }
}

/// Seeded damage.
struct Mutations {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    /// One to four changes: a byte set, a piece cut out, doubled or moved, the end cut off, a structural byte put in.
    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(4) where bytes.count > 2 {
            let place = below(bytes.count)
            let end = min(bytes.count, place + 1 + below(40))
            switch below(6) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count))
            case 3: bytes.removeSubrange(place...)
            case 4: bytes.insert(Array("{}[]\",:\\u0e-".utf8)[below(12)], at: place)
            default: bytes.replaceSubrange(place..<end, with: Array("99999999999999999999".utf8))
            }
        }
        return bytes
    }
}
