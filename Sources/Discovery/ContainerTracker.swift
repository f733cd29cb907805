// Events, inspections and lists turned into changes: per container in order, nothing lost, nothing told twice.
internal import Core

/// What is known of a runtime's containers. A pure state machine: events and answers go in; changes, and ids to inspect,
/// come out. Each container has a queue of its own: one that is slow to inspect holds up nobody else.
struct ContainerTracker {
    private struct Step {
        var event: RuntimeEvent
        /// nil: a reconciliation asks for it.
        var sequence: Int?
        var cost = 0
    }

    private struct Track {
        var record: ContainerRecord?
        /// As it was listed, until it is inspected.
        var listed: ContainerRecord?
        /// It was not in the list after a reconnect: its last events may still come.
        var isGone = false
        /// The runtime knows it no more: it is not asked again.
        var isVanished = false
        /// The record is a guess: inspect it at the next reconciliation.
        var isStale = false
        var isOutOfMemory = false
        var wasKilled = false
        /// Sequence of its newest event.
        var touched = 0
        var waiting: [Step] = []
        /// What the inspection under way answers; empty: there is none.
        var inspected: [Step] = []
    }

    private let runtime: String
    private var tracks: [String: Track] = [:]
    /// Destroyed containers with the sequence of the event: late events and old lists must not bring them back.
    private var destroyed: [String: Int] = [:]
    private var progress = EventProgress()

    private var changes: [ContainerChange] = []
    private var wanted: [String] = []
    private var underWay = 0
    private var released = 0

    /// Sequence at which the list was asked for; nil: no reconciliation is under way.
    private var reconcilesFrom: Int?
    /// Containers whose inspection the reconciliation waits for.
    private var reconciling: Set<String> = []
    private var hasReconciled = false
    private var foundDifference = false
    /// An event came that could not be read: a list may show what it would have told.
    private var hasMissed = false
    /// Number of events when a list showed what no event had told.
    private var suspect: Int?

    init(runtime: String, since: Int64?) {
        self.runtime = runtime
        progress.newest = since
    }

    /// All events up to this time are in the changes that were taken; nanoseconds since 1970.
    var newestEvent: Int64? { progress.newest }

    /// A list differed from what the events had told, and no event has come since.
    var isDeaf: Bool { suspect == progress.count }
    var isReconciling: Bool { reconcilesFrom != nil }

    // MARK: - In

    /// A connection stands, and everything was listed and inspected. `now`: wall clock when it was subscribed.
    mutating func connected(_ records: [ContainerRecord], version: String, now: Int64) {
        if progress.newest == nil { progress.newest = now }
        let before = tracks
        tracks = [:]
        for record in records {
            tracks[record.id] = Track(record: record, isStale: record.isUninspected)
            destroyed[record.id] = nil
        }
        for (id, track) in before where tracks[id] == nil && !track.isGone {
            tracks[id] = Track(record: track.record, isGone: true)
        }
        changes.append(.reachable(version: version))
        changes.append(.listed(self.records))
    }

    /// The connection is gone: what waits for an answer is settled with what is known.
    mutating func disconnected(_ reason: RuntimeFailure) {
        reconcilesFrom = nil
        reconciling = []
        suspect = nil
        wanted = []
        for id in tracks.keys.sorted() {
            while tracks[id]?.inspected.isEmpty == false { settle(id, .failed(reason)) }
        }
        wanted = []
        underWay = 0
    }

    /// The stream is alive, though one of its events was too long or no event at all.
    mutating func missed() { hasMissed = true }

    mutating func take(_ event: RuntimeEvent, cost: Int) {
        guard !progress.isRepeat(event) else {
            released += cost
            return
        }
        let step = Step(event: event, sequence: progress.begin(event), cost: cost)
        if destroyed[event.id] != nil && event.action != .create { return finish([step]) }
        tracks[event.id, default: Track()].touched = progress.count
        tracks[event.id]!.waiting.append(step)
        advance(event.id)
    }

    mutating func take(_ inspection: Inspection, of id: String) {
        underWay -= 1
        settle(id, inspection)
        if reconciling.remove(id) != nil { endReconciliation() }
    }

    /// A list was asked for.
    mutating func beginReconciliation() { reconcilesFrom = progress.count }

