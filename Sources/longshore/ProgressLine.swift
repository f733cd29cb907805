// One line on standard error that says how far a long command is.
internal import Core
internal import Verify

/// Draws over itself: a bar, the rate and what is left. Shows nothing where standard error is no terminal.
final class ProgressLine {
    private let isShown: Bool
    private var isDrawn = false
    private static let barWidth = 24

    init(isShown: Bool) { self.isShown = isShown }

    /// Draws the present state; at most 79 columns.
    func show(_ progress: VerifyProgress) {
        guard isShown else { return }
        isDrawn = true
        StandardStreams.write("\r" + ProgressLine.text(progress) + "\u{1b}[K", to: .error)
    }

    /// Takes the line away.
    func clear() {
        guard isDrawn else { return }
        isDrawn = false
        StandardStreams.write("\r\u{1b}[K", to: .error)
    }

    static func text(_ progress: VerifyProgress) -> String {
        let part = progress.total > 0 ? min(1, Double(progress.passed) / Double(progress.total)) : 1
        let full = Int(part * Double(barWidth))
        let bar = String(repeating: "#", count: full) + String(repeating: ".", count: barWidth - full)
        let rate = progress.seconds > 0 ? Double(progress.messages) / progress.seconds : 0
        let pace = progress.seconds > 0 ? Double(progress.passed) / progress.seconds : 0
        let left = pace > 0 ? ", \(humanDuration(Double(progress.total - progress.passed) / pace)) left" : ""
        return "[\(bar)] \(Int(part * 100))%  \(progress.messages) messages, \(Int(rate)) a second\(left)"
    }
}
