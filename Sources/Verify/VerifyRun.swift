// Reading the topics: which, how far, and in which order.
internal import Core
internal import Glibc
internal import KafkaSink

/// Reads what there is now, once. The audit topic comes first, so that generations are known by what was announced before a
/// record can claim them, and once more last: a gap may be announced after records behind it. Blocks; used by one thread.
package final class VerifyRun {
    private let request: VerifyRequest
    private let consumer: BoundedConsumer
    private let report: (VerifyProgress) -> Void
    private var progress = VerifyProgress()
    private var total: Int64 = 0
    private var begin: Int64 = 0
    private var lastReport: Int64 = 0
    private var lastNews: Int64 = 0

    /// The topics that were read.
    package private(set) var topics: [TopicFacts] = []
    /// Things to know that are no fault: a topic that is not there, say.
    package private(set) var remarks: [String] = []
    /// How long all reading took, in seconds, and how many messages came.
    package private(set) var seconds = 0.0
    package private(set) var messages: UInt64 = 0

    private static let reportInterval = 100 * nanosecondsPerMillisecond

    /// `report` is told now and then how far it is. Throws when a setting is not valid.
    package init(_ request: VerifyRequest, report: @escaping (VerifyProgress) -> Void) throws(VerifyFailure) {
        self.request = request
        self.report = report
        do {
            consumer = try BoundedConsumer(brokers: request.brokers, properties: request.properties)
        } catch { throw VerifyFailure(message: error.message) }
    }

    /// Reads everything and gives the accounts. Throws when a topic is missing or brokers do not answer.
    package func run() throws(VerifyFailure) -> Verifier {
        defer { consumer.close() }
        let selection = TopicSelection(
            present: try attempt { () throws(KafkaFailure) in
                try consumer.topics(milliseconds: Int32(clamping: request.patience * 1000))
            })
        let audit = try selection.control(request.audit)
        let dead = try selection.control(request.deadLetters)
        let names = try selection.records(
            request.topics, all: request.needsAllTopics, excluding: [audit, dead].compactMap { $0 })
        remark(audit: audit, dead: dead)
        var options = VerifierOptions(
            topics: names, partitionCounts: names.map { selection.present[$0] ?? 0 }, since: request.since,
            until: request.until, readsAudit: audit != nil, readsDeadLetters: dead != nil)
        options.partitionCounts = names.map { selection.present[$0] ?? 0 }
        let verifier = Verifier(options)
        // The ends of the control topics first: what was closed before was produced before.
        var control: [ControlReading] = []
        for (name, role) in [(audit, TopicFacts.Role.audit), (dead, .deadLetters)] {
            guard let name else { continue }
            control.append(try extents(ofControl: name, role, selection.present[name] ?? 0))
        }
        let ranges = try recordRanges(verifier)
        begin = Clock.monotonic()
        lastNews = begin
        total = ranges.reduce(0) { $0 + $1.count } + control.reduce(0) { $0 + $1.ranges.reduce(0) { $0 + $1.count } }
        for reading in control { try read(reading, verifier, isLate: false) }
        try read(ranges, verifier)
        try readOn(control, verifier)
        if hasHoles(verifier) { try lookForTrimmed(verifier) }
        seconds = Double(Clock.monotonic() - begin) / 1e9
        messages = progress.messages
        tell(isLast: true)
        return verifier
    }

    private func remark(audit: String?, dead: String?) {
        if audit == nil {
            if case .ifThere(let name) = request.audit {
                remarks.append(
                    "there is no topic \(name): announced gaps are not known; name the audit topic with --audit-topic")
            } else {
                remarks.append("no audit topic is read: announced gaps are not known")
            }
        }
        if dead == nil, case .ifThere(let name) = request.deadLetters {
            remarks.append("there is no topic \(name): no dead letters are read")
        }
    }

    // MARK: Ranges

    /// A control topic with what is read of it now.
    private struct ControlReading {
        /// Its place in `topics`.
        let topic: Int
        var ranges: [PartitionRange]
    }

    private func extents(ofControl name: String, _ role: TopicFacts.Role, _ partitions: Int) throws(VerifyFailure)
        -> ControlReading
    {
        let ranges = try extents(name, partitions)
        var facts = TopicFacts(name: name, role: role, partitions: partitions)
        facts.trimmed = ranges.count { $0.from > 0 }
        topics.append(facts)
        return ControlReading(topic: topics.count - 1, ranges: ranges)
    }

    private func extents(_ topic: String, _ partitions: Int) throws(VerifyFailure) -> [PartitionRange] {
        try attempt { () throws(KafkaFailure) in
            try consumer.extents(topic, partitions: 0..<Int32(clamping: partitions))
        }
    }

    /// What is read of the topics of records; each range is named to the accounts in this order.
    private func recordRanges(_ verifier: Verifier) throws(VerifyFailure) -> [PartitionRange] {
        var ranges: [PartitionRange] = []
        for (topic, name) in verifier.options.topics.enumerated() {
            var facts = TopicFacts(name: name, role: .records, partitions: verifier.options.partitionCounts[topic])
            let whole = try extents(name, verifier.options.partitionCounts[topic])
            facts.trimmed = whole.count { $0.from > 0 }
            for range in whole {
                _ = verifier.add(PartitionFacts(topic: topic, number: range.partition, isTrimmed: range.from > 0))
            }
            ranges += whole
            topics.append(facts)
        }
        let all = ranges
        if let since = request.since {
            let starts = try attempt { () throws(KafkaFailure) in try consumer.offsets(of: all, at: since) }
            for (index, start) in starts.enumerated() { ranges[index].from = start ?? ranges[index].to }
        }
        if let until = request.until {
            let ends = try attempt { () throws(KafkaFailure) in try consumer.offsets(of: all, at: until) }
            for (index, end) in ends.enumerated() { if let end { ranges[index].to = min(end, ranges[index].to) } }
        }
        return ranges
    }

    /// Retention may have gone on while it was read.
    private func lookForTrimmed(_ verifier: Verifier) throws(VerifyFailure) {
        var number = 0
        for (topic, name) in verifier.options.topics.enumerated() {
            for range in try extents(name, verifier.options.partitionCounts[topic]) {
                if range.from > 0 { verifier.noteTrimmed(number) }
                number += 1
            }
        }
    }

    // MARK: Reading

    private func read(_ reading: ControlReading, _ verifier: Verifier, isLate: Bool) throws(VerifyFailure) {
        for range in reading.ranges { consumer.read(range, number: 0) }
        let role = topics[reading.topic].role
        try readToEnds { _, record in
            topics[reading.topic].messages += 1
            let place = MessagePlace(topic: record.topic, partition: record.partition, offset: record.offset)
            if role == .audit {
                verifier.takeEvent(place, key: record.key, value: record.value, isLate: isLate)
            } else {
                verifier.takeDeadLetter(place, key: record.key, value: record.value)
            }
        }
    }

    private func read(_ ranges: [PartitionRange], _ verifier: Verifier) throws(VerifyFailure) {
        for (number, range) in ranges.enumerated() { consumer.read(range, number: number) }
        let first = topics.count - verifier.options.topics.count
        try readToEnds { number, record in
            topics[first + verifier.partitions[number].topic].messages += 1
            verifier.take(
                partition: number, offset: record.offset, time: record.timestampMilliseconds, key: record.key,
                value: record.value)
        }
    }

    /// What came to the control topics meanwhile. While records are being produced, gaps may be announced a moment after
    /// what follows them: where something is missing, they are waited for.
    private func readOn(_ control: [ControlReading], _ verifier: Verifier) throws(VerifyFailure) {
        var control = control
        let patience = Clock.monotonic() + VerifyRun.settling
        while true {
            for index in control.indices {
                let facts = topics[control[index].topic]
                let old = control[index].ranges
                var new = try extents(facts.name, facts.partitions)
                for place in new.indices {
                    new[place].from = max(new[place].from, old[place].to)
                    total += new[place].count
                }
                control[index].ranges = new
                try read(control[index], verifier, isLate: true)
            }
            let isLive = Clock.wall() / nanosecondsPerMillisecond - verifier.latest < VerifyRun.liveMilliseconds
            guard isLive, verifier.options.readsAudit, Clock.monotonic() < patience, hasHoles(verifier) else { return }
            usleep(200_000)
        }
    }

    private static let settling = 3 * nanosecondsPerSecond
    private static let liveMilliseconds: Int64 = 30_000

    private func hasHoles(_ verifier: Verifier) -> Bool {
        var found = false
        verifier.judge { if $0.holeBytes > 0 { found = true } }
        return found
    }

    private func readToEnds(_ body: (Int, ConsumedRecord) -> Void) throws(VerifyFailure) {
        while !consumer.isAtEnd {
            let before = consumer.passed
            let count = try attempt { () throws(KafkaFailure) in try consumer.poll(milliseconds: 100, body) }
            progress.messages += UInt64(count)
            let now = Clock.monotonic()
            if consumer.passed > before { lastNews = now }
            if now - lastNews > Int64(request.patience) * nanosecondsPerSecond {
                throw VerifyFailure(
                    message: "nothing more came for \(request.patience) s: \(consumer.lastError ?? "no broker answers")"
                )
            }
            if now - lastReport >= VerifyRun.reportInterval { tell(isLast: false) }
        }
    }

    private func tell(isLast: Bool) {
        lastReport = Clock.monotonic()
        progress.passed = isLast ? total : consumer.passed
        progress.total = total
        progress.seconds = Double(lastReport - begin) / 1e9
        report(progress)
    }

    private func attempt<Result>(_ body: () throws(KafkaFailure) -> Result) throws(VerifyFailure) -> Result {
        do { return try body() } catch {
            throw VerifyFailure(message: consumer.lastError.map { "\(error.message) (\($0))" } ?? error.message)
        }
    }
}