    /// The list. Whatever events have told since it was asked for stands; the rest is compared with it.
    mutating func reconcile(_ listed: [ContainerRecord]) {
        guard let start = reconcilesFrom else { return }
        foundDifference = false
        for entry in listed where destroyed[entry.id] == nil {
            let track = tracks[entry.id]
            if let track, track.touched > start || !track.inspected.isEmpty { continue }
            let isSame = track?.record.map { $0.status == entry.status && $0.name == entry.name } ?? false
            if isSame && track?.isStale == false { continue }
            if track?.record.map({ !$0.isAsTold(entry) }) ?? true { foundDifference = true }
            look(at: entry)
        }
        let ids = Set(listed.map(\.id))
        for (id, track) in tracks where !ids.contains(id) && track.touched <= start && track.inspected.isEmpty {
            if !track.isGone { foundDifference = true }
            tracks[id] = nil
        }
        hasReconciled = true
        endReconciliation()
    }

    /// The list did not come.
    mutating func abandonReconciliation() { reconcilesFrom = nil }

    // MARK: - Out

    mutating func takeChanges() -> [ContainerChange] {
        defer { changes = [] }
        return changes
    }

    /// Ids to inspect now, so that at most `Inspection.width` are under way.
    mutating func takeInspections() -> [String] {
        let count = min(wanted.count, Inspection.width - underWay)
        guard count > 0 else { return [] }
        defer { wanted.removeFirst(count) }
        underWay += count
        return Array(wanted.prefix(count))
    }

    /// Cost of the events that were dealt with since the last call.
    mutating func takeReleased() -> Int {
        defer { released = 0 }
        return released
    }

    // MARK: - Steps

    private var records: [ContainerRecord] {
        tracks.values.filter { !$0.isGone }.compactMap(\.record).sorted { $0.id < $1.id }
    }

    private mutating func look(at entry: ContainerRecord) {
        var track = tracks[entry.id] ?? Track()
        track.listed = entry
        track.isGone = false
        let event = RuntimeEvent(id: entry.id, action: .look, time: 0, attributes: [:])
        track.waiting.append(Step(event: event, sequence: nil))
        tracks[entry.id] = track
        reconciling.insert(entry.id)
        advance(entry.id)
    }

    private mutating func endReconciliation() {
        guard reconcilesFrom != nil, hasReconciled, reconciling.isEmpty else { return }
        reconcilesFrom = nil
        hasReconciled = false
        // The next event clears it.
        if foundDifference, !hasMissed { suspect = progress.count }
        hasMissed = false
        changes.append(.listed(records))
    }

    /// Goes on with a container's queue until it is empty or an answer is needed.
    private mutating func advance(_ id: String) {
        while var track = tracks[id], track.inspected.isEmpty, let step = track.waiting.first {
            switch step.event.action {
            case .create, .look:
                // One answer is good for all that happened before it was asked for.
                let run = track.waiting.prefix { $0.event.action == .create || $0.event.action == .look }
                track.inspected = Array(run)
            case .die where needsProof(track, step.event): track.inspected = [step]
            default: break
            }
            if !track.inspected.isEmpty {
                track.waiting.removeFirst(track.inspected.count)
                tracks[id] = track
                if track.isVanished { settle(id, .gone) } else { wanted.append(id) }
                return
            }
            track.waiting.removeFirst()
            tracks[id] = track
            apply(step)
            finish([step])
        }
    }

    /// The kernel's SIGKILL and anybody's look alike in an exit code, and a label `exitCode` overwrites the attribute.
    private func needsProof(_ track: Track, _ event: RuntimeEvent) -> Bool {
        if track.record?.labels["exitCode"] != nil || event.exitCode == nil { return true }
        return event.exitCode == 137 && !track.isOutOfMemory && !track.wasKilled
    }

    private mutating func apply(_ step: Step) {
        let event = step.event
        switch event.action {
        case .create, .look: break
        case .kill: tracks[event.id]?.wasKilled = true
        case .outOfMemory: tracks[event.id]?.isOutOfMemory = true
        case .die: stop(event, exitCode: event.exitCode, isOutOfMemory: tracks[event.id]?.isOutOfMemory ?? false)
        case .destroy:
            introduce(event)
            if tracks[event.id]?.record != nil { changes.append(.removed(id: event.id)) }
            let waiting = tracks.removeValue(forKey: event.id)?.waiting ?? []
            remember(event.id)
            finish(waiting)
            if reconciling.remove(event.id) != nil { endReconciliation() }
        }
    }

