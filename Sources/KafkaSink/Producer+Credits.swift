// How many records a topic may have in flight: its reserve, its part of what is free, and caution after a refused request.
package import Core

extension Producer {
    /// How the queue is shared among the topics of records. Control records have places of their own (`queueMargin`).
    package var sharing: SharedThreshold {
        SharedThreshold(
            capacity: options.queueMessages, owners: dataTopicCount,
            largestReserve: Topic.slowCredit)
    }

    /// How many records may be produced to a topic now. Who produces no more than this after asking keeps the sum over all
    /// topics within the queue, in any order, and also when topics are opened later. A topic may always have its reserve
    /// in flight; beyond it, its part of what is free, but no more than it has shown to get rid of: one that is stuck or
    /// slow takes nothing from others. Without an acknowledgement for two seconds it has its reserve only.
    package func credit(_ index: Int, now: Int64) -> Int {
        guard topics[index].state == .healthy, !topics[index].isForControl else { return 0 }
        // What does not move is no reason for the rest of the topic to wait.
        let held = topics[index].inFlight - topics[index].stuck
        if topics[index].caution != nil, held > 0 { return 0 }
        let sharing = self.sharing
        var window = topics[index].recordWindow.window(
            acknowledged: topics[index].acknowledgedRecords, held: held, reserve: sharing.reserve,
            first: sharing.unproven, now: now)
        if topics[index].isSlow(now: now) { window = min(window, sharing.reserve) }
        window = min(window, topics[index].caution ?? .max)
        return max(0, min(sharing.allowance(held: held, total: recordsInQueue), window - held))
    }

    /// Records in flight over all topics, without control records.
    private var recordsInQueue: Int { controlTopics.reduce(inFlight) { $0 - topics[$1].inFlight } }

    /// Bytes of arenas that a topic may hold which holds `held` now, by what it has shown to get rid of; `reserve`: always.
    package func byteWindow(_ index: Int, held: Int, in sharing: SharedThreshold, now: Int64) -> Int {
        topics[index].byteWindow.window(
            acknowledged: topics[index].acknowledgedBytes, held: held, reserve: sharing.reserve,
            first: sharing.unproven, now: now)
    }

    /// Trouble: the topic begins anew, with its reserves.
    func forgetWindows(_ index: Int, now: Int64) {
        topics[index].recordWindow.fall(
            to: sharing.reserve, acknowledged: topics[index].acknowledgedRecords, now: now)
        topics[index].byteWindow.fall(to: 0, acknowledged: topics[index].acknowledgedBytes, now: now)
    }

    /// A place for a control record (an audit event, a dead letter): they have `queueMargin` places together. False when
    /// all are taken.
    var takesControlRecord: Bool {
        controlTopics.reduce(0) { $0 + topics[$1].inFlight } < KafkaOptions.queueMargin
    }
}
