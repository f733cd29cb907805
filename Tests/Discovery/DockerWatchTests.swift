// A watch against a server that breaks: silent, closed, slow, too large, too old, nonsense.
import Discovery
import Glibc
import TestSupport
import Testing

struct DockerWatchTests {
    private static let now: Int64 = 4_000_000_000_000_000_000

    private func options(_ change: (inout DockerRuntime.Options) -> Void = { _ in }) -> DockerRuntime.Options {
        var options = DockerRuntime.Options()
        options.shortestPause = .milliseconds(5)
        options.longestPause = .milliseconds(50)
        options.socketPause = .milliseconds(20)
        change(&options)
        return options
    }

    private func watch(
        _ fake: FakeDocker, since: Int64? = nil, _ change: (inout DockerRuntime.Options) -> Void = { _ in }
    ) -> DockerChangeLog {
        DockerChangeLog(DockerRuntime(socket: fake.socket, since: since, options: options(change)))
    }

    private func list(_ fake: FakeDocker, deadline: Duration = .seconds(10)) async throws -> [ContainerRecord] {
        try await DockerRuntime(socket: fake.socket, options: options { $0.deadline = deadline }).list()
    }

    // MARK: - Versions

    @Test(arguments: [
        ("1.24", "/v1.24/"), ("1.41", "/v1.41/"), ("1.47", "/v1.47/"), ("1.52", "/v1.47/"), ("2.0", "/v1.47/"),
    ])
    func theNewerVersionThatBothUnderstandIsUsed(server: String, prefix: String) async throws {
        let fake = try FakeDocker()
        fake.script(
            "/_ping", [.send(FakeDocker.answer(headers: "Api-Version: \(server)\r\n", body: Array("OK".utf8)))])
        _ = try await list(fake)
        #expect(fake.count("\(prefix)containers/json?all=1") == 1)
    }

    @Test(arguments: [("1.23", "too old"), ("", "tells no API version"), ("x", "tells no API version")])
    func otherVersionsAreRefused(server: String, reason: String) async throws {
        let fake = try FakeDocker()
        fake.script("/_ping", [.send(FakeDocker.answer(headers: "", body: Array("OK".utf8)))])
        fake.script("/version", body: "{\"ApiVersion\":\"\(server)\"}")
        let failure = await #expect(throws: RuntimeFailure.self) { try await list(fake) }
        #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "")")
        let log = watch(fake)
        try await log.wait("the reason") { $0.reasons.count == 1 }
        try await waitUntil("several attempts") { fake.count("/_ping") > 3 }
        #expect(log.reasons.count == 1, "told once, not at every attempt")
    }

    // MARK: - Answers

    @Test func whatCannotBeInspectedStaysAsItWasListed() async throws {
        let fake = try FakeDocker()
        fake.script("/containers/json", body: DockerSamples.list)
        for (status, body) in [
            (404, "{}"), (500, "no"), (200, "{\"Id\""), (200, DockerSamples.inspect(DockerSamples.id(9))),
        ] {
            fake.script("/containers/\(DockerSamples.id)/json", status: status, body: body)
            let records = try await list(fake)
            #expect(records.map(\.name) == ["web"] && records[0].mounts.count == 2, "\(status) \(body)")
        }
    }

    @Test func chunksOfAnySizeAreJoined() async throws {
        let fake = try FakeDocker()
        var steps: [FakeDocker.Step] = [.send(FakeDocker.streamHead)]
        var rest = Array(DockerSamples.list.utf8)[...]
        var size = 1
        while !rest.isEmpty {
            let piece = rest.prefix(size)
            rest = rest.dropFirst(size)
            size = size * 2 % 97 + 1
            steps.append(.send(Array("\(String(piece.count, radix: 16));x=y\r\n".utf8) + piece + Array("\r\n".utf8)))
        }
        fake.script("/containers/json", steps + [.send(Array("0\r\nTrailer: x\r\n\r\n".utf8))])
        #expect(try await list(fake).map(\.id) == [DockerSamples.id])
    }

