// Sizes and durations as people read them.

/// Rounded, with at most four characters before the unit.
package enum HumanUnits {
    /// `0 B`, `1023 B`, `1.2 MiB`, `512 GiB`.
    package static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][...]
        // 1023.95 would be shown as 1024.0.
        while value >= (units.first == "B" ? 1024 : 1023.95), units.count > 1 {
            value /= 1024
            units = units.dropFirst()
        }
        return (units.first == "B" ? "\(count)" : decimal(value)) + " " + units.first!
    }

    /// As `humanDuration`.
    package static func duration(_ seconds: Double) -> String { humanDuration(seconds) }

    /// One digit after the point, none from 100 on.
    private static func decimal(_ value: Double) -> String {
        if value >= 99.95 { return "\(Int(value.rounded()))" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
