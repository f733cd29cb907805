// What explain says about each declaration.
import Core
import Discovery
import Engine
import FileSource
import TestSupport
import Testing

@testable import Agent

@Suite(.timeLimit(.minutes(1)))
struct ReportTests {
    private static func declaration(
        _ record: ContainerRecord, _ sources: [SourceStatus] = []
    ) async throws -> DeclarationReport {
        let stage = await Stage.begin()
        await stage.list([record])
        return try #require(await stage.supervisor.report(sources).containers.first?.declarations.first)
    }

    @Test func filesThatAreFollowedMakeItActive() async throws {
        let report = try await Self.declaration(Samples.record(), [Samples.source("/logs/a.log", unread: 5)])
        #expect(report.state == "active" && report.reason == nil && report.topic == "logs")
        #expect(report.files.map(\.path) == ["/logs/a.log"])
        #expect(report.files[0].size == 105 && report.files[0].offset == 100 && report.files[0].unread == 5)
    }

    @Test(
        arguments: [
            ("refused", "refused"), ("unreadable", "not reachable"), ("idle", "active"), ("parked", "active"),
            ("draining", "active"), ("registering", "active"),
        ])
    func theStateOfItsOnlyFileDecides(file: String, state: String) async throws {
        let source = Samples.source("/logs/a.log", state: file, reason: "because")
        let report = try await Self.declaration(Samples.record(), [source])
        #expect(report.state == state)
        if state != "active" { #expect(report.reason == "because" && report.remedy != nil) }
        if file == "parked" { #expect(report.reason == "waits: because") }
    }

    @Test func oneRefusedFileDoesNotHideTheOthers() async throws {
        let report = try await Self.declaration(
            Samples.record(),
            [Samples.source("/logs/a.log"), Samples.source("/logs/b.log", state: "refused", reason: "a FIFO")])
        #expect(report.state == "active" && report.reason == "1 of 2 files cannot be shipped: a FIFO")
    }

    @Test func anEndedContainerIsDrainedOnceAllHasArrived() async throws {
        let ended = Samples.ended(Samples.record(), exitCode: 3)
        let unread = try await Self.declaration(ended, [Samples.source("/logs/a.log", unread: 1)])
        #expect(unread.state == "active")
        let read = try await Self.declaration(ended, [Samples.source("/logs/a.log")])
        #expect(read.state == "drained")
        let gone = try await Self.declaration(ended)
        #expect(gone.state == "drained" && gone.reason?.contains("exit code 3") == true)
    }

    @Test func aRemovedContainerIsShownWhileTheEngineHasFilesOfIt() async throws {
        let stage = await Stage.begin()
        await stage.list([Samples.record()])
        await stage.runtime.say(.removed(id: Samples.id))
        let draining = [Samples.source("/logs/a.log", unread: 1)]
        #expect(await stage.states(draining) == ["shop app active"])
        #expect(await stage.supervisor.report(draining).containers.map(\.state) == ["removed"])
        #expect(await stage.states() == [])
        #expect(await stage.states(draining) == [], "forgotten for good")
    }

    @Test func labelsThatMakeNoSenseAreShownWithTheRemedy() async throws {
        let stage = await Stage.begin()
        let labels = ["longshore.logs.app.path": "relative/*.log", "longshore.logs.web.path": "/web/*.log"]
        await stage.list([Samples.record(labels: labels)])
        #expect(await stage.states() == ["shop app bad value", "shop web no match yet"])
        let container = try #require(await stage.supervisor.report([]).containers.first)
        #expect(container.declarations[0].reason?.hasPrefix("longshore.logs.app.path: ") == true)
        #expect(container.problems.map(\.key) == ["longshore.logs.app.path"])
        #expect(container.problems[0].remedy.isEmpty == false)
        #expect(stage.sink.attached.first?.declarations.map(\.files.name) == ["web"], "the other one is not stopped")
    }

    @Test func aDeclarationThatIsSwitchedOffSaysByWhat() async throws {
        let report = try await Self.declaration(
            Samples.record(labels: ["longshore.logs.app.path": "/l", "longshore.logs.app.enabled": "false"]))
        #expect(report.state == "disabled" && report.reason == "switched off by longshore.logs.app.enabled")
    }

    @Test func aTopicThatIsNotAllowedIsSaid() async throws {
        let report = try await Self.declaration(
            Samples.record(labels: ["longshore.logs.app.path": "/l", "longshore.logs.app.topic": "foreign"]))
        #expect(report.topic == "logs.unrouted" && report.topicReason == "foreign is not allowed")
    }

    @Test func whatIsThereInsteadIsSaid() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try directory.write("x", to: "server.out")
        try directory.write("x", to: "gc.out")
        var record = Samples.record()
        record.mounts = [ContainerRecord.Mount(kind: .bind, source: directory.path, destination: "/logs")]
        let report = try await Self.declaration(record)
        #expect(report.state == "no match yet" && report.reason == "nothing fits /logs/*.log in the container yet")
        #expect(
            report.remedy
                == "files in /logs now: gc.out, server.out. To collect them write longshore.logs.app.path: /logs/*.out")
    }

