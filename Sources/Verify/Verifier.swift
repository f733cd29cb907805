// The accounts: what records cover, what was announced, and what contradicts it.
internal import Core
internal import Glibc
internal import KafkaSink

/// A place in a topic, for people who want to look at it.
package struct MessagePlace: Hashable, Sendable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
}

/// Messages of one kind that are only counted: how many, and where the first of them are.
package struct MessageTally: Sendable {
    /// The first ones.
    package struct Example: Sendable, Hashable {
        package let place: MessagePlace
        package let reason: String
    }

    package private(set) var count: UInt64 = 0
    package private(set) var examples: [Example] = []
    private static let exampleLimit = 20

    mutating func add(_ reason: String, _ place: @autoclosure () -> MessagePlace) {
        count += 1
        if examples.count < MessageTally.exampleLimit { examples.append(Example(place: place(), reason: reason)) }
    }
}

/// What the accounts cover.
package struct VerifierOptions: Sendable {
    /// Topics of records, in the order in which partitions name them.
    package var topics: [String]
    /// How many partitions each of them has.
    package var partitionCounts: [Int]
    /// Milliseconds since 1970: what was produced before is not read.
    package var since: Int64?
    /// Milliseconds since 1970: what was produced from then on is not read.
    package var until: Int64?
    package var readsAudit: Bool
    package var readsDeadLetters: Bool

    package init(
        topics: [String], partitionCounts: [Int], since: Int64? = nil, until: Int64? = nil, readsAudit: Bool = true,
        readsDeadLetters: Bool = true
    ) {
        self.topics = topics
        self.partitionCounts = partitionCounts
        self.since = since
        self.until = until
        self.readsAudit = readsAudit
        self.readsDeadLetters = readsDeadLetters
    }
}

