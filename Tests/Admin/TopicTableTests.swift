// Topics in `longshore status`: which is in trouble since when and why, what waits, what was quarantined.
import Core
import Testing

@testable import Admin

struct TopicTableTests {
    private static func topic(_ name: String, _ state: String = "healthy") -> TopicStatus {
        var topic = TopicStatus()
        topic.name = name
        topic.state = state
        return topic
    }

    private static func parked(_ name: String) -> TopicStatus {
        var topic = topic(name, "parked")
        topic.reason = "topic_authorization_failed"
        topic.why = "Broker: Topic authorization failed"
        topic.remedy = "grant longshore's user Write on it"
        topic.parkedSeconds = 192
        topic.nextTrySeconds = 14
        topic.oldest = OldestStatus()
        topic.oldest?.seconds = 194.6
        return topic
    }

    @Test func everyTopicHasItsRowAndThoseInTroubleComeLast() {
        var quarantined = Self.topic("audit")
        quarantined.quarantinedRecords = 3
        quarantined.inFlight = 12
        let table = TopicTable(topics: [Self.parked("logs"), quarantined, Self.topic("web")], width: nil)
        #expect(
            table.lines == [
                "TOPIC  STATE     SINCE  NEXT TRY  IN-FLIGHT  OLDEST  QUARANTINED  WHY",
                "web    healthy       -         -          0       -            0  -",
                "audit  healthy       -         -         12       -            3  -",
                "logs   parked   3m 12s   in 14 s          0  3m 15s            0  topic_authorization_failed: Broker: Topic authorization failed",
            ])
    }

    @Test(arguments: [60, 80, 100, 200])
    func theTableFitsTheTerminal(width: Int) {
        let long = "logs.production." + String(repeating: "shop-", count: 12) + "orders"
        let lines = TopicTable(topics: [Self.parked(long), Self.topic("web")], width: width).lines
        #expect(lines.allSatisfy { TextTable.width($0) <= max(width, 78) }, "\(lines)")
        #expect(lines.contains { $0.contains("orders  parked") }, "the end of a long name stays: \(lines)")
        #expect(lines.joined(separator: " ").contains("topic_authorization_failed"))
    }

    @Test func ofManyHealthyTopicsOnlySomeAreShownAndAllInTrouble() {
        let topics = (0..<100).map { Self.topic("t\($0)") } + (0..<30).map { Self.parked("p\($0)") }
        let lines = TopicTable(topics: topics, width: nil).lines
        #expect(lines.count == 1 + 1 + 20 + 30 && lines[1] == "... and 80 topics that are healthy")
    }

    @Test func whatIsOldestAndHowOftenTheProducerWasMadeAnewIsSaid() {
        var report = Samples.report()
        report.kafka.oldest = OldestStatus()
        report.kafka.oldest?.seconds = 194
        report.kafka.oldest?.topic = "logs"
        report.kafka.oldest?.path = "/var/log/app.log"
        report.kafka.oldest?.declaration = "app"
        report.kafka.rebuilds = 2
        report.kafka.lastFatal = "out_of_order_sequence_number"
        report.store.outboxOldestSeconds = 12
        report.counters.outboxDropped = ["generation_opened": 2, "generation_closed": 3]
        let lines = StatusText.render(report, now: 1000, colours: false).split(separator: "\n")
        #expect(lines.contains("oldest         3m 14s without acknowledgement: /var/log/app.log (app), topic logs"))
        #expect(
            lines.contains(
                "producer       made anew 2 times after fatal errors, everything not acknowledged is sent again; the last: out_of_order_sequence_number"
            ))
        #expect(lines.contains { $0.hasSuffix("outbox 0 events (0 B), oldest 12 s, 5 dropped") })
    }

    @Test func aLedgerThatWasFoundOutOfBalanceIsNotSaidToBalance() {
        var report = Samples.report()
        report.books = report.totals
        report.books.size += 10
        report.books.acknowledged += 10
        var text = StatusText.render(report, now: 1000, colours: false)
        #expect(text.contains("\nthis run: size 1263421 = ") && text.ranges(of: ": balances\n").count == 2)
        report.ledgerImbalances = 1
        text = StatusText.render(report, now: 1000, colours: false)
        #expect(text.ranges(of: ": DOES NOT BALANCE\n").count == 2)
    }
}
