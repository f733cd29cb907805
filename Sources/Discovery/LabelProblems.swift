// Collects what is wrong with the labels of one container, within bounds.
internal import Core

/// Problems of one reading: at most `LabelLimits.problems`, then one that says how many more there are.
struct LabelProblems {
    private var kept: [LabelProblem] = []
    private var more = 0

    /// True once further problems are only counted.
    var isFull: Bool { kept.count >= LabelLimits.problems }

    mutating func add(
        _ declaration: String, _ label: LabelEntry, _ message: String, _ remedy: String, isFatal: Bool = false
    ) {
        if isFull {
            more += 1
            return
        }
        kept.append(
            LabelProblem(
                declaration: declaration, key: LabelText.shortened(label.key), value: LabelText.shortened(label.value),
                message: message, remedy: remedy, isFatal: isFatal))
    }

    /// All there is to say.
    var list: [LabelProblem] {
        if more == 0 { return kept }
        return kept + [
            LabelProblem(
                declaration: "", key: "", value: "", message: "\(more) more problems of this container's labels",
                remedy: "correct the ones above first")
        ]
    }
}

/// One label as the container has it.
struct LabelEntry: Hashable {
    let key: String
    let value: String
}

/// Texts of labels, taken byte by byte: a combining character must not hide a slash, a dot or a comma.
enum LabelText {
    /// At most `LabelLimits.shown` bytes, cut between two characters; longer ones end with `…`.
    static func shortened(_ text: String) -> String {
        let bytes = text.utf8
        guard bytes.count > LabelLimits.shown else { return text }
        var end = LabelLimits.shown - "…".utf8.count
        let head = Array(bytes.prefix(end + 1))
        while end > 0, head[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: head[..<end], as: UTF8.self) + "…"
    }

    /// Text without blanks around it.
    static func trimmed(_ text: some Sequence<UInt8>) -> String {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var bytes = Array(text)[...]
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(decoding: bytes.drop(while: isBlank), as: UTF8.self)
    }

    /// The items of a list, trimmed, empty ones left out; at most `limit` of them.
    static func items(
        _ text: String, separators: [UInt8] = [0x2C], limit: Int = LabelLimits.items
    ) -> (items: [String], isCut: Bool) {
        var items: [String] = []
        var rest = text.utf8[...]
        while !rest.isEmpty {
            let end = rest.firstIndex { separators.contains($0) } ?? rest.endIndex
            let item = trimmed(rest[..<end])
            rest = rest[end...].dropFirst()
            if item.isEmpty { continue }
            if items.count == limit { return (items, true) }
            items.append(item)
        }
        return (items, false)
    }

    /// True with a C0 or C1 control character or DEL.
    static func hasControl(_ text: String) -> Bool {
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte < 0x20 || byte == 0x7F || previous == 0xC2 && byte < 0xA0 { return true }
            previous = byte
        }
        return false
    }

    /// [a-z0-9_-]{1,32}
    static func isName(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte)
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// A name as it would be legal: lower case, other bytes as `_`; nil when it is empty or too long.
    static func legalName(_ text: some Sequence<UInt8>) -> String? {
        var name: [UInt8] = []
        for byte in text {
            if name.count == 32 { return nil }
            let lower = (0x41...0x5A).contains(byte) ? byte + 0x20 : byte
            name.append(isNameByte(lower) ? lower : UInt8(ascii: "_"))
        }
        return name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
    }
}
