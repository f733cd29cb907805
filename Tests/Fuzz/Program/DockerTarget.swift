// Docker's answers: any bytes are refused or understood as a strict reader of all of them would.
internal import Core
@testable internal import Discovery
internal import TestSupport

/// The first byte says which answer the rest is: an inspected container, a list, a version, or a stream of events.
enum DockerTarget {
    static func check(_ bytes: [UInt8]) {
        let answer = Array(bytes.dropFirst())
        switch bytes.first {
        case UInt8(ascii: "i"): checkContainer(answer)
        case UInt8(ascii: "l"): checkList(answer)
        case UInt8(ascii: "v"): _ = try? DockerAnswers.version(answer)
        default: checkEvents(answer, seed: bytes.first ?? 0)
        }
    }

    private static func checkContainer(_ answer: [UInt8]) {
        let found = try? DockerAnswers.container(answer, runtime: "docker")
        if let found { check(found) }
        // Keys that occur twice have no strict value.
        guard let value = try? JSONValue(parsing: answer) else { return }
        let expected = InspectModel(value).record
        expect(found == expected, "\(String(describing: found)) where \(String(describing: expected)) is expected")
    }

    private static func checkList(_ answer: [UInt8]) {
        guard let records = try? DockerAnswers.list(answer, runtime: "docker") else { return }
        for record in records {
            check(record)
            expect(record.layers.isEmpty && record.processID == 0, "a list tells too much: \(record)")
        }
        guard let value = try? JSONValue(parsing: answer) else { return }
        let ids = (value.array ?? []).compactMap { $0["Id"]?.string }.filter(DockerAnswers.isContainerID)
        expect(records.map(\.id) == ids, "\(records.count) containers where \(ids.count) are expected")
    }

    private static func check(_ record: ContainerRecord) {
        expect(DockerAnswers.isContainerID(record.id), "an id \(record.id)")
        expect(record.processID >= 0, "process \(record.processID)")
        for mount in record.mounts { expect(ComposeTarget.isNormal(mount.destination), "a mount at \(mount)") }
        expect(record.layers.allSatisfy { $0.utf8.first == 0x2F }, "layers \(record.layers)")
        RecordsTarget.checkRoundTrip(record)
    }

    /// However the stream is cut, its lines are the same; each is an event, none, or refused.
    private static func checkEvents(_ stream: [UInt8], seed: UInt8) {
        let limit = 200 + 8 * Int(seed)
        var splitter = LineSplitter(limit: limit)
        var generator = SeededGenerator(seed: UInt64(seed))
        var lines: [[UInt8]?] = []
        var rest = stream[...]
        while !rest.isEmpty {
            let piece = rest.prefix(generator.once(in: 3) ? generator.number(0...3) : generator.number(1...1 + limit))
            lines += splitter.feed(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        let whole = stream.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().filter { !$0.isEmpty }
        expect(lines == whole.map { $0.count > limit ? nil : Array($0) }, "other lines than the stream has")
        for line in lines {
            guard let line, let event = try? RuntimeEvent.parse(line) else { continue }
            expect(DockerAnswers.isContainerID(event.id) && event.time >= 0, "an event \(event)")
            check(event.record(runtime: "docker")!)
        }
    }
}
