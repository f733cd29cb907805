// Durations as people read them.

/// `0.2 s`, `59 s`, `3m 12s`, `5h 3m`, `12d 4h`; rounded.
package func humanDuration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e12 else { return "?" }
    if seconds < 9.95 {
        let tenths = Int((max(0, seconds) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60)m \(whole % 60)s"
    case ..<86_400: return "\(whole / 3600)h \(whole / 60 % 60)m"
    default: return "\(whole / 86_400)d \(whole / 3600 % 24)h"
    }
}
