// What is kept of a record when millions of them are read: where it lies in its file, and which numbered line it is.
package import Core

/// The range of one record and the numbered line it carried, about 100 bytes. Made from the JSON in one strict pass that
/// builds no values.
package struct RecordSummary: Sendable, Equatable {
    package let fileID: Identifier128
    package let streamID: Identifier128?
    /// First raw byte, `log.file.offset`.
    package let offset: UInt64
    package let byteCount: UInt64
    package let skippedBytes: UInt64
    package let partition: Int32
    package let kafkaOffset: Int64
    /// `observed_timestamp`, as far as the milliseconds of its day; nil without one.
    package let observed: Int64?
    /// nil when the message is no numbered line or its checksum is wrong.
    package let line: NumberedLine?

    /// Throws for whatever is no flat JSON object with `log.file.id`, `log.file.offset` and `log.record.bytes`.
    /// Does not look for duplicate keys: `RecordFields` does.
    package init(_ view: KafkaRecordView) throws(JSONError) {
        var scanner = JSONScanner(view.value)
        var found = Found()
        try scanner.expect(0x7B, "'{'")
        if !scanner.take(0x7D) {
            repeat {
                let name = try scanner.skipString()
                try scanner.expect(0x3A, "':'")
                let value = try scanner.skipValue()
                found.take(name, value, in: scanner)
            } while scanner.take(0x2C)
            try scanner.expect(0x7D, "',' or '}'")
        }
        try scanner.expectEnd()
        guard let fileID = found.fileID, let offset = found.offset, let byteCount = found.byteCount else {
            throw scanner.failure("a record needs log.file.id, log.file.offset and log.record.bytes")
        }
        self.fileID = fileID
        streamID = found.streamID
        self.offset = offset
        self.byteCount = byteCount
        skippedBytes = found.skippedBytes
        partition = view.partition
        kafkaOffset = view.offset
        line = found.line
        observed = found.observed
    }

    /// The fields met so far.
    private struct Found {
        var fileID: Identifier128?
        var streamID: Identifier128?
        var offset: UInt64?
        var byteCount: UInt64?
        var skippedBytes: UInt64 = 0
        var line: NumberedLine?
        var observed: Int64?

        mutating func take(_ name: Range<Int>, _ value: Range<Int>, in scanner: JSONScanner) {
            switch name.count {
            case 7 where scanner.equals(name, "message"): line = scanner.numberedLine(value)
            case 11 where scanner.equals(name, "log.file.id"):
                fileID = scanner.identifier(value)
            case 13 where scanner.equals(name, "log.stream.id"):
                streamID = scanner.identifier(value)
            case 15 where scanner.equals(name, "log.file.offset"): offset = scanner.unsigned(value)
            case 16 where scanner.equals(name, "log.record.bytes"): byteCount = scanner.unsigned(value)
            case 17 where scanner.equals(name, "log.skipped.bytes"): skippedBytes = scanner.unsigned(value) ?? 0
            case 18 where scanner.equals(name, "observed_timestamp"): observed = scanner.millisecondsOfDay(value)
            default: break
            }
        }
    }
}

extension JSONScanner {
    fileprivate func equals(_ range: Range<Int>, _ name: StaticString) -> Bool {
        var index = 0
        while index < range.count {
            if base[range.lowerBound + index] != name.utf8Start[index] { return false }
            index += 1
        }
        return true
    }

    /// 32 digits in a string value, with its quotes.
    fileprivate func identifier(_ range: Range<Int>) -> Identifier128? {
        guard range.count == 34 else { return nil }
        return Identifier128(digits: UnsafeBufferPointer(start: base + range.lowerBound + 1, count: 32))
    }

    /// Of `"2026-11-21T20:46:27.132…Z"`, with its quotes; nil for anything shorter.
    fileprivate func millisecondsOfDay(_ range: Range<Int>) -> Int64? {
        guard range.count >= 25 else { return nil }
        func number(_ place: Int, _ count: Int) -> Int64 {
            (0..<count).reduce(0) { $0 * 10 + Int64(base[range.lowerBound + place + $1] &- 0x30) }
        }
        return ((number(12, 2) * 60 + number(15, 2)) * 60 + number(18, 2)) * 1000 + number(21, 3)
    }

    /// Digits as a number; nil for anything else, and beyond 18 digits.
    fileprivate func unsigned(_ range: Range<Int>) -> UInt64? {
        if range.count > 18 { return nil }
        var value: UInt64 = 0
        var place = range.lowerBound
        while place < range.upperBound {
            let byte = base[place]
            if byte < 0x30 || byte > 0x39 { return nil }
            value = value * 10 + UInt64(byte - 0x30)
            place += 1
        }
        return value
    }

    /// The numbered line in a string value, with its quotes.
    fileprivate func numberedLine(_ range: Range<Int>) -> NumberedLine? {
        guard base[range.lowerBound] == 0x22 else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: range.count) { buffer in
            let length = unescape(range.lowerBound + 1..<range.upperBound - 1, into: buffer.baseAddress!)
            return NumberedLines.check(UnsafeBufferPointer(start: buffer.baseAddress!, count: length))
        }
    }
}
