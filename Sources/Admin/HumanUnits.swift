// Sizes and durations as people read them.

/// Rounded, with at most four characters before the unit.
enum HumanUnits {
    /// `0 B`, `1023 B`, `1.2 MiB`, `512 GiB`.
    static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][...]
        // 1023.95 would be shown as 1024.0.
        while value >= (units.first == "B" ? 1024 : 1023.95), units.count > 1 {
            value /= 1024
            units = units.dropFirst()
        }
        return (units.first == "B" ? "\(count)" : decimal(value)) + " " + units.first!
    }

    /// `0.2 s`, `59 s`, `3m 12s`, `5h 3m`, `12d 4h`.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "?" }
        if seconds < 10 { return decimal(max(0, seconds)) + " s" }
        let whole = Int(seconds.rounded())
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3600: return "\(whole / 60)m \(whole % 60)s"
        case ..<86_400: return "\(whole / 3600)h \(whole / 60 % 60)m"
        default: return "\(whole / 86_400)d \(whole / 3600 % 24)h"
        }
    }

    /// One digit after the point, none from 100 on.
    private static func decimal(_ value: Double) -> String {
        if value >= 99.95 { return "\(Int(value.rounded()))" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
