// One log event as one line of bytes: text or JSON, for a terminal, a file or the journal.
internal import Core
package import Logging

/// How log lines look: the configuration's `log.format`.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-21T19:45:00.123Z info  engine: message key=value`
    case text
    /// One object per line with the keys "@timestamp", "log.level", "log.logger", "message" and the metadata, flat.
    case json
}

/// Renders log events. A value without state; every line ends with its only newline.
package struct LogFormatter: Sendable {
    private let format: LogFormat
    private let journal: Bool

    /// With `journal`, lines begin with their syslog priority `<N>` (sd-daemon(3)), which journald takes off again;
    /// text lines then leave out the time stamp, since journald has its own.
    package init(format: LogFormat, journal: Bool) {
        self.format = format
        self.journal = journal
    }

    /// The line for one event; `wall` is nanoseconds since 1970.
    package func line(
        wall: Int64, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata = [:]
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(160)
        if journal { line.append(contentsOf: "<\(level.syslogPriority)>".utf8) }
        switch format {
        case .text: appendText(wall, level, label, message, metadata, to: &line)
        case .json: appendObject(wall, level, label, message, metadata, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private func appendText(
        _ wall: Int64, _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata,
        to line: inout [UInt8]
    ) {
        if !journal {
            line.append(contentsOf: milliseconds(wall).utf8)
            line.append(UInt8(ascii: " "))
        }
        let name = level.rawValue
        line.append(contentsOf: (name + String(repeating: " ", count: max(0, 5 - name.utf8.count)) + " ").utf8)
        LogText.appendMessage(label, to: &line)
        line.append(contentsOf: ": ".utf8)
        LogText.appendMessage(message, to: &line)
        for (key, value) in flat(metadata) {
            line.append(UInt8(ascii: " "))
            LogText.appendToken(key, to: &line)
            line.append(UInt8(ascii: "="))
            LogText.appendToken(value, to: &line)
        }
    }

    private func appendObject(
        _ wall: Int64, _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata,
        to line: inout [UInt8]
    ) {
        let own = [
            ("@timestamp", milliseconds(wall)), ("log.level", level.rawValue), ("log.logger", label),
            ("message", message),
        ]
        // A metadata key never appears beside one of our own: readers differ in which of two equal keys they take.
        let names = Set(own.map(\.0))
        let extra = flat(metadata).map { (names.contains($0.0) ? "metadata." + $0.0 : $0.0, $0.1) }
        for (index, (key, value)) in (own + extra).enumerated() {
            line.append(UInt8(ascii: index == 0 ? "{" : ","))
            LogText.appendJSON(key, limit: LogText.valueLimit, to: &line)
            line.append(UInt8(ascii: ":"))
            LogText.appendJSON(value, limit: key == "message" ? LogText.messageLimit : LogText.valueLimit, to: &line)
        }
        line.append(UInt8(ascii: "}"))
    }

    /// Metadata sorted by key, dictionaries as `key.member`, arrays as one text.
    private func flat(_ metadata: Logger.Metadata, below prefix: String = "") -> [(String, String)] {
        metadata.sorted { $0.key < $1.key }.flatMap { key, value -> [(String, String)] in
            switch value {
            case .dictionary(let members): flat(members, below: prefix + key + ".")
            case .string, .stringConvertible, .array: [(prefix + key, "\(value)")]
            }
        }
    }

    /// RFC 3339 in UTC with milliseconds.
    private func milliseconds(_ wall: Int64) -> String { Timestamp(nanoseconds: wall).description.prefix(23) + "Z" }
}

extension Logger.Level {
    /// syslog(3)'s severities.
    var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