    private mutating func stop(_ event: RuntimeEvent, exitCode: Int32?, isOutOfMemory: Bool) {
        introduce(event)
        guard var track = tracks[event.id], track.record != nil else { return }
        track.record?.status = .exited
        track.record?.processID = 0
        track.record?.exitCode = exitCode
        track.record?.isOutOfMemory = isOutOfMemory
        track.isOutOfMemory = false
        track.wasKilled = false
        tracks[event.id] = track
        changes.append(.stopped(id: event.id, exitCode: exitCode, isOutOfMemory: isOutOfMemory))
    }

    /// A container whose first events were missed must be known before it is told to have ended.
    private mutating func introduce(_ event: RuntimeEvent) {
        guard let track = tracks[event.id], track.record == nil else { return }
        guard let record = track.listed ?? event.record(runtime: runtime) else { return }
        tracks[event.id]?.record = record
        tracks[event.id]?.isStale = true
        changes.append(.changed(record))
    }

    /// The answer to the inspection of a container, or the lack of one.
    private mutating func settle(_ id: String, _ inspection: Inspection) {
        guard var track = tracks[id], let step = track.inspected.last else { return }
        let steps = track.inspected
        track.inspected = []
        if case .foreign = inspection { return forget(id, steps + track.waiting) }
        if step.event.action == .die {
            tracks[id] = track
            if case .found(let record) = inspection, record.processID == 0 {
                let isOutOfMemory = record.isOutOfMemory || track.isOutOfMemory
                stop(step.event, exitCode: record.exitCode ?? step.event.exitCode, isOutOfMemory: isOutOfMemory)
            } else {
                stop(step.event, exitCode: step.event.exitCode, isOutOfMemory: track.isOutOfMemory)
            }
        } else {
            update(&track, steps, inspection)
            tracks[id] = track
        }
        finish(steps)
        advance(id)
    }

    /// Nothing more is said of it; further events would have it looked at again.
    private mutating func forget(_ id: String, _ steps: [Step]) {
        if tracks.removeValue(forKey: id)?.record != nil { changes.append(.removed(id: id)) }
        finish(steps)
    }

    private mutating func update(_ track: inout Track, _ steps: [Step], _ inspection: Inspection) {
        let last = steps.last!
        let before = track.record
        track.isGone = false
        if case .found(let record) = inspection {
            track.record = record
            track.isStale = false
        } else {
            track.record = guess(track, last.event)
            track.isStale = true
            if case .gone = inspection {
                track.isVanished = true
                track.record?.processID = 0
                if last.event.action == .look { track.record?.status = .exited }
            }
        }
        guard let record = track.record else { return }
        if before != record || last.sequence != nil { changes.append(.changed(record)) }
        // What a reconciliation finds stopped had no event that told so.
        if last.sequence == nil, before?.isAlive == true, !record.isAlive {
            changes.append(.stopped(id: record.id, exitCode: record.exitCode, isOutOfMemory: record.isOutOfMemory))
        }
        if record.isAlive && steps.contains(where: { $0.event.action == .look }) {
            track.isOutOfMemory = false
            track.wasKilled = false
        }
    }

    /// What is known of a container that cannot be inspected.
    private func guess(_ track: Track, _ event: RuntimeEvent) -> ContainerRecord? {
        guard var record = track.record ?? track.listed else { return event.record(runtime: runtime) }
        if let name = event.attributes["name"], !name.isEmpty, record.labels["name"] == nil {
            record.name = DockerAnswers.plainName(name)
        }
        return record
    }

    private mutating func finish(_ steps: [Step]) {
        for step in steps {
            released += step.cost
            if let sequence = step.sequence { progress.end(step.event, sequence) }
        }
    }

    private mutating func remember(_ id: String) {
        destroyed[id] = progress.count
        guard destroyed.count > 8192 else { return }
        let oldest = destroyed.values.sorted()[4096]
        destroyed = destroyed.filter { $0.value > oldest }
    }
}

extension ContainerRecord {
    /// It differs from a listed one by nothing that an event tells: how an ended container is called changes by itself.
    fileprivate func isAsTold(_ listed: ContainerRecord) -> Bool {
        func kind(_ status: Status) -> Int {
            switch status {
            case .created: 0
            case .running: 1
            case .paused: 2
            case .restarting, .exited, .dead, .removing: 3
            }
        }
        return name == listed.name && kind(status) == kind(listed.status)
    }

    fileprivate var isAlive: Bool { status == .running || status == .paused || status == .restarting }
    /// A list tells no layers and no times.
    fileprivate var isUninspected: Bool { layers.isEmpty && processID == 0 && started.isEmpty }
}