    @Test func anEndedContainerIsNotToldToWriteTheLabelItHas() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try directory.write("x", to: "a.log")
        var record = Samples.ended(Samples.record(), exitCode: 0)
        record.mounts = [ContainerRecord.Mount(kind: .bind, source: directory.path, destination: "/logs")]
        let report = try await Self.declaration(record)
        #expect(report.state == "drained" && report.remedy == nil, "\(report.remedy ?? "")")
    }

    @Test(arguments: ["/logs", "/logs/", "/logs/a.log", "/logs/*.log", "/logs/**/*.log"])
    func aMountThatCannotBeReachedIsTheReason(path: String) async throws {
        var record = Samples.record(labels: ["longshore.logs.app.path": path])
        record.mounts = [ContainerRecord.Mount(kind: .bind, source: "/nowhere/at/all", destination: "/logs")]
        let report = try await Self.declaration(record)
        #expect(report.state == "not reachable")
        #expect(report.reason?.hasPrefix("it lies in the mount /logs: ") == true)
        #expect(report.reason?.hasSuffix("No such file or directory") == true, "\(report.reason ?? "")")
        #expect(report.remedy == "check that the source of the mount is there and answers")
    }

    @Test func theMemoryOfAnEndedContainerIsNoTroubleAnyMore() async throws {
        var record = Samples.record()
        record.mounts = [ContainerRecord.Mount(kind: .tmpfs, destination: "/logs")]
        #expect(try await Self.declaration(record).state == "not reachable", "no process of that id is the container's")
        let report = try await Self.declaration(Samples.ended(record, exitCode: 0))
        #expect(report.state == "drained")
        #expect(report.reason == "the container has ended, and what was in memory at /logs with it")
    }

    @Test func aSharedVolumeIsActiveInAllContainersThatDeclareIt() async throws {
        let stage = await Stage.begin()
        let volume = ContainerRecord.Mount(kind: .volume, name: "v", source: "/vol/v/_data", destination: "/shared")
        var reader = Samples.record("b", id: "b", labels: ["longshore.logs.mine.path": "/shared/**/*.log"])
        reader.mounts = [volume]
        await stage.list([Samples.record("a", id: "a"), reader])
        let source = Samples.source("/logs/x/a.log", of: "a", resolved: "/vol/v/_data/x/a.log")
        #expect(await stage.states([source]) == ["a app active", "b mine active"])
        let elsewhere = Samples.source("/logs/x/a.log", of: "a", resolved: "/vol/w/_data/x/a.log")
        #expect(await stage.states([elsewhere]).last != "b mine active")
    }

    @Test func countsAreThoseOfTheReport() async {
        let stage = await Stage.begin()
        await stage.list([
            Samples.record("a", id: "a"), Samples.record("b", id: "b"), Samples.record("c", id: "c", labels: [:]),
        ])
        let discovery = await stage.supervisor.discovery([Samples.source("/logs/a.log", of: "a")])
        #expect(discovery.containers == ["docker": 3])
        #expect(discovery.declarations["active"] == 1 && discovery.declarations["no match yet"] == 1)
        #expect(discovery.declarations.values.reduce(0, +) == 2 && discovery.declarations.count == 7)
    }

    @Test func withoutADaemonTheRuntimeIsAskedAndTheFilesAreLookedFor() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try directory.makeDirectory("deep/er")
        try directory.write("x", to: "deep/er/a.log")
        try directory.write("x", to: "deep/er/a.gz")
        var record = Samples.record(labels: ["longshore.logs.app.path": "/logs/**/*.log"])
        record.mounts = [ContainerRecord.Mount(kind: .bind, source: directory.path, destination: "/logs")]
        let runtime = FakeRuntime()
        runtime.setList(.success([record]))
        let report = await OfflineContainers.ask(Stage.rules(), make: { _ in runtime })
        #expect(report.runtimes.map(\.isUp) == [true])
        let declaration = try #require(report.containers.first?.declarations.first)
        #expect(declaration.state == "active" && declaration.files.map(\.path) == ["/logs/deep/er/a.log"])
        #expect(declaration.reason?.contains("no daemon") == true)
        runtime.setList(.failure(RuntimeFailure("permission denied")))
        let failed = await OfflineContainers.ask(Stage.rules(), make: { _ in runtime })
        #expect(failed.containers.isEmpty && failed.runtimes.map(\.reason) == ["permission denied"])
    }

    @Test func composeServicesAreUnderstoodWithoutRunning() throws {
        var record = Samples.record(
            "web",
            labels: [
                "longshore.logs.app.path": "/logs/*.log", "longshore.logs.tmp.path": "/tmp/*.log",
                "longshore.logs.tmp.pth": "/",
            ])
        record.status = .created
        record.mounts = [ContainerRecord.Mount(kind: .volume, name: "logs", destination: "/logs")]
        let container = try #require(OfflineContainers.compose([record], Stage.rules()).containers.first)
        #expect(container.state == "not created" && container.problems.count == 1)
        #expect(container.declarations.map(\.state) == ["no match yet", "no match yet"])
        #expect(container.declarations[0].remedy == nil)
        #expect(container.declarations[1].remedy?.hasPrefix("/tmp/*.log is in no volume") == true)
    }
}

