// What `longshore status` prints.
import Core
import Testing

@testable import Admin

struct StatusTextTests {
    private static func lines(_ report: StatusReport, colours: Bool = false) -> [String] {
        StatusText.render(report, now: 1002.5, colours: colours).split(
            separator: "\n", omittingEmptySubsequences: false
        )
        .map(String.init)
    }

    @Test func aHealthyDaemon() {
        #expect(
            StatusText.render(Samples.report(), now: 1002.5, colours: false) == """
                longshore 0.1.0 on node-1, pid 4711, up 3h 12m
                configuration  /etc/longshore/longshore.yaml
                brokers        up  k1:9092,k2:9092, last acknowledgement 2.5 s ago
                store          ok  /var/lib/longshore/longshore.db, checkpoint 0.2 s ago, outbox 0 events (0 B)
                memory         18.0 MiB resident, buffers 1.5 MiB of 64.0 MiB, beside them 16.5 MiB of at most 45.0 MiB

                DECLARATION  PATH                        OFFSET     SIZE   UNREAD  IN-FLIGHT  OLDEST  TOPIC  STATE
                app          /var/log/app.log           5.0 KiB  5.0 KiB      0 B        0 B       -  logs   idle
                nginx        /var/log/nginx/access.log  1.2 MiB  1.2 MiB  1.0 KiB    4.0 KiB   1.3 s  logs   active

                no problems

                size 1263411 = acknowledged 1258291 + in flight 4096 + spooled 0 + skipped 0 + gap 0 + unread 1024: balances

                """)
    }

    @Test func runtimesAndDeclarationsAreThereWhenExpected() {
        var report = Samples.report()
        let without = Self.lines(report)
        var docker = RuntimeReport()
        docker.name = "docker"
        docker.socket = "/var/run/docker.sock"
        report.discovery.runtimes = [docker]
        #expect(Self.lines(report) == without, "one that is only looked for is not there")
        report.discovery.runtimes[0].isUp = true
        report.discovery.runtimes[0].version = "20.10\u{1b}[2J"
        report.discovery.containers = ["docker": 12]
        report.discovery.declarations = ["active": 3, "refused": 1, "drained": 0]
        let lines = Self.lines(report)
        #expect(
            lines[5] == "containers     up  docker 20.10\\u{1b}[2J at /var/run/docker.sock, 12 containers"
                && lines[6] == "declarations   3 active, 1 refused; longshore explain says more")
        report.discovery.runtimes[0].isUp = false
        report.discovery.runtimes[0].isExpected = true
        #expect(Self.lines(report)[5].hasPrefix("containers     down  docker"))
    }

    @Test func aDaemonInTrouble() {
        var report = Samples.report()
        report.kafka.up = false
        report.kafka.lastAcknowledgement = nil
        report.kafka.lastError = "all brokers are down"
        report.store.ok = false
        report.store.lastError = "disk full"
        report.store.outboxEvents = 3
        report.store.outboxBytes = 2048
        report.problems = ["topic logs does not exist: create it"]
        var topic = TopicStatus()
        topic.name = "logs"
        topic.state = "parked"
        topic.reason = "unknown topic"
        report.kafka.topics = [topic]
        report.sources[0].state = "parked"
        report.sources[0].reason = "unknown topic"
        report.totals.gap = 1
        let lines = Self.lines(report)
        #expect(lines[2] == "brokers        down  k1:9092,k2:9092, last acknowledgement never")
        #expect(lines[3].contains("failing") && lines[3].contains("outbox 3 events (2.0 KiB)"))
        let heading = lines.firstIndex { $0.hasPrefix("TOPIC ") } ?? 0
        #expect(lines[heading + 1].hasPrefix("logs   parked ") && lines[heading + 1].hasSuffix("  unknown topic"))
        #expect(
            lines.contains("problems (3):") && lines.contains("  - topic logs does not exist: create it")
                && lines.contains("  - kafka: all brokers are down") && lines.contains("  - store: disk full"))
        #expect(lines.contains { $0.hasPrefix("nginx ") && $0.hasSuffix("parked: unknown topic") })
        #expect(lines.dropLast().last?.hasSuffix(": DOES NOT BALANCE") == true)
    }

    @Test func nothingInAReportReachesTheTerminalRaw() {
        let attack = "\u{1b}[2J\u{1b}]0;owned\u{7}\n\u{202e}\u{9b}31m"
        var report = Samples.report()
        report.version = attack
        report.host = attack
        report.configuration = attack
        report.kafka.brokers = attack
        report.kafka.up = false
        report.kafka.lastError = attack + "1"
        report.store.path = attack
        report.store.ok = false
        report.store.lastError = attack + "2"
        report.problems = [attack]
        var topic = TopicStatus()
        topic.name = attack
        topic.state = attack
        topic.reason = attack
        topic.why = attack
        topic.remedy = attack
        report.kafka.topics = [topic]
        report.kafka.rebuilds = 1
        report.kafka.lastFatal = attack
        report.kafka.oldest = OldestStatus()
        report.kafka.oldest?.topic = attack
        report.kafka.oldest?.path = attack
        report.kafka.oldest?.container = attack
        report.kafka.oldest?.declaration = attack
        report.sources[0].declaration = attack
        report.sources[0].path = attack
        report.sources[0].currentPath = attack
        report.sources[0].topic = attack
        report.sources[0].state = attack
        report.sources[0].reason = attack
        let clean = Self.lines(Samples.report()).count
        let text = StatusText.render(report, now: 1002.5, colours: false)
        #expect(!text.unicodeScalars.contains { $0 != "\n" && ($0.value < 0x20 || $0 == "\u{9b}" || $0 == "\u{202e}") })
        #expect(text.contains(#"\u{1b}[2J"#))
        #expect(
            Self.lines(report).count == clean + 3 + 3 + 2, "a table, three problems, two lines more: no forged line")
    }

    @Test func coloursOnlyWhenAskedFor() {
        #expect(!StatusText.render(Samples.report(), now: 0, colours: false).contains("\u{1b}"))
        #expect(StatusText.render(Samples.report(), now: 0, colours: true).contains("\u{1b}[32mup\u{1b}[0m"))
    }

    @Test func absurdNumbersAreShownNotTrapped() {
        var report = Samples.report()
        report.totals.size = .max
        report.totals.acknowledged = .max
        report.totals.unread = .max
        report.uptimeSeconds = 1e300
        report.kafka.lastAcknowledgement = -1e300
        report.store.outboxBytes = .min
        report.sources[0].oldestUnacknowledgedSeconds = -5
        #expect(Self.lines(report).dropLast().last?.hasSuffix(": DOES NOT BALANCE") == true)
    }

    @Test func aLongPathKeepsItsEndAndTheTableItsColumns() {
        var report = Samples.report()
        report.sources[0].path = "/" + String(repeating: "d/", count: 2000) + "access.log"
        report.sources[1].path = "/var/log/日本語.log"
        report.sources[1].deleted = true
        let table = Self.lines(report)[6...8]
        #expect(table.allSatisfy { $0.count < 200 })
        #expect(table.contains { $0.contains("/d/access.log  ") })
        #expect(table.contains { $0.contains("/var/log/日本語.log (deleted)  ") })
        // STATE begins in the same column in all of them.
        let rests = ["STATE", "idle", "active"]
        #expect(Set(zip(table, rests).map { TextTable.width($0) - $1.count }).count == 1)
    }

    @Test func aProblemIsSaidOnce() {
        var report = Samples.report()
        report.kafka.up = false
        report.kafka.lastError = "all brokers are down"
        report.problems = ["no broker of k1:9092 answers (all brokers are down): check kafka.brokers and the network"]
        #expect(Self.lines(report).contains("problems (1):"))
    }

    @Test func refusedFilesAreAProblemAndComeLast() {
        var report = Samples.report()
        report.sources[1].state = "refused"
        report.sources[1].reason = "not a regular file"
        let lines = Self.lines(report)
        #expect(lines[7].hasPrefix("nginx ") && lines[8].hasSuffix("refused: not a regular file"))
        #expect(lines.contains("problems (1):"))
        #expect(lines.contains("  - 1 of 2 files cannot be shipped: STATE says why"))
    }

    @Test func aRenameWithinItsDirectoryShowsTheNewNameOnly() {
        var report = Samples.report()
        report.sources[0].currentPath = "/var/log/nginx/access.log.1"
        report.sources[1].currentPath = "/archive/app.log"
        let text = Self.lines(report).joined(separator: "\n")
        #expect(text.contains("/var/log/nginx/access.log (now access.log.1)  "))
        #expect(text.contains("/var/log/app.log (now /archive/app.log)  "))
    }

    @Test(arguments: [80, 100, 132, 200])
    func theTableFitsTheTerminal(width: Int) throws {
        var report = Samples.report()
        let directory = "/srv/shop/releases/2026-11-21/" + String(repeating: "deep/", count: 12)
        report.sources[0].path = directory + "access.log"
        report.sources[0].state = "parked"
        report.sources[0].reason = String(repeating: "the topic's partitions are not known ", count: 4)
        report.sources[1].path = directory + "error.log"
        report.sources[1].topic = "logs.production.shop"
        let lines = StatusText.render(report, now: 1002.5, colours: false, width: width)
            .split(separator: "\n").map(String.init)
        let heading = try #require(lines.firstIndex { $0.hasPrefix("DECLARATION ") })
        let rows = lines[heading...].prefix { $0 != "no problems" }
        #expect(rows.count == 4, "heading, two rows and one reason: \(rows)")
        #expect(rows.allSatisfy { $0.count <= width || $0.hasPrefix("    the topic's") }, "\(rows)")
        #expect(rows.contains { $0.contains("access.log  ") } && rows.contains { $0.contains("error.log  ") })
        #expect(rows.contains { $0.hasSuffix("  idle") } && rows.contains { $0.hasSuffix("  parked") })
    }

    @Test(arguments: [nil, 80])
    func filesOfContainersSayOfWhich(width: Int?) throws {
        var report = Samples.report()
        report.sources[1].container = "8b6f63dc2bf41664bf200f26cbc460c75f992d9a8083dbeb336ea698b5b20a03"
        report.sources[1].path = "/srv/" + String(repeating: "deep/", count: 20) + "app.log"
        let lines = StatusText.render(report, now: 1002.5, colours: false, width: width)
            .split(separator: "\n").map(String.init)
        let heading = try #require(lines.firstIndex { $0.hasPrefix("CONTAINER     DECLARATION  PATH ") })
        #expect(lines[heading + 1].hasPrefix("-             nginx        /"), "those of the host come first")
        #expect(lines[heading + 2].hasPrefix("8b6f63dc2bf4  app          ..."))
        #expect(lines[heading + 2].contains("app.log  "))
        if let width { #expect(lines[heading...(heading + 2)].allSatisfy { $0.count <= width }) }
    }

    @Test func aTableThatFitsIsLeftAlone() {
        let wide = StatusText.render(Samples.report(), now: 1002.5, colours: false)
        #expect(StatusText.render(Samples.report(), now: 1002.5, colours: false, width: 200) == wide)
    }

    @Test(arguments: [("", 0), ("a.log", 5), ("日本語.log", 10), ("München", 7), ("u\u{308}", 1), ("🚢", 2)])
    func widthsAreThoseOfATerminal(text: String, width: Int) { #expect(TextTable.width(text) == width) }

    @Test func aDaemonWithoutSourcesSaysSo() {
        var report = Samples.report()
        report.sources = []
        report.totals = LedgerStatus()
        #expect(Self.lines(report).contains("no sources"))
        #expect(Self.lines(report).dropLast().last?.hasSuffix(": balances") == true)
    }

    @Test(
        arguments: [
            (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_258_291, "1.2 MiB"), (1_048_575, "1.0 MiB"),
            (104_857_600, "100 MiB"), (1_073_741_823, "1.0 GiB"), (UInt64.max, "16.0 EiB"),
        ] as [(UInt64, String)])
    func sizesAreReadable(count: UInt64, text: String) { #expect(HumanUnits.bytes(count) == text) }

    @Test(
        arguments: [
            (0, "0.0 s"), (0.25, "0.3 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.6, "1m 0s"), (3725, "1h 2m"),
            (1_000_000, "11d 13h"), (-3, "0.0 s"), (Double.infinity, "?"), (Double.nan, "?"),
        ] as [(Double, String)])
    func durationsAreReadable(seconds: Double, text: String) { #expect(HumanUnits.duration(seconds) == text) }

    @Test(arguments: [0, 1, 3])
    func theJSONOfTheSocketHoldsEverySource(count: Int) throws {
        var report = Samples.report()
        report.host = "\"sources\":[]"
        report.problems = ["\"sources\":[]", ",\"sources\":["]
        report.sources = (0..<count).map { Samples.source("\"sources\":[]", "\($0)", "idle", LedgerStatus(), nil) }
        #expect(try StatusJSON.decode(StatusJSON.encode(report)) == report)
    }

    @Test func jsonIsTheSameReportWithoutTerminalEscapes() throws {
        var report = Samples.report()
        report.sources[0].path = "/\u{1b}[2J\u{9b}\u{202e}\u{7f}\n\"\\/日本\u{e0001}"
        report.sources[0].offset = .max
        let text = try StatusJSON.pretty(report)
        #expect(!text.unicodeScalars.contains { $0 != "\n" && ($0.value < 0x20 || (0x7F..<0xA0).contains($0.value)) })
        #expect(!text.contains("\u{202e}") && !text.contains("\u{e0001}") && text.contains("日本"))
        #expect(try StatusJSON.decode(Array(text.utf8)) == report)
    }
}
