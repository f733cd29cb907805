// How often files that were gone before they could be looked at are announced one by one.
internal import Core

/// A tenant can make and delete files faster than gaps can be written, and gaps are never left out: each declaration
/// names so many such files a minute, then one event says that there were more. Used by the pipeline thread.
struct UnseenBudget {
    enum Decision {
        /// Announce this file.
        case name
        /// Announce that files of the declaration are gone, once for the rest of the minute.
        case summarize
        /// That was said.
        case said
    }

    static let perMinute = 100
    private static let minute = 60 * nanosecondsPerSecond
    private static let capacity = 4096

    private struct Key: Hashable {
        let container: String
        let declaration: String
    }

    private var spent: [Key: (since: Int64, count: Int)] = [:]

    /// `now`: monotonic ns.
    mutating func take(_ container: String, _ declaration: String, now: Int64) -> Decision {
        if spent.count > UnseenBudget.capacity { spent = spent.filter { now - $0.value.since < UnseenBudget.minute } }
        let key = Key(container: container, declaration: declaration)
        var mine = spent[key] ?? (now, 0)
        if now - mine.since >= UnseenBudget.minute { mine = (now, 0) }
        mine.count += 1
        spent[key] = mine
        if mine.count <= UnseenBudget.perMinute { return .name }
        return mine.count == UnseenBudget.perMinute + 1 ? .summarize : .said
    }
}
