// What /readyz says, and what it keeps to itself.
import Core
import Testing

@testable import Agent

struct ReadinessTests {
    private func report(_ change: (inout StatusReport) -> Void = { _ in }) -> StatusReport {
        var report = StatusReport()
        report.kafka.up = true
        var topic = TopicStatus()
        topic.name = "logs"
        topic.state = "healthy"
        report.kafka.topics = [topic]
        change(&report)
        return report
    }

    private func reasons(_ change: (inout StatusReport) -> Void) -> [String] {
        ReadinessReasons.reasons(report(change))
    }

    @Test func aDaemonThatDeliversIsReady() { #expect(ReadinessReasons.reasons(report()).isEmpty) }

    @Test func recordsThatWereGivenUpAreToldAndDoNotMakeItUnready() {
        let quarantined = report {
            $0.kafka.topics[0].quarantinedRecords = 3
            $0.kafka.topics[0].deadLetters = 2
            $0.kafka.deadLetterTopic = "dead"
        }
        #expect(ReadinessReasons.reasons(quarantined).isEmpty)
        #expect(
            ReadinessReasons.notes(quarantined) == [
                "note: topic logs refused 3 records for what they are, 2 of them to topic dead"
            ])
        #expect(ReadinessReasons.notes(report()).isEmpty)
    }

    @Test func theEmbeddedBrokerIsNeverReady() { #expect(reasons { $0.kafka.embedded = true }.count == 1) }

    @Test func aTopicInTroubleIsNamedWithItsAgeAndItsErrorOnly() {
        let found = reasons {
            $0.kafka.topics[0].state = "parked"
            $0.kafka.topics[0].parkedSeconds = 192.7
            $0.kafka.topics[0].reason = "topic_authorization_failed"
            $0.kafka.topics[0].why = "secret"
            $0.kafka.topics[0].oldest = OldestStatus()
            $0.kafka.topics[0].oldest?.path = "/secret.log"
        }
        #expect(found == ["topic logs takes no records for 3m 13s: topic_authorization_failed"])
    }

    @Test func aTopicWhosePartitionsCannotBeHadIsNamed() {
        #expect(reasons { $0.kafka.topics[0].state = "resolving" }.isEmpty, "it was only just asked for")
        let found = reasons {
            $0.kafka.topics[0].state = "resolving"
            $0.kafka.topics[0].reason = "unknown_topic_or_part"
        }
        #expect(found == ["topic logs takes no records: unknown_topic_or_part"])
    }

    @Test func aTopicThatAcknowledgesNothingForMinutesIsNamedThoughNoErrorSaysSo() {
        func aged(_ seconds: Double) -> [String] {
            reasons {
                $0.kafka.topics[0].oldest = OldestStatus()
                $0.kafka.topics[0].oldest?.seconds = seconds
            }
        }
        #expect(aged(299).isEmpty)
        #expect(aged(301) == ["topic logs: its oldest record waits for an acknowledgement for 5m 1s"])
    }

    @Test func partitionsWithoutALeaderAreCounted() {
        let found = reasons {
            $0.kafka.topics[0].partitions = 16
            $0.kafka.topics[0].leaderless = 2
        }
        #expect(found == ["topic logs: 2 of 16 partitions have no leader"])
    }

    @Test func withoutBrokersThereIsOneReasonAndNotOneForEachTopic() {
        let found = reasons {
            $0.kafka.up = false
            $0.kafka.topics[0].state = "parked"
        }
        #expect(found == ["no Kafka broker answers"])
    }

    @Test func ofManyTopicsSomeAreNamedAndTheRestIsCounted() {
        let found = reasons { report in
            report.kafka.topics[0].state = "parked"
            report.kafka.topics = (0..<50).map { _ in report.kafka.topics[0] }
        }
        #expect(found.count == 21 && found.last == "30 more topics take no records")
    }

    @Test func aStoreThatFailsAndALedgerThatIsWrongAreReasons() {
        #expect(reasons { $0.store.ok = false }.count == 1)
        #expect(reasons { $0.ledgerImbalances = 1 }.count == 1)
    }
}
