// Whether the daemon does its work: the answer of /readyz.

/// Filled by the composition root. `reasons` are shown to anybody who can reach the metrics port: one line each, without
/// paths, labels or log text.
package struct Readiness: Sendable, Equatable {
    package let ready: Bool
    package let reasons: [String]

    package init(ready: Bool, reasons: [String] = []) {
        self.ready = ready
        self.reasons = reasons
    }
}
