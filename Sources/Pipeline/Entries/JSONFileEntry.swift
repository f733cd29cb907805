// One line of Docker's json-file log.
internal import Glibc

/// Finds the members of an entry: fast where they stand as Docker's driver writes them, strictly otherwise.
enum JSONFileEntry {
    /// Docker cuts lines into entries of this many bytes; what ends before that without a newline is an output's last word
    /// (moby, daemon/logger/copier.go).
    static let partSize = 16 << 10

    /// `{"log":"…","stream":"stdout","time":"…"}`: the places of its members, found from both ends. That the text is string
    /// content is seen when it is rewritten; where it is not, or the line looks otherwise, `scanStrictly` decides.
    @inline(__always)
    static func scan(_ line: UnsafePointer<UInt8>, count: Int) -> ScannedEntry? {
        // {"log":"","stream":"stdout","time":"2006-01-02T15:04:05Z"}
        guard count >= 57, line[count - 1] == 0x7D, line[count - 2] == 0x22, memcmp(line, "{\"log\":\"", 8) == 0
        else { return nil }
        let timeEnd = line + count - 2
        var time = timeEnd - 20
        let first = max(line + 8, timeEnd - EntryTime.maximumCount)
        while time > first, time[-1] != 0x22 { time -= 1 }
        let names = time - 28
        guard names > line + 7, memcmp(names, "\",\"stream\":\"std", 15) == 0,
            memcmp(time - 10, "\",\"time\":\"", 10) == 0
        else { return nil }
        let stream: OutputStream
        if memcmp(names + 15, "out", 3) == 0 {
            stream = .output
        } else if memcmp(names + 15, "err", 3) == 0 {
            stream = .errors
        } else {
            return nil
        }
        return ScannedEntry(
            text: line + 8, count: names - (line + 8), time: time, timeCount: timeEnd - time, stream: stream)
    }

    /// Any JSON object that has `log`, `stream` and `time` as strings, in any order and with others beside them (`attrs`);
    /// of members that stand twice the last counts, as in Docker's own reader.
    @inline(never)
    static func scanStrictly(_ line: UnsafePointer<UInt8>, count: Int) -> ScannedEntry? {
        var reader = StrictJSONReader(line, count: count)
        var text: UnsafeBufferPointer<UInt8>?
        var time: UnsafeBufferPointer<UInt8>?
        var stream: OutputStream?
        let isObject = reader.object { name, reader in
            if name.elementsEqual("log".utf8) {
                text = reader.string()
                return text != nil
            }
            if name.elementsEqual("time".utf8) {
                time = reader.string()
                return time != nil
            }
            guard name.elementsEqual("stream".utf8) else { return reader.skipValue() }
            guard let value = reader.string() else { return false }
            stream = value.elementsEqual("stdout".utf8) ? .output : value.elementsEqual("stderr".utf8) ? .errors : nil
            return true
        }
        guard isObject, reader.isAtEnd, let text, let time, let stream, let start = text.baseAddress,
            let timeStart = time.baseAddress
        else { return nil }
        return ScannedEntry(text: start, count: text.count, time: timeStart, timeCount: time.count, stream: stream)
    }
}
