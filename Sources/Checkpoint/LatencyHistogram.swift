// How long records take from production to acknowledgement.
internal import Core

/// Counts per bucket of `DeliveryLatency.boundsSeconds` (the last bucket is +Inf) and their sum.
package struct LatencyHistogram {
    private var buckets = [UInt64](repeating: 0, count: DeliveryLatency.boundsSeconds.count + 1)
    private let bounds = DeliveryLatency.boundsSeconds.map { Int64($0 * Double(nanosecondsPerSecond)) }
    private var sum: Int64 = 0

    package init() {}

    package mutating func record(nanoseconds: Int64) {
        var bucket = 0
        while bucket < bounds.count, nanoseconds > bounds[bucket] { bucket &+= 1 }
        buckets[bucket] &+= 1
        sum &+= nanoseconds
    }

    /// Cumulative counts, as Prometheus has them.
    package var cumulative: [UInt64] {
        var total: UInt64 = 0
        return buckets.map {
            total += $0
            return total
        }
    }

    package var sumSeconds: Double { Double(sum) / Double(nanosecondsPerSecond) }
}
