// What `longshore explain` prints.
import Core
import Testing

@testable import Admin

struct ContainersTextTests {
    static func report() -> ContainersReport {
        var report = ContainersReport()
        var docker = RuntimeReport()
        docker.name = "docker"
        docker.socket = "/var/run/docker.sock"
        docker.isUp = true
        docker.version = "20.10.24"
        report.runtimes = [docker]
        var shop = ContainerReport()
        shop.id = "3f2a9c81d0e4ffff"
        shop.name = "shop-api"
        shop.image = "registry/shop:4.2"
        shop.runtime = "docker"
        shop.service = "checkout"
        shop.state = "running"
        shop.mounts = [mount("/data", "bind", "/srv/shop", "local"), mount("/conf", "bind", "/etc", "refused")]
        shop.mounts[1].reason = "the source is /etc"
        shop.declarations = [declaration("app", "active"), declaration("gc", "no match yet")]
        shop.declarations[0].files = [file("/data/app.log", "idle", 2048)]
        shop.declarations[1].reason = "nothing fits /data/gc/*.log in the container yet"
        shop.declarations[1].remedy = "there is no /data/gc in the container; /data has app.log"
        var problem = LabelProblemReport()
        problem.declaration = "app"
        problem.key = "longshore.logs.app.pth"
        problem.value = "/x"
        problem.message = "there is no such key"
        problem.remedy = "did you mean longshore.logs.app.path?"
        shop.problems = [problem]
        var silent = ContainerReport()
        silent.id = "9"
        silent.name = "db"
        silent.service = "db"
        silent.state = "exited"
        silent.exitCode = 1
        silent.runtime = "docker"
        report.containers = [shop, silent]
        return report
    }

    private static func mount(_ destination: String, _ kind: String, _ source: String, _ state: String) -> MountReport {
        var mount = MountReport()
        mount.destination = destination
        mount.kind = kind
        mount.source = source
        mount.state = state
        return mount
    }

    private static func declaration(_ name: String, _ state: String) -> DeclarationReport {
        var declaration = DeclarationReport()
        declaration.name = name
        declaration.state = state
        declaration.paths = ["/data/\(name)/*.log"]
        declaration.topic = "logs"
        return declaration
    }

    private static func file(_ path: String, _ state: String, _ size: UInt64) -> FileReport {
        var file = FileReport()
        file.path = path
        file.state = state
        file.size = size
        file.offset = size
        return file
    }

    private static func text(_ report: ContainersReport, isSelected: Bool = false, width: Int = 100) -> String {
        ContainersText.render(report, isSelected: isSelected, colours: false, width: width)
    }

