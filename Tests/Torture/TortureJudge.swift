// The verdict on a round: what was written, by the writers' own manifest, against what arrived and what was announced.
import Core
import TestSupport

/// What came of a round. Everything but `isGood` is for people.
struct TortureVerdict {
    var lines = 0
    var bytes: UInt64 = 0
    var arrived = 0
    /// Lines that did not arrive whole and are announced: refused, cut off by `limits.line_total`, truncated.
    var announced = 0
    /// Lines of files that left their pattern, and of containers that were removed, in a round in which the store was lost,
    /// which a `state_lost` event tells: nobody looks for them without the store.
    var lostWithState = 0
    /// Lines that an announced gap covers although they arrived: an announcement in doubt.
    var doubtful = 0
    var duplicates: UInt64 = 0
    /// Lines that did not arrive and of which no gap tells.
    var lost: [String] = []
    /// Records that claim another range than their line has, or that are no line.
    var wrong: [String] = []
    /// Lines whose last occurrence came before that of the line in front of them, in the same `log.stream.id`.
    var disordered: [String] = []
    /// With fewer descriptors than files order may break between generations (ARCHITECTURE.md, "Known limitations"), and
    /// where state or events were lost it is not known any more.
    var isOrderPromised = true

    var isGood: Bool { lost.isEmpty && wrong.isEmpty && (disordered.isEmpty || !isOrderPromised) }
}

/// Compares the manifest with the arrivals. Made when nothing moves any more.
struct TortureJudge {
    private let streams: [UInt32: [WrittenLine]]
    private let content: TortureArrivals.Content
    private let places: [UInt32: String]
    /// Streams whose rotated files match no pattern, and those of containers.
    private let leaving: Set<UInt32>
    private let start: Int64
    /// Generations that carried lines of one content of a stream.
    private var generations: [Place: Set<String>] = [:]
    private var gaps: [String: [(from: UInt64, to: UInt64?)]] = [:]

    private struct Place: Hashable {
        let stream: UInt32
        let content: UInt32
    }

    /// `places`: the live path of each stream of the host, and the id of each container, by which gaps of generations that
    /// carried nothing are known.
    init(
        _ streams: [UInt32: [WrittenLine]], places: [UInt32: String], leaving: Set<UInt32>,
        _ content: TortureArrivals.Content, since start: Int64
    ) {
        self.start = start
        self.leaving = leaving
        self.streams = streams
        self.places = places
        self.content = content
    }

    mutating func verdict() -> TortureVerdict {
        var verdict = TortureVerdict()
        verdict.wrong = content.strange
        for record in content.records { locate(record, &verdict) }
        for gap in content.gaps { gaps[gap.file, default: []] += gap.ranges }
        for (stream, lines) in streams.sorted(by: { $0.key < $1.key }) { judge(stream, lines, &verdict) }
        let expected = streams.mapValues { UInt64($0.count) }
        let report = content.checker.report(expected: expected)
        verdict.duplicates = report.duplicates
        if report.foreign > 0 { verdict.wrong.append("\(report.foreign) lines that nobody wrote") }
        judgeOrder(&verdict)
        return verdict
    }

    /// A record must stand for the bytes that its line has in the file.
    private mutating func locate(_ record: ArrivedRecord, _ verdict: inout TortureVerdict) {
        guard let lines = streams[record.line.file], record.line.sequence < UInt64(lines.count) else { return }
        let line = lines[Int(record.line.sequence)]
        if line.offset != record.offset, verdict.wrong.count < 20 {
            verdict.wrong.append(
                "F\(record.line.file) S\(record.line.sequence) lies at \(line.offset), its record says \(record.offset)"
            )
        }
        let place = Place(stream: record.line.file, content: line.content)
        generations[place, default: []].insert(record.file.description)
    }

    private func judge(_ stream: UInt32, _ lines: [WrittenLine], _ verdict: inout TortureVerdict) {
        for (sequence, line) in lines.enumerated() {
            verdict.lines += 1
            verdict.bytes += UInt64(line.length)
            let files = generations[Place(stream: stream, content: line.content)] ?? []
            let isAnnounced =
                files.contains { covers($0, line) } || isAnnouncedElsewhere(stream, files) || isSummedUp(stream)
            if content.checker.hasArrived(NumberedLine(file: stream, sequence: UInt64(sequence))) {
                verdict.arrived += 1
                if files.contains(where: { isInGap($0, line) }) { verdict.doubtful += 1 }
            } else if isAnnounced {
                verdict.announced += 1
            } else if content.stateLosses > 0, leaving.contains(stream) {
                verdict.lostWithState += 1
            } else {
                verdict.lost.append(
                    "F\(stream) S\(sequence) \(line.kind), content \(line.content) at \(line.offset), "
                        + "\(line.length) bytes, generations \(files.sorted())")
            }
        }
    }

