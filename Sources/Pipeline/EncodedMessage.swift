// The message of a record that was encoded before, without decoding the record.

/// Finds the beginning of the message in an encoded record, still escaped as JSON, so that it can be written into another
/// object as it is.
package enum EncodedMessage {
    private static let marker = Array(#","message":""#.utf8)
    /// The message follows two times of constant width.
    private static let searched = 160

    /// The first `textBytes` of the message at most (counted as the text itself, in UTF-8), in at most `escapedBytes`;
    /// never cut inside a character. `isWhole`: that is all of it. Nil when `record` has no message. A record that was cut
    /// off itself ends the message.
    package static func prefix(
        of record: [UInt8], textBytes: Int, escapedBytes: Int
    ) -> (escaped: ArraySlice<UInt8>, isWhole: Bool)? {
        guard let start = start(in: record) else { return nil }
        var place = start
        var text = 0
        while place < record.count, record[place] != 0x22 {
            let length = characterLength(record, place)
            // An escape stands for one byte of text: only control characters, quotes and backslashes are escaped.
            let size = record[place] == 0x5C ? 1 : length
            guard place + length <= record.count, text + size <= textBytes, place + length - start <= escapedBytes
            else { break }
            place += length
            text += size
        }
        return (record[start..<place], place < record.count && record[place] == 0x22)
    }

    private static func start(in record: [UInt8]) -> Int? {
        let last = min(record.count, searched) - marker.count
        guard last >= 0 else { return nil }
        return (0...last).first { record[$0..<$0 + marker.count].elementsEqual(marker) }.map { $0 + marker.count }
    }

    /// Bytes of one escaped character: RFC 8259 section 7, RFC 3629.
    private static func characterLength(_ record: [UInt8], _ place: Int) -> Int {
        switch record[place] {
        case 0x5C: place + 1 < record.count && record[place + 1] == 0x75 ? 6 : 2
        case 0xC0..<0xE0: 2
        case 0xE0..<0xF0: 3
        case 0xF0...0xFF: 4
        default: 1
        }
    }
}
