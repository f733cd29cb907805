// Whether every numbered line of every file arrived, how often, and in which order.

/// One line that arrived again. Times are what the caller gave.
package struct Repetition: Sendable, Equatable {
    package let line: NumberedLine
    package let earlier: Int64
    package let later: Int64
}

/// The judgement over all files.
package struct SequenceReport: Sendable {
    package var lines: UInt64 = 0
    package var missing: UInt64 = 0
    /// The first few lines that are missing.
    package var missingExamples: [NumberedLine] = []
    /// Lines that nobody wrote: a file or a sequence beyond what is expected.
    package var foreign: UInt64 = 0
    package var duplicates: UInt64 = 0
    /// Lines whose last arrival is before the last arrival of the line in front of them.
    package var outOfOrder: UInt64 = 0
    /// The same by first arrival.
    package var firstOutOfOrder: UInt64 = 0
    /// Files whose lines came on more than one partition.
    package var scattered = 0

    /// Nothing missing, nothing foreign, what a consumer keeps is in order on one partition a file.
    package var isComplete: Bool { missing == 0 && foreign == 0 && outOfOrder == 0 && scattered == 0 }
}

/// Collects numbered lines in the order of their partitions: about 20 bytes a line.
package struct SequenceChecker: Sendable {
    private struct File {
        var first: [Int32] = []
        var last: [Int32] = []
        var times: [Int64] = []
        var partitions: Set<Int32> = []
        var distinct: UInt64 = 0

        /// Makes room for `sequence`.
        mutating func take(_ sequence: Int) {
            guard sequence >= first.count else { return }
            let more = sequence + 1 - first.count
            first.append(contentsOf: repeatElement(0, count: more))
            last.append(contentsOf: repeatElement(0, count: more))
            times.append(contentsOf: repeatElement(0, count: more))
        }
    }

    private var files: [UInt32: File] = [:]
    private var arrivals: Int32 = 0
    /// Lines that arrived at least once.
    package private(set) var distinct: UInt64 = 0
    package private(set) var repetitions: [Repetition] = []

    package init() {}

    /// A line that arrived at `time`. Call it in the order of its partition.
    package mutating func arrived(_ line: NumberedLine, partition: Int32, at time: Int64) {
        arrivals += 1
        files[line.file, default: File()].take(Int(line.sequence))
        files[line.file]!.partitions.insert(partition)
        let sequence = Int(line.sequence)
        if files[line.file]!.first[sequence] == 0 {
            files[line.file]!.first[sequence] = arrivals
            files[line.file]!.distinct += 1
            distinct += 1
        } else {
            repetitions.append(
                Repetition(line: line, earlier: files[line.file]!.times[sequence], later: time))
        }
        files[line.file]!.last[sequence] = arrivals
        files[line.file]!.times[sequence] = time
    }

    /// Different lines of one file that arrived at least once.
    package func distinct(of file: UInt32) -> UInt64 { files[file]?.distinct ?? 0 }

    /// Whether a line arrived at least once.
    package func hasArrived(_ line: NumberedLine) -> Bool {
        guard let file = files[line.file], line.sequence < UInt64(file.first.count) else { return false }
        return file.first[Int(line.sequence)] > 0
    }

    /// Judges against the number of lines each file must have.
    package func report(expected: [UInt32: UInt64]) -> SequenceReport {
        var report = SequenceReport()
        report.duplicates = UInt64(repetitions.count)
        for (number, count) in expected { judge(number, count, &report) }
        for (number, file) in files where expected[number] == nil {
            report.foreign += UInt64(file.first.count { $0 > 0 })
        }
        return report
    }

    private func judge(_ number: UInt32, _ count: UInt64, _ report: inout SequenceReport) {
        let file = files[number] ?? File()
        report.lines += count
        if file.partitions.count > 1 { report.scattered += 1 }
        report.foreign += UInt64(file.first.dropFirst(Int(count)).count { $0 > 0 })
        var earlierFirst: Int32 = 0
        var earlierLast: Int32 = 0
        for sequence in 0..<Int(count) {
            guard sequence < file.first.count, file.first[sequence] > 0 else {
                report.missing += 1
                if report.missingExamples.count < 5 {
                    report.missingExamples.append(NumberedLine(file: number, sequence: UInt64(sequence)))
                }
                continue
            }
            if file.first[sequence] < earlierFirst { report.firstOutOfOrder += 1 }
            if file.last[sequence] < earlierLast { report.outOfOrder += 1 }
            earlierFirst = file.first[sequence]
            earlierLast = file.last[sequence]
        }
    }
}

extension SequenceReport: CustomStringConvertible {
    package var description: String {
        "\(lines) lines, \(missing) missing \(missingExamples.map { "F\($0.file) S\($0.sequence)" }), "
            + "\(foreign) foreign, \(duplicates) duplicates, \(outOfOrder) out of order (first arrivals "
            + "\(firstOutOfOrder)), \(scattered) files on several partitions"
    }
}
