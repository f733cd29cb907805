// Escaping for log lines: what tenants wrote can neither forge a line or a field nor drive a terminal.
internal import Core

/// Writes text into log lines. A value longer than `limit` bytes is cut and says by how much, so that one line stays bounded.
enum LogText {
    /// Bytes of one message.
    static let messageLimit = 8 * 1024
    /// Bytes of one metadata value.
    static let valueLimit = 2 * 1024

    /// `text` for the message position of a text line: control and format characters become `\u{..}`.
    static func appendMessage(_ text: String, to line: inout [UInt8]) {
        line.append(contentsOf: escapedForTerminal(cut(text, messageLimit)).utf8)
    }

    /// `text` as the key or value of `key=value`: quoted as soon as it holds anything that could be read as something else.
    static func appendToken(_ text: String, to line: inout [UInt8]) {
        let short = cut(text, valueLimit)
        if !short.isEmpty && short.unicodeScalars.allSatisfy(isPlain) {
            line.append(contentsOf: short.utf8)
            return
        }
        line.append(UInt8(ascii: "\""))
        for scalar in short.unicodeScalars {
            switch scalar {
            case "\"", "\\": line.append(contentsOf: [UInt8(ascii: "\\"), UInt8(scalar.value)])
            case "\n": line.append(contentsOf: "\\n".utf8)
            case "\t": line.append(contentsOf: "\\t".utf8)
            default: line.append(contentsOf: escapedForTerminal(String(scalar)).utf8)
            }
        }
        line.append(UInt8(ascii: "\""))
    }

    /// `text` as a JSON string (RFC 8259 section 7). Beyond what the RFC asks, every control and format character is
    /// written as `\uXXXX`, so that a line is safe to show on a terminal as it is.
    static func appendJSON(_ text: String, limit: Int, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        for scalar in cut(text, limit).unicodeScalars {
            switch scalar {
            case "\"", "\\": line.append(contentsOf: [UInt8(ascii: "\\"), UInt8(scalar.value)])
            case "\n": line.append(contentsOf: "\\n".utf8)
            case "\t": line.append(contentsOf: "\\t".utf8)
            default:
                if isSafe(scalar) { line.append(contentsOf: UTF8.encode(scalar)!) } else { append(scalar, to: &line) }
            }
        }
        line.append(UInt8(ascii: "\""))
    }

    /// `\uXXXX` for each UTF-16 code unit of `scalar`.
    private static func append(_ scalar: Unicode.Scalar, to line: inout [UInt8]) {
        for unit in UTF16.encode(scalar)! {
            line.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "u")])
            for shift in [12, 8, 4, 0] {
                line.append(hexadecimalDigit(UInt8(truncatingIfNeeded: unit >> UInt16(shift)) & 15))
            }
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        isSafe(scalar) && !scalar.properties.isWhitespace && scalar != "\"" && scalar != "\\" && scalar != "="
    }

    private static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: return false
        default: return true
        }
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        let count = text.utf8.count
        if count <= limit { return text }
        return String(decoding: text.utf8.prefix(limit), as: UTF8.self) + "... (\(count - limit) bytes more)"
    }
}