    /// A gap of the generation reaches to the end of the line. Whether records cover what lies before it, `verify` says.
    private func covers(_ file: String, _ line: WrittenLine) -> Bool {
        let end = line.offset + UInt64(line.length)
        return (gaps[file] ?? []).contains { $0.from < end && $0.to ?? .max >= end }
    }

    private func isInGap(_ file: String, _ line: WrittenLine) -> Bool {
        (gaps[file] ?? []).contains { $0.from <= line.offset && $0.to ?? .max >= line.offset + UInt64(line.length) }
    }

    private func isAnnounced(_ record: ArrivedRecord) -> Bool {
        guard let lines = streams[record.line.file], record.line.sequence < UInt64(lines.count) else { return false }
        return isInGap(record.file.description, lines[Int(record.line.sequence)])
    }

    /// Of a generation of this stream of which nothing arrived at all.
    private func isAnnouncedElsewhere(_ stream: UInt32, _ files: Set<String>) -> Bool {
        guard files.isEmpty, let place = places[stream] else { return false }
        let isOfContainer = place.count == 64 && !place.contains("/")
        return content.gaps.contains { gap in
            (isOfContainer ? gap.container : gap.path) == place && !known.contains(gap.file)
        }
    }

    /// There were more gaps than the outbox holds: those of this stream, or of the host, are announced in sum.
    private func isSummedUp(_ stream: UInt32) -> Bool {
        content.summaries.contains { $0.isEmpty || $0 == places[stream] }
    }

    private var known: Set<String> { Set(generations.values.joined()) }

    /// By last occurrence, over all generations of a `log.stream.id`. A rotated file that the daemon met under its new name
    /// is a stream of its own. Records of a range that is announced as a gap do not count: the file was gone when what had
    /// come before them was sent again, so that they could not follow it once more.
    private func judgeOrder(_ verdict: inout TortureVerdict) {
        var latest: [Identifier128: [NumberedLine: Int]] = [:]
        for (arrival, record) in content.records.enumerated() where !isAnnounced(record) {
            latest[record.stream, default: [:]][record.line] = arrival
        }
        for stream in latest.values {
            var before: (line: NumberedLine, arrival: Int)?
            let lines = stream.sorted { ($0.key.file, $0.key.sequence) < ($1.key.file, $1.key.sequence) }
            for (line, arrival) in lines {
                if let before, before.arrival > arrival, verdict.disordered.count < 20 {
                    verdict.disordered.append("\(history(line)), came last before \(history(before.line))")
                }
                before = (line, arrival)
            }
        }
    }

    /// As the actions count: seconds since the round began, with one digit.
    private func sinceStart(_ time: Int64) -> Double { Double((time - start) / 100_000_000) / 10 }

    /// Where a line lies and when it came, among all arrivals, with the generations that carried it.
    private func history(_ line: NumberedLine) -> String {
        let arrivals = content.records.enumerated().filter { $0.element.line == line }.map {
            "\($0.offset) in \($0.element.file.description.prefix(6)) after \(sinceStart($0.element.time))"
        }
        let place = streams[line.file].flatMap { line.sequence < UInt64($0.count) ? $0[Int(line.sequence)] : nil }
        return "F\(line.file) S\(line.sequence) of content \(place?.content ?? 0) at \(place?.offset ?? 0), arrived "
            + arrivals.joined(separator: ", ")
    }
}

extension TortureVerdict: CustomStringConvertible {
    var description: String {
        let megabytes = Double(bytes / 100_000) / 10
        return "\(lines) lines (\(megabytes) MB), \(arrived) arrived, \(announced) announced as lost, "
            + ""
            + (lostWithState > 0 ? "\(lostWithState) lost with the store, " : "")
            + "\(lost.count) lost unannounced, \(duplicates) repeated, \(doubtful) announced though they arrived, "
            + "\(wrong.count) wrong, \(disordered.count) out of order"
    }
}