    @Test func manyLabelsAndALongOneAreTaken() async throws {
        let fake = try FakeDocker()
        let many = (0..<10_000).map { "\"k\($0)\":\"v\"" }.joined(separator: ",")
        let long = String(repeating: "x", count: 1 << 20)
        fake.script("/containers/json", body: DockerSamples.list)
        fake.script(
            "/containers/\(DockerSamples.id)/json",
            body: "{\"Id\":\"\(DockerSamples.id)\",\"Config\":{\"Labels\":{\(many),\"long\":\"\(long)\"}}}")
        let labels = try #require(try await list(fake).first?.labels)
        #expect(labels.count == 10_001 && labels["long"]?.utf8.count == 1 << 20)
    }

    @Test(
        arguments: [
            ("an endless body", [.send(FakeDocker.streamHead), .hang]),
            ("no answer", [.hang]),
            ("half a head", [.send(Array("HTTP/1.1 200 OK\r\nX: ".utf8)), .hang]),
            (
                "a trickle",
                [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n".utf8))]
                    + (0..<100).flatMap { _ in [.pause(.milliseconds(20)), .send([0x20])] }
            ),
        ] as [(String, [FakeDocker.Step])])
    func anAnswerHasADeadline(name: String, steps: [FakeDocker.Step]) async throws {
        let fake = try FakeDocker()
        fake.script("/containers/json", steps)
        let start = ContinuousClock.now
        let failure = await #expect(throws: RuntimeFailure.self) { try await list(fake, deadline: .milliseconds(200)) }
        #expect(failure?.message.contains("does not answer within") == true, "\(name): \(failure?.message ?? "")")
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func nonsenseIsRefused() async throws {
        let fake = try FakeDocker()
        let tooMany = (0..<5000).map { "X-\($0): \(String(repeating: "y", count: 100))\r\n" }.joined()
        let answers: [(String, [UInt8])] = [
            ("not HTTP", Array("SSH-2.0-OpenSSH\r\n\r\n".utf8)), ("nothing", []),
            ("too short", Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]".utf8)),
            ("no list", FakeDocker.answer(body: Array("{}".utf8))), ("no JSON", FakeDocker.answer(body: [0x5B])),
            ("an error", FakeDocker.answer(status: 500, body: [])),
            ("a bad chunk", FakeDocker.streamHead + Array("zz\r\n".utf8)),
            ("headers without end", FakeDocker.answer(headers: tooMany, body: Array("[]".utf8))),
        ]
        for (name, bytes) in answers {
            fake.script("/containers/json", [.send(bytes)])
            await #expect(throws: RuntimeFailure.self, "\(name)") { try await list(fake, deadline: .seconds(2)) }
        }
    }

    @Test func anAnswerBeyondItsLimitIsRefused() async throws {
        let fake = try FakeDocker()
        fake.script("/containers/json", body: DockerSamples.list)
        let megabyte = Array("100000\r\n".utf8) + [UInt8](repeating: 0x20, count: 1 << 20) + Array("\r\n".utf8)
        fake.script(
            "/containers/\(DockerSamples.id)/json",
            [.send(FakeDocker.streamHead)] + Array(repeating: .send(megabyte), count: 12) + [.hang])
        let start = ContinuousClock.now
        #expect(try await list(fake, deadline: .seconds(60)).map(\.name) == ["web"], "as it was listed")
        #expect(ContinuousClock.now - start < .seconds(30), "refused when it is too large, not at the deadline")
    }

    // MARK: - Streams

    @Test func changesFollowTheEvents() async throws {
        let fake = try FakeDocker()
        let log = watch(fake)
        try await log.waitForList()
        let id = DockerSamples.id(1)
        fake.script("/containers/\(id)/json", body: DockerSamples.inspect(id))
        let line = DockerSamples.event("create", id, time: Self.now) + "\n"
        for byte in line.utf8 { try await fake.emit([byte]) }
        try await log.wait("create") { $0.story(id) == ["changed running"] }
        try await fake.emit(DockerSamples.event("exec_create: sh", id, time: Self.now + 1))
        try await fake.emit(DockerSamples.event("die", id, attributes: ["exitCode": "3"], time: Self.now + 2))
        try await log.wait("die") { $0.story(id).last == "stopped 3" }
        #expect(fake.count("/containers/\(id)/json") == 1, "neither an exec nor a plain end is worth an inspection")
        try await waitUntil("the newest event") { log.runtime.newestEvent == Self.now + 2 }
    }

    @Test func eventsWhileListingAreAppliedAfterwards() async throws {
        let fake = try FakeDocker()
        let id = DockerSamples.id(1)
        fake.script("/containers/json", [.pause(.milliseconds(300)), .send(FakeDocker.answer(body: Array("[]".utf8)))])
        let log = watch(fake)
        try await waitUntil("the stream") { fake.streamCount == 1 }
        try await fake.emit(DockerSamples.event("create", id, time: Self.now))
        try await log.wait("the container") { $0.story(id).count == 1 }
        #expect(log.lists.first == [])
        if case .listed = log.changes[1] {} else { Issue.record("\(log.changes)") }
    }

    @Test func aSlowInspectionHoldsUpNobodyElse() async throws {
        let fake = try FakeDocker()
        let (slow, quick) = (DockerSamples.id(1), DockerSamples.id(2))
        fake.script("/containers/\(slow)/json", [.hang])
        fake.script("/containers/\(quick)/json", body: DockerSamples.inspect(quick))
        let log = watch(fake) { $0.deadline = .milliseconds(1500) }
        try await log.waitForList()
        try await fake.emit(DockerSamples.event("create", slow, time: Self.now))
        try await fake.emit(DockerSamples.event("create", quick, time: Self.now + 1))
        try await fake.emit(DockerSamples.event("die", quick, attributes: ["exitCode": "0"], time: Self.now + 2))
        try await log.wait("the quick one's end") { $0.story(quick) == ["changed running", "stopped 0"] }
        #expect(log.story(slow).isEmpty)
        try await log.wait("the slow one, by its event") { $0.story(slow) == ["changed created"] }
    }

    @Test func aStreamThatEndsIsResumedWhereItEnded() async throws {
        let fake = try FakeDocker()
        let id = DockerSamples.id(1)
        let log = watch(fake)
        try await log.waitForList()
        try await fake.emit(DockerSamples.event("create", id, time: Self.now + 5))
        try await log.wait("create") { $0.story(id).count == 1 }
        fake.endStreams()
        try await log.waitForList(2)
        #expect(log.reasons.count == 1)
        #expect(fake.requests.last { $0.contains("/events") }?.hasSuffix("&since=3999999999.990000005") == true)
        // The same event again, as `since` gives it.
        try await fake.emit(DockerSamples.event("create", id, time: Self.now + 5))
        try await fake.emit(DockerSamples.event("destroy", id, time: Self.now + 6))
        try await log.wait("destroy") { $0.story(id).last == "removed" }
        #expect(log.story(id).count { $0.hasPrefix("changed") } <= 2)
    }

    @Test func aRestartedDaemonAsksForWhatItMissed() async throws {
        let fake = try FakeDocker()
        let log = watch(fake, since: 1_000_000_000_020_000_000)
        try await log.waitForList()
        #expect(fake.requests.contains { $0.contains("/events") && $0.hasSuffix("&since=1000000000.010000000") })
    }

    @Test func aStreamWithoutAHeadIsGivenUp() async throws {
        let fake = try FakeDocker()
        fake.script("/events", [.hang])
        let log = watch(fake) { $0.deadline = .milliseconds(100) }
        try await log.wait("the reason") { $0.reasons.first?.contains("does not answer within") == true }
        fake.script("/events", [.send(FakeDocker.streamHead), .events])
        try await log.waitForList()
    }

    @Test func anEngineThatAnswersNoProbeIsGivenUp() async throws {
        let fake = try FakeDocker()
        let log = watch(fake) {
            $0.probeInterval = .milliseconds(50)
            $0.deadline = .milliseconds(100)
        }
        try await log.waitForList()
        fake.script("/_ping", [.hang])
        try await log.wait("the reason") { $0.reasons.first?.contains("does not answer within") == true }
    }

    @Test func aStreamThatTellsNothingOfWhatTheListShowsIsGivenUp() async throws {
        let fake = try FakeDocker()
        let log = watch(fake) {
            $0.reconcileInterval = .milliseconds(50)
            $0.probeInterval = .milliseconds(70)
        }
        try await log.waitForList(3)
        #expect(log.reasons.isEmpty, "silence alone is no fault")
        let id = DockerSamples.id(1)
        fake.script("/containers/json", body: DockerSamples.list([(id, "web", "running")]))
        fake.script("/containers/\(id)/json", body: DockerSamples.inspect(id))
        try await log.wait("the container") { $0.story(id) == ["changed running"] }
        try await log.wait("the reason") { $0.reasons.first?.contains("silent") == true }
    }

    @Test func reconcilingInspectsOnlyWhatChanged() async throws {
        let fake = try FakeDocker()
        let entries = (0..<200).map { (id: DockerSamples.id($0), name: "c\($0)", state: "running") }
        for entry in entries {
            fake.script("/containers/\(entry.id)/json", body: DockerSamples.inspect(entry.id, name: entry.name))
        }
        fake.script("/containers/json", body: DockerSamples.list(entries))
        let log = watch(fake) { $0.reconcileInterval = .milliseconds(100) }
        try await log.waitForList(3)
        #expect(log.lists[0].count == 200 && fake.count("/json") == fake.count("all=1") + 200)
        var changed = entries
        changed[7].state = "exited"
        let id = changed[7].id
        fake.script("/containers/\(id)/json", body: DockerSamples.inspect(id, name: "c7", state: "exited", pid: 0))
        fake.script("/containers/json", body: DockerSamples.list(Array(changed.dropLast())))
        try await log.wait("the difference") { $0.story(id) == ["changed exited", "stopped 4"] }
        try await log.wait("the list without the last") { $0.lists.last?.count == 199 }
        #expect(fake.count("/json") == fake.count("all=1") + 201)
    }

    @Test func linesWithoutSenseLeadToAList() async throws {
        let fake = try FakeDocker()
        let log = watch(fake)
        try await log.waitForList()
        let id = DockerSamples.id(1)
        try await fake.emit("this is no JSON")
        try await log.waitForList(2)
        try await fake.emit([UInt8](repeating: 0x78, count: 9 << 20) + [0x0A])
        try await log.waitForList(3)
        try await fake.emit(DockerSamples.event("create", "not an id", time: Self.now))
        try await fake.emit(DockerSamples.event("create", id, time: Self.now))
        try await log.wait("the good line after them") { $0.story(id) == ["changed created"] }
        #expect(log.reasons.isEmpty)
    }

    @Test func aSlowSinkIsNotOverrun() async throws {
        let fake = try FakeDocker()
        var options = options { $0.eventBytes = 2000 }
        options.reconcileInterval = .seconds(600)
        let log = DockerChangeLog(
            DockerRuntime(socket: fake.socket, options: options), pause: .milliseconds(2))
        try await log.waitForList()
        for number in 1...200 {
            try await fake.emit(DockerSamples.event("create", DockerSamples.id(number), time: Self.now))
        }
        try await log.wait("all of them") { $0.known.count == 200 }
        try await log.waitForList(2)
    }

    @Test func aKilledEngineIsFoundAgain() async throws {
        let fake = try FakeDocker()
        let path = try TemporaryDirectory()
        let link = path.path("docker.sock")
        symlink(fake.socket, link)
        let log = DockerChangeLog(DockerRuntime(socket: link, options: options()))
        try await log.waitForList()
        fake.close()
        try await log.wait("a reason") { $0.reasons.contains { $0.contains("nobody listens") } }
        let second = try FakeDocker()
        unlink(link)
        symlink(second.socket, link)
        try await log.waitForList(2)
    }

    @Test func connectionsThatNeverLastAreMadeLessAndLessOften() async throws {
        let fake = try FakeDocker()
        fake.script("/events", [.send(FakeDocker.streamHead), .pause(.milliseconds(5))])
        let log = watch(fake) {
            $0.shortestPause = .milliseconds(20)
            $0.longestPause = .seconds(30)
        }
        try await log.wait("six reasons") { $0.reasons.count >= 6 }
        let times = log.all.filter { if case .unreachable = $0.change { true } else { false } }.map(\.at)
        #expect(times[5] - times[4] > .milliseconds(160), "the fifth pause is at least half of 320 ms")
    }

    @Test func aCancelledWatchEnds() async throws {
        let fake = try FakeDocker()
        let log = watch(fake)
        try await log.waitForList()
        await log.stop()
        try await waitUntil("the stream's end") { fake.streamCount == 0 }
    }
}
