// The pipeline's own account of itself.
internal import Checkpoint
internal import Core
internal import FileSource
internal import Glibc
internal import KafkaSink
internal import LinuxIO

extension PipelineLoop {
    /// A snapshot for status, metrics and health. It costs one fstat per source, and in full some texts.
    func status(_ detail: StatusDetail, _ now: Int64) -> StatusReport {
        var report = StatusReport()
        report.version = longshoreVersion
        report.host = options.host
        report.processID = getpid()
        report.uptimeSeconds = seconds(now - started)
        report.configuration = options.configurationPath
        verifyLedger(sources.indices, isDeep: detail == .full)
        report.ledgerImbalances = ledger.imbalanceCount
        report.books = ledger.closedShares
        report.kafka = kafkaStatus(now)
        report.store = storeStatus(now)
        report.counters = counters
        if ledger.skippedHoles > 0 { report.counters.skippedBytes[SkipReason.hole.rawValue] = ledger.skippedHoles }
        report.counters.outboxDropped = outbox.dropped
        report.counters.outboxSummarized = outbox.summarized
        report.counters.latencyBuckets = ledger.latency.cumulative
        report.counters.latencySumSeconds = ledger.latency.sumSeconds
        report.memory = memoryStatus()
        report.watching.directories = tailer.directoryCount
        report.watching.watches = tailer.watchCount
        report.watching.polled = tailer.polledDirectories
        report.watching.overflows = tailer.overflows
        let hanging = tailer.hangingVolumes(now: now)
        report.watching.hanging = hanging.count
        for slot in sources.indices where sources[slot].isOpen { append(slot, detail, to: &report, now) }
        addOldest(detail, to: &report, now)
        for problem in tailer.problems.values.joined().sorted(by: { $0.path.lexicographicallyPrecedes($1.path) }) {
            append(problem, to: &report)
        }
        for problem in tailer.hangingProblems(now: now) { append(problem, to: &report) }
        report.problems = standingProblems(report) + hanging.map(PipelineLoop.problem)
        return report
    }

    private func append(_ slot: Int, _ detail: StatusDetail, to report: inout StatusReport, _ now: Int64) {
        var source = SourceStatus()
        // A file that containers share stands for several declarations: only its place tells for which.
        if detail == .full || !tailer.sharers(of: slot).isEmpty { name(slot, &source) } else { identify(slot, &source) }
        if tailer.isDeleted(slot) { source.file = tailer.file(slot).description }
        (source.state, source.reason) = state(slot, now)
        let counts = ledger.counts(slot)
        source.offset = counts.committed
        source.records = counts.records
        // What the status shows as unread is known from then on: it is announced should it be cut off.
        let size = sources[slot].endSize ?? tailer.tellSize(slot, isParked: sources[slot].scheduling.isParked)
        source.ledger = ledger.status(slot, size: size)
        source.oldestUnacknowledgedSeconds = ledger.oldestProduced(slot).map { seconds(now - $0) }
        source.deleted = tailer.isDeleted(slot)
        report.totals.add(source.ledger)
        report.books.add(ledger.share(slot, of: source.ledger))
        report.sources.append(source)
    }

    private func identify(_ slot: Int, _ source: inout SourceStatus) {
        let declared = declarations[tailer.declaration(slot)].files
        source.declaration = declared.name
        if !declared.container.isEmpty { source.container = declared.container }
    }

    private func name(_ slot: Int, _ source: inout SourceStatus) {
        identify(slot, &source)
        source.resolvedPath = tailer.resolvedPath(slot).map { escapingInvalidUTF8($0) }
        source.path = escapingInvalidUTF8(tailer.livePath(slot))
        let present = tailer.presentPath(slot)
        if let present, present != tailer.livePath(slot) { source.currentPath = escapingInvalidUTF8(present) }
        if let archive = tailer.archivePath(slot) { source.currentPath = escapingInvalidUTF8(archive) }
        source.stream = tailer.stream(slot).description
        source.file = tailer.file(slot).description
        source.topic = producer.topics[Int(sources[slot].topic)].name
    }