    @Test func aContainerAtAGlance() {
        #expect(
            Self.text(Self.report()) == """
                [ok]  docker: answers at /var/run/docker.sock, version 20.10.24

                shop-api  running  docker 3f2a9c81d0e4
                        image    registry/shop:4.2
                        service  checkout
                        mounts   /data  bind /srv/shop  local
                                 /conf  bind /etc       refused

                  [ok]  app: active
                        paths    /data/app/*.log
                        topic    logs
                        files    /data/app.log  idle  2.0 KiB of 2.0 KiB
                  [!!]  label    longshore.logs.app.pth=/x
                        why      there is no such key
                        to do    did you mean longshore.logs.app.path?

                  [..]  gc: no match yet
                        why      nothing fits /data/gc/*.log in the container yet
                        to do    there is no /data/gc in the container; /data has app.log
                        paths    /data/gc/*.log
                        topic    logs

                1 container declares no logs: db
                2 declarations: 1 active, 1 without a match yet; 1 problem with labels

                """)
    }

    @Test func whatALabelDidWrongIsSaidOnce() {
        var report = Self.report()
        report.containers[0].declarations[0].state = "bad value"
        report.containers[0].declarations[0].reason = "longshore.logs.app.pth: there is no such key"
        report.containers[0].declarations[0].remedy = "did you mean longshore.logs.app.path?"
        report.containers[0].declarations[0].topicReason = "there is no such key"
        let text = Self.text(report)
        #expect(text.split(separator: "there is no such key").count == 2)
        #expect(text.split(separator: "did you mean").count == 2)
        report.containers[0].problems[0].declaration = "other"
        let apart = Self.text(report)
        #expect(apart.contains("\n\n  [!!]  label    longshore.logs.app.pth=/x\n"), "it belongs to nothing shown")
        #expect(apart.contains("topic    logs (there is no such key)"))
    }

    @Test func whatTheDeclarationSaysIsNotSaidAgainWithItsFile() {
        var report = ContainersReport()
        var container = ContainerReport()
        container.name = "shop"
        var refused = Self.declaration("app", "refused")
        refused.reason = "this is a FIFO"
        for (path, reason) in [("/l/a", "this is a FIFO: log to a file"), ("/l/b", "this is a device")] {
            var file = Self.file(path, "refused", 0)
            file.reason = reason
            refused.files.append(file)
        }
        container.declarations = [refused]
        report.containers = [container]
        let text = Self.text(report)
        #expect(text.components(of: "this is a FIFO") == 1 && text.components(of: "this is a device") == 1, "\(text)")
    }

    @Test func aContainerWithoutDeclarationIsToldWhatToWrite() {
        let text = Self.text(Self.report().selecting("db"), isSelected: true)
        #expect(text.contains("db  exited (exit code 1)  docker 9\n"))
        #expect(text.contains("        to do    give the container a label"))
        #expect(text.contains("longshore.logs.app.path=/var/log/app/*.log"))
    }

    @Test func nothingOfATenantReachesTheTerminalRaw() {
        let attack = "\u{1b}[2J\u{1b}]0;owned\u{7}\n[ok]  forged: active\r\u{202e}\u{9b}31m"
        var report = Self.report()
        let clean = Self.text(report).split(separator: "\n").count
        report.note = attack
        report.runtimes[0].name = attack
        report.runtimes[0].version = attack
        var container = report.containers[0]
        container.id = attack
        container.name = attack
        container.image = attack
        container.service = attack
        container.state = attack
        container.runtime = attack
        container.mounts[0].destination = attack
        container.mounts[0].source = attack
        container.mounts[1].reason = attack
        container.declarations[0].name = attack
        container.declarations[0].paths = [attack]
        container.declarations[0].topic = attack
        container.declarations[0].topicReason = attack
        container.declarations[0].files[0].path = attack
        container.declarations[0].files[0].state = attack
        container.declarations[0].files[0].reason = attack
        container.declarations[1].state = attack
        container.declarations[1].reason = attack
        container.declarations[1].remedy = attack
        container.declarations[1].exclude = [attack]
        container.problems.append(container.problems[0])
        container.problems[1].declaration = attack
        container.problems[0].key = attack
        container.problems[0].value = attack
        container.problems[0].message = attack
        container.problems[0].remedy = attack
        report.containers[0] = container
        report.containers[1].name = attack
        for isSelected in [false, true] {
            let text = Self.text(report, isSelected: isSelected)
            let raw = text.unicodeScalars.filter {
                $0 != "\n" && ($0.value < 0x20 || (0x7F..<0xA0).contains($0.value) || $0 == "\u{202e}")
            }
            #expect(raw.isEmpty)
            #expect(!text.split(separator: "\n").contains { $0.hasPrefix("[ok]  forged") })
        }
        #expect(Self.text(report).split(separator: "\n").count < clean * 4)
    }

    @Test func aFloodOfTextIsCutShort() {
        var report = Self.report()
        report.containers[0].declarations[0].files = (0..<5000).map { Self.file("/data/\($0).log", "idle", 1) }
        report.containers[0].declarations[0].reason = String(repeating: "x", count: 1 << 20)
        report.containers[0].problems = Array(repeating: report.containers[0].problems[0], count: 10_000)
        report.containers += Array(repeating: report.containers[1], count: 5000)
        let text = Self.text(report)
        #expect(text.utf8.count < 20_000)
        #expect(text.contains("and 4980 more: --json shows all"))
        #expect(text.contains("5001 containers declare no logs: db,"))
    }

    @Test(arguments: [50, 72, 100, 300])
    func linesFitTheWidth(width: Int) {
        var report = Self.report()
        let long = "/srv/" + String(repeating: "deep/", count: 30) + "app.log"
        report.containers[0].mounts[0].destination = long
        report.containers[0].mounts[0].source = long
        report.containers[0].declarations[0].files[0].path = long
        report.containers[0].declarations[1].reason = String(repeating: "word 日本 ", count: 60)
        let lines = Self.text(report, width: width).split(separator: "\n").map(String.init)
        for line in lines { #expect(TextTable.width(line) <= min(width, 100), "\(line)") }
    }

    @Test func aWordThatIsWiderThanALineStaysWhole() {
        let path = "/" + String(repeating: "d", count: 200)
        let lines = TextFlow.lines("write \(path) there", lead: "  to do  ", width: 60)
        #expect(lines == ["  to do  write", "         " + path, "         there"])
    }

    @Test func coloursOnlyWhenAskedForAndTheWordsStay() {
        let plain = Self.text(Self.report())
        #expect(!plain.contains("\u{1b}"))
        let painted = ContainersText.render(Self.report(), isSelected: false, colours: true)
        #expect(painted.contains("\u{1b}[32m[ok]\u{1b}[0m") && painted.contains("\u{1b}[33m[..]\u{1b}[0m"))
        var stripped = painted
        for code in ["[0m", "[1m", "[2m", "[32m", "[33m", "[1;31m"] {
            stripped = stripped.split(separator: "\u{1b}" + code, omittingEmptySubsequences: false).joined()
        }
        #expect(stripped == plain)
    }

    @Test(
        arguments: [
            ("active", false), ("no match yet", false), ("disabled", false), ("drained", false), ("refused", true),
            ("not reachable", true), ("bad value", true), ("something new", true),
        ])
    func whatNeedsAHandIsAProblem(state: String, isProblem: Bool) {
        var report = Self.report()
        report.containers[0].problems = []
        report.containers[0].declarations[1].state = state
        #expect(report.hasProblems == isProblem)
    }

    @Test func labelsThatAreNotObeyedAreAProblem() { #expect(Self.report().hasProblems) }

    @Test func containersAreChosenByNameOrByTheBeginningOfTheirId() {
        var report = Self.report()
        report.containers[1].name = "3f"
        #expect(report.selecting("shop-api").containers.map(\.name) == ["shop-api"])
        #expect(report.selecting("3f2a").containers.map(\.name) == ["shop-api"])
        #expect(report.selecting("3f").containers.map(\.name) == ["3f"], "a name goes before an id")
        #expect(report.selecting("checkout").containers.map(\.name) == ["shop-api"], "its service")
        #expect(report.selecting("shop").containers.isEmpty)
        #expect(report.selecting("").containers.isEmpty)
    }

    @Test func theJSONIsTheSameReportWithoutTerminalEscapes() throws {
        var report = Self.report()
        report.containers[0].name = "\u{1b}[2J\u{9b}\u{202e}\n\"\\日本"
        let text = try ContainersJSON.pretty(report)
        #expect(!text.unicodeScalars.contains { $0 != "\n" && ($0.value < 0x20 || (0x7F..<0xA0).contains($0.value)) })
        #expect(try ContainersJSON.decode(Array(text.utf8)) == report)
    }
}

@Suite(.timeLimit(.minutes(2)))
struct ContainersEndpointTests {
    @Test func theReportArrivesAsItWasGiven() async throws {
        var report = ContainersTextTests.report()
        report.containers[0].name = "a\u{1b}[2J\"\\\n日本"
        try await withAdminServer(
            provider: { Samples.report() }, containers: { [report] in report },
            { socket in
                #expect(try await AdminClient.containers(socket: socket) == report)
                try await expectStatus(socket, Samples.report(), "beside it")
            })
    }

    @Test func anAgentWithoutAnEngineIsAnAnswer() async throws {
        struct Stopping: Error, CustomStringConvertible { var description: String { "\u{1b}[2Jstopping" } }
        try await withAdminServer(
            provider: { Samples.report() }, containers: { throw Stopping() },
            { socket in
                let error = await #expect(throws: AdminError.self) {
                    _ = try await AdminClient.containers(socket: socket)
                }
                #expect(error?.message.contains("stopping") == true)
                #expect(error?.message.contains("\u{1b}") == false)
            })
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
