// Everything of a record that is constant for a chunk: rendered once, copied per line.
internal import Core
internal import Glibc

/// A growing byte buffer with a stable address, for the constant parts of a record. Owned by one encoder.
struct TemplateBytes: ~Copyable {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    mutating func removeAll() { count = 0 }
    mutating func truncate(to count: Int) { self.count = count }

    mutating func append(_ bytes: [UInt8]) {
        reserve(bytes.count)
        bytes.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { memcpy(base + count, start, source.count) }
        }
        count += bytes.count
    }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, start, bytes.count)
        count += bytes.count
    }

    mutating func append(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        memcpy(base + count, text.utf8Start, text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    mutating func append(_ identifier: Identifier128) {
        reserve(32)
        count = identifier.write(base + count) - base
    }

    mutating func append(_ timestamp: Timestamp) {
        reserve(Timestamp.byteCount)
        count = timestamp.write(base + count) - base
    }

    private mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        capacity = max(2 * capacity, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        memcpy(larger, base, count)
        base.deallocate()
        base = larger
    }
}

/// Renders flat members as they stand behind another member of a record: `,"name":"value",…`.
package func renderMembers(_ members: [(name: String, value: [UInt8])]) -> [UInt8] {
    var text = JSONText()
    text.begin()
    for member in members { text.member(member.name, rawBytes: member.value) }
    if members.isEmpty { return [] }
    return [0x2C] + text.bytes.dropFirst()
}

/// The two constant halves of a record around the message:
/// `{"@timestamp":"…","observed_timestamp":"…","message":"` and `","host.name":…,"log.file.id":"…","log.file.offset":`.
struct RecordTemplate: ~Copyable {
    /// Where the `@timestamp` stands in the head, `Timestamp.byteCount` bytes.
    static let timePlace = 15
    var head = TemplateBytes(capacity: 160)
    var tail = TemplateBytes(capacity: 1024)
    private let nodeLength: Int

    /// `nodeMembers`: the node's fields as `renderMembers` gives them.
    init(nodeMembers: [UInt8]) {
        tail.append("\"")
        tail.append(nodeMembers)
        nodeLength = tail.count
    }

    mutating func stamp(_ observed: Timestamp) {
        head.removeAll()
        head.append("{\"@timestamp\":\"")
        head.append(observed)
        head.append("\",\"observed_timestamp\":\"")
        head.append(observed)
        head.append("\",\"message\":\"")
    }

    mutating func describe(
        stream: StreamID, file: FileID, declarationMembers: [UInt8], path: UnsafeBufferPointer<UInt8>,
        resolvedPath: [UInt8]?
    ) {
        tail.truncate(to: nodeLength)
        tail.append(declarationMembers)
        tail.append(",\"log.stream.id\":\"")
        tail.append(stream.value)
        tail.append("\",\"log.file.path\":\"")
        appendPath(path)
        if let resolvedPath {
            tail.append("\",\"log.file.path_resolved\":\"")
            resolvedPath.withUnsafeBufferPointer { appendPath($0) }
        }
        tail.append("\",\"log.file.id\":\"")
        tail.append(file.value)
        tail.append("\",\"log.file.offset\":")
    }

    /// A path without anything to escape is copied; any other is rendered as text (invalid UTF-8 as `\xHH`).
    private mutating func appendPath(_ path: UnsafeBufferPointer<UInt8>) {
        let isPlain = path.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
        if isPlain { return tail.append(path) }
        var text = JSONText()
        text.string(rawBytes: path)
        tail.append(Array(text.bytes.dropFirst().dropLast()))
    }
}
