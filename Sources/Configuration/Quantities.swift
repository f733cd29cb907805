// Sizes (64KiB) and durations (250ms): text to value and back.

/// Sizes in bytes: a whole number and a unit, without a space: 512B, 10kB, 64KiB, 10MB, 1MiB, 2GiB.
package enum SizeText {
    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20),
        ("MB", 1_000_000), ("KiB", 1 << 10), ("kB", 1000), ("KB", 1000), ("B", 1),
    ]

    /// Bytes, or nil when the text is no size or overflows. `0` needs no unit.
    package static func parse(_ text: String) -> Int? {
        if text == "0" { return 0 }
        guard let (number, unit) = split(text) else { return nil }
        return units.first { $0.name == unit }.flatMap { scaled(number, by: Int64($0.bytes)) }.map { Int($0) }
    }

    /// The shortest exact text, in the largest unit that divides it: 64KiB, 10MB.
    package static func render(_ bytes: Int) -> String {
        if bytes == 0 { return "0B" }
        let all = units.filter { bytes % $0.bytes == 0 }.map { "\(bytes / $0.bytes)\($0.name)" }
        return all.min { $0.count < $1.count }!
    }
}

/// Durations in nanoseconds: a whole number and one of ns, us, ms, s, m, h, d, without a space.
package enum DurationText {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1000), ("ns", 1),
    ]

    /// Nanoseconds, or nil when the text is no duration or overflows. `0` needs no unit.
    package static func parse(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        guard let (number, unit) = split(text) else { return nil }
        return units.first { $0.name == unit }.flatMap { scaled(number, by: $0.nanoseconds) }
    }

    /// The exact text in the largest unit that divides it: 250ms, 5m, 1h.
    package static func render(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        let unit = units.first { nanoseconds % $0.nanoseconds == 0 }!
        return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
    }
}

/// Digits and what follows them; nil without digits or beyond 64 bits.
private func split(_ text: String) -> (number: Int64, unit: String)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let number = Int64(digits) else { return nil }
    return (number, String(text[digits.endIndex...]))
}

private func scaled(_ number: Int64, by factor: Int64) -> Int64? {
    let (value, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : value
}
