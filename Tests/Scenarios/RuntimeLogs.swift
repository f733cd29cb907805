// What runtimes' logs hold, read without Longshore: the scenarios' own measure of what must arrive.
import Glibc
import TestSupport

/// Reads logs of the forms of json-file and CRI.
enum RuntimeLogs {
    /// Whole lines with the name of their output before each: `stdout text`. `files`: all of one container's log, in any
    /// order.
    static func lines(in files: [String]) throws -> Set<String> {
        var lines: Set<String> = []
        var open: [String: [UInt8]] = [:]
        for file in try files.map({ (path: $0, content: try readWholeFile($0)) }).sorted(by: isEarlier) {
            for line in file.content.split(separator: 0x0A) {
                guard let (stream, text, isEnd) = try entry(Array(line)) else {
                    throw FixtureError("\(file.path): \(String(decoding: line.prefix(80), as: UTF8.self))")
                }
                open[stream, default: []] += text
                guard isEnd, let whole = open.removeValue(forKey: stream) else { continue }
                lines.insert("\(stream) \(String(decoding: whole, as: UTF8.self))")
            }
        }
        for (stream, text) in open { lines.insert("\(stream) \(String(decoding: text, as: UTF8.self))") }
        return lines
    }

    /// By the time of the first entry; an empty one comes last.
    private static func isEarlier(
        _ left: (path: String, content: [UInt8]), _ right: (path: String, content: [UInt8])
    ) -> Bool {
        guard let one = firstTime(left.content), let other = firstTime(right.content) else {
            return !left.content.isEmpty
        }
        return one < other
    }

    private static func firstTime(_ content: [UInt8]) -> String? {
        let line = Array(content.prefix { $0 != 0x0A })
        guard line.first == 0x7B else {
            return line.split(separator: 0x20).first.map { String(decoding: $0, as: UTF8.self) }
        }
        return (try? JSONValue(parsing: line))?["time"]?.string
    }

    private static func entry(_ line: [UInt8]) throws -> (stream: String, text: [UInt8], isEnd: Bool)? {
        if line.first == 0x7B {
            let object = try JSONValue(parsing: line)
            guard let stream = object["stream"]?.string, var text = object["log"]?.string else { return nil }
            let isEnd = text.unicodeScalars.last == "\n"
            if isEnd { text.unicodeScalars.removeLast() }
            return (stream, Array(text.utf8), isEnd || text.utf8.count < 16 << 10)
        }
        let words = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4 else { return nil }
        return (String(decoding: words[1], as: UTF8.self), Array(words[3]), words[2] == [0x46])
    }
}