/// Takes messages in the order of each partition, and judges at the end. It believes the ranges of records and what was
/// announced, no counter of the daemon but how much was skipped. Its memory depends on the number of generations and of
/// what is wrong with them, not on the number of records. Used by one thread.
package final class Verifier {
    package let options: VerifierOptions
    package internal(set) var partitions: [PartitionFacts] = []
    package internal(set) var foreign = MessageTally()
    package internal(set) var malformed = MessageTally()
    /// Records under a key that is not their stream, or of a generation that is known as another's. They cover nothing.
    package internal(set) var forged = MessageTally()
    package internal(set) var badEvents = MessageTally()
    /// Audit events by kind, repetitions included.
    package internal(set) var events: [String: UInt64] = [:]
    package internal(set) var notices = Notices()
    /// Hosts of which a `state_lost` event was read.
    var hostsWithoutState: Set<String> = []
    /// Milliseconds since 1970 of the latest record.
    package internal(set) var latest: Int64 = 0

    var generations: [Generation] = []
    var indexOfFile: [Identifier128: Int32] = [:]
    var streams: [Stream] = []
    var indexOfStream: [Identifier128: Int32] = [:]
    var origins: [Origin] = []
    var indexOfOrigin: [Origin: Int32] = [:]
    var lanes: [Lane] = []
    var indexOfLane: [UInt64: Int32] = [:]
    var containerNames: [String: String] = [:]
    var hostSummaries: [String: SummedGaps] = [:]
    var summariesSeen: Set<Int> = []

    private var scanner = RecordScanner()
    private var lastFile = Identifier128(high: 0, low: 0)
    private var lastIndex = -1
    /// Runs of all generations together: 24 bytes each.
    private var runs = 0
    private let runLimit: Int

    /// `runLimit`: how many pieces all generations may be in together, the bound of what damage can cost.
    package init(_ options: VerifierOptions, runLimit: Int = 1_000_000) {
        self.options = options
        self.runLimit = runLimit
    }

    /// Names a partition of records; the number it returns goes with each of its records.
    package func add(_ partition: PartitionFacts) -> Int {
        partitions.append(partition)
        return partitions.count - 1
    }

    /// Retention went on while it was read.
    package func noteTrimmed(_ partition: Int) { partitions[partition].isTrimmed = true }

    /// One message of a topic of records. `time`: milliseconds since 1970.
    package func take(
        partition: Int, offset: Int64, time: Int64, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        if partitions[partition].firstTime == nil { partitions[partition].firstTime = time }
        if time > latest { latest = time }
        func place() -> MessagePlace {
            let facts = partitions[partition]
            return MessagePlace(topic: options.topics[facts.topic], partition: facts.number, offset: offset)
        }
        switch scanner.scan(value) {
        case .foreign: return foreign.add("not a record of Longshore", place())
        case .malformed(let reason): return malformed.add(reason, place())
        case .record: break
        }
        guard JSONCursor(key).identifier(.init(start: 0, end: key.count, isEscaped: false)) == scanner.record.stream
        else {
            return forged.add("its key is not its log.stream.id", place())
        }
        let message = JSONCursor(value)
        guard let index = generation(message, scanner.record) else {
            return forged.add("its log.file.id belongs to another stream or host", place())
        }
        account(index, Int32(partition), scanner.record, message)
        if _slowPath(scanner.record.former >= 0) { accountFormer(index, Int32(partition), scanner.record, message) }
    }

    /// The generation of a record, new or known; nil where it is known as another's.
    private func generation(_ message: JSONCursor, _ record: ScannedRecord) -> Int? {
        let index: Int
        if record.file == lastFile, lastIndex >= 0 {
            index = lastIndex
        } else if let known = indexOfFile[record.file] {
            index = Int(known)
        } else {
            return begin(message, record)
        }
        let stream = Int(generations[index].stream)
        guard streams[stream].id == record.stream, isHost(of: stream, message, record.host) else { return nil }
        (lastFile, lastIndex) = (record.file, index)
        return index
    }

    /// A generation that was not met before.
    private func begin(_ message: JSONCursor, _ record: ScannedRecord) -> Int? {
        let stream = stream(record.stream) {
            func text(_ text: JSONCursor.Text?) -> String { text.map { message.decoded($0) } ?? "" }
            let origin = Origin(
                host: text(record.host), container: text(record.container), containerName: text(record.containerName),
                declaration: text(record.declaration))
            return (origin, text(record.path), record.host.map { message.bytes($0) } ?? [])
        }
        guard isHost(of: Int(stream), message, record.host) else { return nil }
        name(stream, message, record)
        return add(record.file, stream)
    }

    func add(_ file: Identifier128, _ stream: Int32) -> Int {
        indexOfFile[file] = Int32(generations.count)
        generations.append(Generation(file: file, stream: stream))
        return generations.count - 1
    }

    /// The stream of an id; one that is not known is made of what `describe` says of it.
    func stream(_ id: Identifier128, describe: () -> (Origin, path: String, rawHost: [UInt8])) -> Int32 {
        if let known = indexOfStream[id] { return known }
        let (origin, path, rawHost) = describe()
        let number = indexOfOrigin[origin] ?? Int32(origins.count)
        if number == origins.count {
            origins.append(origin)
            indexOfOrigin[origin] = number
        }
        streams.append(Stream(id: id, origin: number, path: path, rawHost: rawHost))
        indexOfStream[id] = Int32(streams.count - 1)
        return Int32(streams.count - 1)
    }

    /// Events of a stream may have come first: they do not know the container's name.
    private func name(_ stream: Int32, _ message: JSONCursor, _ record: ScannedRecord) {
        let origin = origins[Int(streams[Int(stream)].origin)]
        guard !origin.container.isEmpty, containerNames[origin.container] == nil, let name = record.containerName else {
            return
        }
        containerNames[origin.container] = message.decoded(name)
    }

    private func isHost(of stream: Int, _ message: JSONCursor, _ host: JSONCursor.Text?) -> Bool {
        guard let host else { return streams[stream].rawHost.isEmpty }
        let isSame = streams[stream].rawHost.withUnsafeBytes {
            $0.count == host.count
                && memcmp($0.baseAddress ?? UnsafeRawPointer(message.base), message.base + host.start, host.count) == 0
        }
        return isSame || message.decoded(host) == origins[Int(streams[stream].origin)].host
    }

    /// Enters what a record stands for in generations before its own: its line was cut by a rotation. Only those of its own
    /// stream can be meant.
    private func accountFormer(_ index: Int, _ partition: Int32, _ record: ScannedRecord, _ message: JSONCursor) {
        let stream = generations[index].stream
        _ = RecordScanner.forEachFormer(message, at: record.former) { file, offset, length in
            let former = indexOfFile[file].map { Int($0) } ?? add(file, stream)
            guard generations[former].stream == stream, runs < runLimit else { return }
            if generations[former].lane < 0 { enterLane(former, partition) }
            let before = generations[former].coverage.count
            generations[former].coverage.isInterleaved = true
            _ = generations[former].coverage.insert(
                offset, offset + length, epoch: lanes[Int(generations[former].lane)].epoch)
            runs += generations[former].coverage.count - before
        }
    }

    /// Enters the range of a record.
    private func account(_ index: Int, _ partition: Int32, _ record: ScannedRecord, _ message: JSONCursor) {
        let start = record.offset - record.skipped
        let epoch = epoch(index, partition, record)
        let before = generations[index].coverage.count
        generations[index].records += 1
        if record.isPiece { generations[index].pieces += 1 }
        if _slowPath(runs >= runLimit), start > generations[index].coverage.end {
            generations[index].isTruncated = true
            return
        }
        var new: UInt64 = 0
        if _slowPath(record.skipped > 0) {
            new = generations[index].coverage.insert(start, record.offset, epoch: epoch)
            generations[index].skipped += new
        }
        if _slowPath(record.parts >= 0) {
            generations[index].coverage.isInterleaved = true
            _ = RecordScanner.forEachPart(message, at: record.parts) { offset, length in
                new += generations[index].coverage.insert(offset, offset + length, epoch: epoch)
                return true
            }
        } else if record.bytes > 0 {
            new += generations[index].coverage.insert(record.offset, record.end, epoch: epoch)
        }
        runs += generations[index].coverage.count - before
        let total = record.skipped + record.bytes
        if _slowPath(new < total) { noteRepetition(index, Span(start, record.end), total: total, new: new) }
    }

    private func noteRepetition(_ index: Int, _ span: Span, total: UInt64, new: UInt64) {
        let details = generations[index].makeDetails()
        if new == 0 {
            details.duplicates += 1
            details.duplicateBytes += total
            return
        }
        details.overlaps += 1
        details.overlapBytes += total - new
        if details.overlapSamples.count < GenerationDetails.sampleLimit { details.overlapSamples.append(span) }
    }

    /// In which epoch of its lane a record comes: a new one where it lies before what the lane had last.
    private func epoch(_ index: Int, _ partition: Int32, _ record: ScannedRecord) -> UInt32 {
        if _slowPath(generations[index].lane < 0) { enterLane(index, partition) }
        let lane = Int(generations[index].lane)
        guard lanes[lane].partition == partition else {
            generations[index].isSpread = true
            return lanes[lane].epoch
        }
        let ordinal = generations[index].ordinal
        // What is interleaved with others ends behind them, though it began before.
        let isBack =
            record.parts < 0 ? record.offset - record.skipped < lanes[lane].lastEnd : record.end <= lanes[lane].lastEnd
        if ordinal < lanes[lane].lastOrdinal || (ordinal == lanes[lane].lastOrdinal && isBack) {
            lanes[lane].epoch += 1
        }
        lanes[lane].lastOrdinal = ordinal
        lanes[lane].lastEnd = record.end
        return lanes[lane].epoch
    }

    private func enterLane(_ index: Int, _ partition: Int32) {
        let stream = generations[index].stream
        let key = UInt64(UInt32(bitPattern: stream)) << 32 | UInt64(UInt32(bitPattern: partition))
        let lane = indexOfLane[key] ?? Int32(lanes.count)
        if lane == lanes.count {
            lanes.append(Lane(stream: stream, partition: partition))
            indexOfLane[key] = lane
        }
        generations[index].lane = lane
        generations[index].ordinal = lanes[Int(lane)].generations
        lanes[Int(lane)].generations += 1
    }
}
