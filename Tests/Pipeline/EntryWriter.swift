// Writes runtimes' logs as the runtimes do, from what containers wrote; and what must be made of it.
import Core
import Pipeline
import TestSupport

/// One line that a program wrote to one of its outputs.
struct OutputLine: Equatable {
    let stream: OutputStream
    /// Without its newline.
    let text: [UInt8]
}

/// A log made of entries, with the entries of long lines cut at `partSize` and, by chance, entries of the other output
/// between them.
struct EntryWriter {
    let format: EntryFormat
    /// Docker's and containerd's own is 16 KiB.
    static let partSize = 16 << 10
    private(set) var content: [UInt8] = []
    private(set) var lines: [OutputLine] = []
    /// Per line: ranges of the raw bytes of its entries.
    private(set) var ranges: [[Range<Int>]] = []
    private var generator: SeededGenerator
    private var clock = 0

    init(_ format: EntryFormat, seed: UInt64) {
        self.format = format
        generator = SeededGenerator(seed: seed)
    }

    /// Both outputs write some lines.
    mutating func write(_ output: [[UInt8]], _ errors: [[UInt8]]) {
        var queues = [output.map { cut($0) }, errors.map { cut($0) }]
        let texts = [output, errors]
        var next = [0, 0]
        var open: [[Range<Int>]] = [[], []]
        while queues.contains(where: { !$0.isEmpty }) {
            let side = queues[0].isEmpty ? 1 : queues[1].isEmpty ? 0 : generator.number(0...1)
            let part = queues[side][0].removeFirst()
            let isLast = queues[side][0].isEmpty
            open[side].append(append(part, side == 0 ? .output : .errors, isLast: isLast))
            guard isLast else { continue }
            queues[side].removeFirst()
            lines.append(OutputLine(stream: side == 0 ? .output : .errors, text: texts[side][next[side]]))
            ranges.append(open[side])
            open[side] = []
            next[side] += 1
        }
    }

    /// As the runtimes cut: after so many bytes, the line's end counted.
    private func cut(_ line: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var rest = line[...]
        while rest.count >= EntryWriter.partSize {
            parts.append(Array(rest.prefix(EntryWriter.partSize)))
            rest = rest.dropFirst(EntryWriter.partSize)
        }
        return parts + [Array(rest)]
    }

    private mutating func append(_ text: [UInt8], _ stream: OutputStream, isLast: Bool) -> Range<Int> {
        let start = content.count
        clock += 1
        let name = stream == .output ? "stdout" : "stderr"
        let time = "2026-11-29T08:00:00.\(String(String(1_000_000 + clock).dropFirst()))"
        switch format {
        case .plain: content += text + [0x0A]
        case .cri: content += Array("\(time)Z \(name) \(isLast ? "F" : "P") ".utf8) + text + [0x0A]
        case .jsonFile:
            let log = String(decoding: text + (isLast ? [0x0A] : []), as: UTF8.self)
            content += Array("{\"log\":\(jsonQuoted(log)),\"stream\":\"\(name)\",\"time\":\"\(time)Z\"}\n".utf8)
        }
        return start..<content.count
    }
}
