// Prints what a line costs as plain text, as an entry of json-file, and as one of CRI: CPU seconds, medians of five.
internal import Core
internal import Glibc
internal import Pipeline

/// One file in memory, read in chunks as the daemon reads.
struct Work {
    let name: String
    let format: EntryFormat
    let content: [UInt8]
    let lines: Int
}

let lineCount = 200_000
let text = { (number: Int) in
    "2026-11-29T08:00:00.123Z INFO order \(number) of customer \(number % 977): \"paid\" with \\card\\, path=/checkout/confirm "
        + "user-agent=curl/7.88.1 duration=\(number % 300)ms trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7 ok"
}
func quoted(_ text: String) -> String {
    "\"" + text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\\n\""
}
let plain = (0..<lineCount).map { text($0) }
let works = [
    Work(name: "plain", format: .plain, content: Array(plain.joined(separator: "\n").utf8) + [10], lines: lineCount),
    Work(
        name: "json-file", format: .jsonFile,
        content: Array(
            plain.map { "{\"log\":\(quoted($0)),\"stream\":\"stdout\",\"time\":\"2026-11-29T08:00:00.123456789Z\"}\n" }
                .joined().utf8), lines: lineCount),
    Work(
        name: "cri", format: .cri,
        content: Array(plain.map { "2026-11-29T08:00:00.123456789Z stdout F \($0)\n" }.joined().utf8),
        lines: lineCount),
]

func seconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
}

/// CPU seconds to make all records of one file.
func measure(_ work: Work) -> Double {
    let members = renderMembers([
        ("host.name", Array("node-1".utf8)), ("container.id", [UInt8](repeating: 0x61, count: 64)),
        ("container.name", Array("shop".utf8)), ("container.image.name", Array("shop/web:1".utf8)),
    ])
    let limits = FramingLimits(line: 256 << 10, lineTotal: 16 << 20, record: 900_000)
    var encoder = RecordEncoder(nodeMembers: members, limits: limits)
    Array("/var/log/app/app.log".utf8).withUnsafeBufferPointer {
        encoder.describe(
            stream: StreamID(Identifier128(high: 1, low: 2)), file: FileID(Identifier128(high: 3, low: 4)),
            declarationMembers: renderMembers([("log.declaration", Array("app".utf8))]), path: $0, format: work.format)
    }
    encoder.stamp(.now())
    let arena = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 20)
    defer { arena.deallocate() }
    var batch = RecordBatch()
    var line = LineState()
    var records = 0
    let input = work.content + [UInt8](repeating: 0, count: 64)
    let start = seconds()
    input.withUnsafeBufferPointer { input in
        var offset = 0
        while offset < work.content.count {
            let count = min(256 << 10, work.content.count - offset)
            var chunk = Chunk(bytes: input.baseAddress! + offset, count: count, offset: UInt64(offset))
            var outcome = EncodingOutcome.batchFull
            while outcome == .batchFull {
                var space = ArenaSpace(next: arena, end: arena + (1 << 20))
                outcome = encoder.encode(&chunk, line: &line, into: &space, batch: &batch, maximum: 512)
                records += batch.count
                batch.removeAll()
            }
            offset = Int(chunk.offset)
        }
    }
    let taken = seconds() - start
    precondition(records == work.lines, "\(records) records of \(work.lines) lines")
    return taken
}

var taken = [[Double]](repeating: [], count: works.count)
for _ in 0..<5 { for (index, work) in works.enumerated() { taken[index].append(measure(work)) } }
let medians = taken.map { $0.sorted()[2] }
for (work, median) in zip(works, medians) {
    let perLine = Int(median * 1e9) / work.lines
    let rate = Int(Double(work.content.count) / median / 1e6)
    let ratio = Int(median / medians[0] * 100 + 0.5)
    print(
        "\(work.name): \(perLine) ns a line, \(rate) MB/s, \(ratio) % of plain (\(work.content.count / work.lines) bytes a line)"
    )
}
