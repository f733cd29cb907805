// The smallest history that still fails.
import Core

/// Leaves out steps, many at a time first, then one by one, for as long as `fails` stays true and time is left.
func shrink(_ steps: [ModelStep], seconds: Int64 = 60, fails: ([ModelStep]) -> Bool) -> [ModelStep] {
    let end = Clock.monotonic() + seconds * nanosecondsPerSecond
    var least = steps
    var size = max(1, least.count / 2)
    while true {
        var hasShrunk = false
        var place = 0
        while place < least.count {
            guard Clock.monotonic() < end else { return least }
            var candidate = least
            candidate.removeSubrange(place..<min(place + size, least.count))
            if fails(candidate) {
                least = candidate
                hasShrunk = true
            } else {
                place += size
            }
        }
        if size == 1, !hasShrunk { break }
        size = max(1, size / 2)
    }
    for place in least.indices {
        for simpler in simplified(least[place]) {
            var candidate = least
            candidate[place] = simpler
            if fails(candidate) { least = candidate }
        }
    }
    return least
}

/// Steps that do less than this one.
private func simplified(_ step: ModelStep) -> [ModelStep] {
    switch step {
    case .append(let name, let lines, _) where lines > 1: [.append(name, lines: 1, ends: true)]
    case .append(let name, let lines, false): [.append(name, lines: lines, ends: true)]
    case .copyTruncate(let old, let new, let late) where late > 0:
        [.copyTruncate(old, new, late: 0), .copy(old, new), .truncate(old, percent: 0)]
    case .copyTruncate(let old, let new, _): [.copy(old, new), .truncate(old, percent: 0)]
    case .rotate(let name, let depth): [.rename(name, name + ".1")] + (depth > 1 ? [.rotate(name, depth: 1)] : [])
    case .truncate(let name, let percent) where percent > 0: [.truncate(name, percent: 0)]
    case .pass(let seconds) where seconds > 1: [.look, .pass(seconds: 1)]
    default: []
    }
}