/// Looking for files in a tree the test makes up.
struct ContainerSearchTests {
    /// Paths of files; a path with a slash at its end is an empty directory.
    private static func search(_ paths: [String]) -> ContainerSearch {
        ContainerSearch { directory in
            let base = directory == [0x2F] ? [] : directory
            var names: [DirectoryListing.Name] = []
            var isThere = base.isEmpty
            for path in paths.map({ Array($0.utf8) }) where path.starts(with: base + [0x2F]) {
                isThere = true
                let rest = path.dropFirst(base.count + 1)
                let name = Array(rest.prefix { $0 != 0x2F })
                if name.isEmpty || names.contains(where: { $0.bytes == name }) { continue }
                names.append(DirectoryListing.Name(bytes: name, isDirectory: rest.count > name.count))
            }
            return isThere ? .names(names) : .missing
        }
    }

    @Test(
        arguments: [
            ("/logs/*.log", ["/logs/a.log", "/logs/b.log"]),
            ("/**/*.log", ["/logs/a.log", "/logs/b.log", "/x/y/c.log"]),
            ("/x/*/c.log", ["/x/y/c.log"]), ("/logs/a.log", ["/logs/a.log"]), ("/none/*.log", []),
        ] as [(String, [String])])
    func filesAreFoundAsTheTailerFindsThem(pattern: String, expected: [String]) {
        let search = Self.search(["/logs/a.log", "/logs/b.log", "/logs/b.txt", "/x/y/c.log", "/x/.hidden/d.log"])
        #expect(search.matches(PathPattern(pattern), excludes: []).map { escapingInvalidUTF8($0) } == expected)
    }

