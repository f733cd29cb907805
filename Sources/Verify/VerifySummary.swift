// Sums by container and declaration, and the generations that are worth a look.

/// What is kept of all verdicts: sums, and the first notable generations, those with holes before all others.
package struct VerifySummary: Sendable {
    /// A row of the table.
    package struct Group: Hashable, Sendable {
        package let host: String
        /// Name, else the first 12 digits of the id; empty for files of the host.
        package let container: String
        package let declaration: String
    }

    package private(set) var totals = VerdictTotals()
    package private(set) var groups: [Group: VerdictTotals] = [:]
    package private(set) var holed: [GenerationVerdict] = []
    package private(set) var notable: [GenerationVerdict] = []
    package private(set) var notables: UInt64 = 0
    private let limit: Int

    /// `limit`: how many generations of each kind are kept.
    package init(limit: Int) { self.limit = limit }

    /// Of all generations of `verifier`; `also` gets each verdict.
    package init(_ verifier: Verifier, limit: Int, also: (GenerationVerdict) -> Void = { _ in }) {
        self.init(limit: limit)
        verifier.judge {
            add($0)
            also($0)
        }
    }

    private mutating func add(_ verdict: GenerationVerdict) {
        totals.add(verdict)
        groups[VerifySummary.group(verdict.origin), default: VerdictTotals()].add(verdict)
        guard verdict.isNotable else { return }
        notables += 1
        if verdict.holeBytes > 0 {
            if holed.count < limit { holed.append(verdict) }
        } else if notable.count < limit {
            notable.append(verdict)
        }
    }

    private static func group(_ origin: Origin) -> Group {
        Group(
            host: origin.host,
            container: origin.containerName.isEmpty ? String(origin.container.prefix(12)) : origin.containerName,
            declaration: origin.declaration)
    }

    /// No byte is missing without an announcement.
    package var hasPassed: Bool { totals.holeBytes == 0 }

    /// In the order of names.
    package var sortedGroups: [(group: Group, totals: VerdictTotals)] {
        groups.sorted {
            ($0.key.host, $0.key.container, $0.key.declaration) < ($1.key.host, $1.key.container, $1.key.declaration)
        }.map { ($0.key, $0.value) }
    }
}
