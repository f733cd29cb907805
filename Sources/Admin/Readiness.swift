// Whether the daemon does its work: the answer of /readyz.

/// Filled by the composition root. `reasons`, and `notes` that change nothing about it, are shown to anybody who can reach the metrics port: one line each, without
/// paths, labels or log text.
package struct Readiness: Sendable, Equatable {
    package let ready: Bool
    package let reasons: [String]
    package let notes: [String]

    package init(ready: Bool, reasons: [String] = [], notes: [String] = []) {
        self.ready = ready
        self.reasons = reasons
        self.notes = notes
    }
}
