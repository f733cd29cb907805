// CRI's and containerd's answers: any bytes are refused or understood, as a plain reader of the fields does.
@testable internal import Discovery

/// The first byte says which answer the rest is: a status, a list, a pod, mounts, an event, or a body of messages cut anywhere.
enum CRITarget {
    static func check(_ bytes: [UInt8]) {
        let answer = Array(bytes.dropFirst())
        checkFields(answer)
        switch bytes.first {
        case UInt8(ascii: "s"):
            guard let found = try? CRIAnswers.container(answer, runtime: "containerd") else { return }
            check(found.record)
            expect(found.details.processID >= 0, "process \(found.details.processID)")
        case UInt8(ascii: "l"):
            for record in (try? CRIAnswers.list(answer, runtime: "containerd")) ?? [] {
                check(record)
                expect(record.layers.isEmpty && record.mounts.isEmpty && record.processID == 0, "a list tells too much")
            }
        case UInt8(ascii: "p"):
            guard let pod = try? CRIAnswers.pod(answer) else { return }
            var record = ContainerRecord(id: "")
            record.pod = pod
            RecordsTarget.checkRoundTrip(record)
        case UInt8(ascii: "m"):
            let layers = (try? CRIAnswers.layers(answer)) ?? []
            expect(layers.allSatisfy { $0.utf8.first == 0x2F }, "layers \(layers)")
        case UInt8(ascii: "e"):
            for event in [try? CRIEvents.containerd(answer), try? CRIEvents.cri(answer)] {
                guard let event = event ?? nil else { continue }
                expect(DockerAnswers.isContainerID(event.id) && event.time >= 0, "an event \(event)")
                expect(event.record(runtime: "containerd") == nil, "a container out of nothing")
            }
        default: checkMessages(answer, seed: bytes.first ?? 0)
        }
    }

    private static func check(_ record: ContainerRecord) {
        expect(DockerAnswers.isContainerID(record.id) && record.processID >= 0, "an id \(record.id)")
        for mount in record.mounts { expect(ComposeTarget.isNormal(mount.destination), "a mount at \(mount)") }
        expect(record.logPath.isEmpty == (record.logFormat == .none), "a log without a format")
        expect(record.mounts.count + record.labels.count <= 2 * ProtobufReader.Field.manyLimit, "too much of it")
        RecordsTarget.checkRoundTrip(record)
    }

    /// Fields that are read and written again are the same fields.
    private static func checkFields(_ bytes: [UInt8]) {
        var writer = ProtobufWriter()
        var fields: [(Int, Int64?, [UInt8]?)] = []
        var isPlain = true
        let isWhole: Void? = try? ProtobufReader.read(bytes) { field in
            fields.append((field.number, field.integer, field.raw))
            if let number = field.integer {
                writer.integer(field.number, number)
            } else if let raw = field.raw {
                writer.raw(field.number, raw)
            } else {
                isPlain = false
            }
        }
        guard isWhole != nil, isPlain else { return }
        var index = 0
        let isRead: Void? = try? ProtobufReader.read(writer.bytes) { field in
            let before = fields[index]
            expect(before == (field.number, field.integer, field.raw), "field \(index) is another one")
            index += 1
        }
        expect(isRead != nil && index == fields.count, "\(index) of \(fields.count) fields")
    }

    /// However the body is cut, its messages are the same.
    private static func checkMessages(_ body: [UInt8], seed: UInt8) {
        let limit = 8 * Int(seed)
        var whole = GRPCMessages(limit: limit)
        let expected = try? whole.feed(body)
        var pieces = GRPCMessages(limit: limit)
        var found: [[UInt8]]? = []
        for start in stride(from: 0, to: body.count, by: 1 + Int(seed) % 7) {
            guard let more = try? pieces.feed(Array(body[start..<min(body.count, start + 1 + Int(seed) % 7)])) else {
                found = nil
                break
            }
            found? += more
        }
        expect(found == expected, "other messages than the body has")
        expect(expected?.allSatisfy { $0.count <= limit } ?? true, "a message that is too long")
    }
}