    private func append(_ problem: FileProblem, to report: inout StatusReport) {
        var source = SourceStatus()
        let declared = declarations[problem.declaration]
        source.declaration = declared.files.name
        if !declared.files.container.isEmpty { source.container = declared.files.container }
        source.path = escapingInvalidUTF8(problem.path)
        source.topic = declared.topic
        source.state = problem.state
        source.reason = problem.reason
        report.sources.append(source)
    }

    private static func problem(_ volume: (volume: String, silence: String, files: Int)) -> String {
        "\(volume.silence); \(volume.files) of its files wait, all others are shipped: check its server, "
            + "or unmount it (umount -f, umount -l)"
    }

    private func state(_ slot: Int, _ now: Int64) -> (String, String?) {
        let source = sources[slot]
        if source.endSize == nil, let reason = tailer.hangingReason(slot, now: now) { return ("hanging", reason) }
        if let problem = source.problem { return ("unreadable", problem) }
        if tailer.isRegistering(slot) { return ("registering", checkpoint.lastError) }
        if source.isSuspended { return ("parked", "its container has stopped: its volume is left alone for a while") }
        if source.endSize != nil { return ("draining", "waits for acknowledgements") }
        if tailer.isWaiting(slot) { return ("waiting", "the stream's former file is read first") }
        switch source.scheduling {
        case .parkedOnTopic: return ("parked", topicReason(Int(source.topic), now))
        case .parkedOnPartition: return ("parked", partitionReason(Int(source.topic), source.partition))
        case .parkedOnMemory: return ("parked", "limits.memory is used up by records that are not acknowledged")
        case .queued: return ("active", nil)
        case .idle: return source.needsRewind ? ("parked", "is produced again") : ("idle", nil)
        }
    }

    private func partitionReason(_ topic: Int, _ partition: Int32) -> String {
        if !producer.hasLeader(topic, partition) { return "partition \(partition) of the topic has no leader" }
        if producer.moves(topic, partition) { return "waits for acknowledgements" }
        return "partition \(partition) of the topic does not acknowledge what was sent"
    }

    private func storeStatus(_ now: Int64) -> StoreStatus {
        var status = StoreStatus()
        status.path = options.store.directory
        status.lastError = checkpoint.lastError ?? store.maintenanceFailure?.message
        status.ok = status.lastError == nil
        status.secondsSinceCheckpoint = checkpoint.lastSucceeded.map { seconds(now - $0) }
        status.isBehind =
            hasToStore || checkpoint.pending != nil || !checkpoint.opened.isEmpty || !checkpoint.declared.isEmpty
        status.outboxEvents = outbox.count
        status.outboxBytes = outbox.bytes
        status.outboxOldestSeconds = outbox.oldest.map { max(0, seconds(now - $0)) }
        return status
    }

    private func standingProblems(_ report: StatusReport) -> [String] {
        var all = Array(problems.values)
        if options.isEmbedded {
            all.append("kafka.brokers is \"embedded\": records live in this process only; name real brokers")
        }
        if options.auditTopic == nil {
            all.append("kafka.audit_topic is none: gaps are not provable by consumers")
        }
        if !report.kafka.up {
            all.append(
                "no broker of \(report.kafka.brokers) answers"
                    + (report.kafka.lastError.map { " (\($0))" } ?? "") + ": check kafka.brokers and the network")
        }
        all += PipelineLoop.problems(report.kafka.topics) + ledgerProblems
        if let error = report.store.lastError { all.append(error) }
        let flooded = tailer.floodedDirectories
        for (path, rate) in flooded.prefix(PipelineLoop.toldFloods) {
            all.append(
                "directory \(printable(path)) has too many changes for inotify"
                    + (rate.map { " (\($0) a second)" } ?? "")
                    + ": it is looked at once a second until it is calm; keep files that are not logs elsewhere")
        }
        if report.watching.polled > flooded.count, tailer.lacksWatches {
            all.append(
                "\(report.watching.polled - flooded.count) directories are polled every second because inotify has no watch left: "
                    + "raise fs.inotify.max_user_watches")
        }
        all += outboxProblems
        return all.sorted()
    }

    func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / Double(nanosecondsPerSecond) }
}
