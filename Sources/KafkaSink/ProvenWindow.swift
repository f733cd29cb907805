// How much a topic may have in flight by what it has shown to get rid of.
internal import Core

/// A window that grows with every acknowledgement by as much as was acknowledged (it doubles each round trip, as TCP's slow
/// start does), and is cut down once a second when more is in flight than two seconds of the present pace. A topic that
/// is stuck gets no further than its reserve, and one that crawls takes no more of the queue than it can use.
/// Needs no work per record: it compares counters that are kept anyway.
struct ProvenWindow {
    /// What may be in flight, less what was acknowledged since `mark`; nil: nothing is known yet.
    private var base: Int?
    /// The topic's counter of acknowledged units at the last look, and monotonic ns of then.
    private var mark: UInt64 = 0
    private var since: Int64 = 0
    /// At the last look more was in flight than useful. Once is no proof: it may have been produced a moment before.
    private var wasTooMuch = false

    private static let interval = nanosecondsPerSecond
    private static let usefulSeconds = 2.0

    /// Units that may be in flight now. `acknowledged`: the counter; `held`: units in flight; `first`: what a topic begins
    /// with of which nothing is known; `now`: monotonic ns.
    mutating func window(acknowledged: UInt64, held: Int, reserve: Int, first: Int, now: Int64) -> Int {
        let gained = Int(clamping: acknowledged &- mark)
        let grown = min((base ?? first) + gained, Int(Int32.max))
        let elapsed = now - since
        guard elapsed >= ProvenWindow.interval else { return grown }
        let seconds = Double(elapsed) / Double(nanosecondsPerSecond)
        let useful = reserve + Int(Double(gained) / seconds * ProvenWindow.usefulSeconds)
        let isTooMuch = since != 0 && held > useful
        if isTooMuch, wasTooMuch {
            base = useful
        } else if base != nil || gained > 0 {
            base = grown
        }
        wasTooMuch = isTooMuch
        mark = acknowledged
        since = now
        return base ?? first
    }

    /// The topic was in trouble: it begins with its reserve.
    mutating func fall(to reserve: Int, acknowledged: UInt64, now: Int64) {
        base = reserve
        mark = acknowledged
        since = now
        wasTooMuch = false
    }
}