    @Test func excludedFilesDoNotFit() {
        let search = Self.search(["/l/a.log", "/l/b.log"])
        #expect(search.matches(PathPattern("/l/*"), excludes: [ExcludePattern("b*")]) == [Array("/l/a.log".utf8)])
    }

    @Test(
        arguments: [
            (["/l/"], "/l is there and empty: the application has written nothing"),
            (["/l/sub/a.log"], "/l has directories only: sub/"),
            (["/l/a.txt"], "files in /l now: a.txt. To collect them write KEY: /l/*.txt"),
            (["/l/a.txt", "/l/b"], "files in /l now: a.txt, b"),
            (["/l/\u{1b}[2J.evil name"], "files in /l now: \\u{1b}[2J.evil name"),
            (["/other/a"], "there is no /l in the container; / has other/"),
        ] as [([String], String)])
    func whatIsThereInsteadIsSaid(paths: [String], hint: String) {
        #expect(Self.search(paths).hint([PathPattern("/l/*.log")], key: "KEY") == hint)
    }

    /// `path: /l` is the file /l and the files in the directory /l.
    @Test(
        arguments: [
            (["/l/a.txt", "/x.env"], "files in /l now: a.txt. To collect them write KEY: /l/*.txt"),
            (["/l/", "/x.env"], "/l is there and empty: the application has written nothing"),
            (["/x.env"], "there is no /l in the container; / has x.env"),
        ] as [([String], String)])
    func ofAPathThatMayBeADirectoryTheDirectoryIsShown(paths: [String], hint: String) {
        #expect(Self.search(paths).hint([PathPattern("/l"), PathPattern("/l/*.log")], key: "KEY") == hint)
    }

    @Test func besideAMissingFileItIsSaidWhatIsThere() {
        let patterns = [PathPattern("/l/a.log"), PathPattern("/l/a.log/*.log")]
        let hint = "there is no /l/a.log in the container; /l has b.out. To collect them write KEY: /l/*.out"
        #expect(Self.search(["/l/b.out"]).hint(patterns, key: "KEY") == hint)
    }

    @Test func ofSeveralPathsTheOneThatIsThereIsShown() {
        let patterns = [PathPattern("/none/*.log"), PathPattern("/l/*.log")]
        let hint = "files in /l now: a.out. To collect them write KEY: /l/*.out"
        #expect(Self.search(["/l/a.out"]).hint(patterns, key: "KEY") == hint)
    }

    @Test(arguments: [["/l/*.log"], ["/l/a.log", "/l/a.log/*.log"], ["/l/**/*.log"]])
    func whatFitsNeedsNoAdvice(patterns: [String]) {
        #expect(Self.search(["/l/a.log", "/l/b.log"]).hint(patterns.map { PathPattern($0) }, key: "KEY") == nil)
    }

    @Test func whatIsLeftOutByTheExcludeLabelIsSaid() {
        let hint = Self.search(["/l/a.log", "/l/b.txt"]).hint(
            [PathPattern("/l/*.log")], excludes: [ExcludePattern("a*")], key: "KEY", excludeKey: "EXCLUDE")
        #expect(hint == "what fits is left out by EXCLUDE: a.log")
    }

    @Test func aTreeWithoutEndIsNotWalkedToItsEnd() {
        var asked = 0
        let search = ContainerSearch { _ in
            asked += 1
            return .names([DirectoryListing.Name(bytes: [0x61], isDirectory: true)])
        }
        #expect(search.matches(PathPattern("/**/*.log"), excludes: []).isEmpty)
        #expect(asked <= 500)
    }
}
