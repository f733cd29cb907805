// The judgement: what of each generation is missing, and which announcement accounts for it.
internal import Core
internal import KafkaSink

/// What announcements in sum may still account for, while generations are judged one after the other.
private struct SummaryBudgets {
    var streams: [Int32: SummedGaps] = [:]
    var hosts: [String: SummedGaps] = [:]
}

extension Verifier {
    /// Calls `body` with the verdict of each generation, in the order in which they were met. May be called again.
    package func judge(_ body: (GenerationVerdict) -> Void) {
        var budgets = SummaryBudgets(hosts: hostSummaries)
        for (index, stream) in streams.enumerated() where stream.summary != nil {
            budgets.streams[Int32(index)] = stream.summary
        }
        let late = lateGenerations()
        for index in generations.indices where !generations[index].isElsewhere {
            body(verdict(index, isLate: late.contains(index), &budgets))
        }
    }

    private func verdict(_ index: Int, isLate: Bool, _ budgets: inout SummaryBudgets) -> GenerationVerdict {
        let generation = generations[index]
        let stream = streams[Int(generation.stream)]
        var origin = origins[Int(stream.origin)]
        if origin.containerName.isEmpty { origin.containerName = containerNames[origin.container] ?? "" }
        var verdict = GenerationVerdict(file: generation.file, stream: stream.id, origin: origin, path: stream.path)
        describe(generation, isLate, &verdict)
        let covered = generation.coverage.spans
        verdict.covered = covered.spans
        verdict.bytes = covered.bytes - generation.skipped
        verdict.skipped = generation.skipped
        let end = max(covered.end, generation.size ?? 0)
        account(for: SpanSet([Span(0, end)]).subtracting(covered), of: generation, end: end, &verdict, &budgets)
        judgeDeadLetters(generation, covered, &verdict)
        return verdict
    }

    private func describe(_ generation: Generation, _ isLate: Bool, _ verdict: inout GenerationVerdict) {
        if generation.lane >= 0 {
            let facts = partitions[Int(lanes[Int(generation.lane)].partition)]
            verdict.topic = options.topics[facts.topic]
            verdict.partition = facts.number
        }
        verdict.isClosed = generation.closed
        verdict.size = generation.size
        verdict.records = generation.records
        verdict.pieces = generation.pieces
        if let details = generation.details {
            verdict.duplicates = details.duplicates
            verdict.duplicateBytes = details.duplicateBytes
            verdict.overlaps = details.overlaps
            verdict.overlapBytes = details.overlapBytes
            verdict.overlapSamples = details.overlapSamples
        }
        verdict.isSpread = generation.isSpread
        verdict.isTruncated = generation.isTruncated
        verdict.isOrderKnown = !generation.isSpread && generation.coverage.isOrderKnown
        if verdict.isOrderKnown {
            verdict.disorder = generation.coverage.disorder
            verdict.isLate = isLate
        }
    }

    /// Finds for each missing byte what accounts for it; what nothing does is a hole.
    private func account(
        for missing: SpanSet, of generation: Generation, end: UInt64, _ verdict: inout GenerationVerdict,
        _ budgets: inout SummaryBudgets
    ) {
        var rest = missing
        if generation.openedSkip > 0 {
            let skipped = rest.intersection(SpanSet([Span(0, generation.openedSkip)]))
            verdict.skipped += skipped.bytes
            rest = rest.subtracting(skipped)
        }
        if let details = generation.details { takeGaps(details, &rest, &verdict) }
        takeEnds(generation, end, &rest, &verdict)
        takeUnsaidSkips(generation, end, &rest, &verdict)
        takeSummaries(generation, &rest, &verdict, &budgets)
        takeLostState(generation, &rest, &verdict)
        verdict.holes = rest.spans
    }

    /// A daemon whose store was lost knows nothing of generations that were open then: their files were shipped again as
    /// other ones. It says so with `state_lost`, but not of which.
    private func takeLostState(_ generation: Generation, _ rest: inout SpanSet, _ verdict: inout GenerationVerdict) {
        let host = origins[Int(streams[Int(generation.stream)].origin)].host
        guard !generation.closed, !rest.spans.isEmpty, hostsWithoutState.contains(host) else { return }
        verdict.gaps += rest.spans.map { GenerationVerdict.Gap(from: $0.start, to: $0.end, reason: "state_lost") }
        verdict.gaps.sort { ($0.from, $0.to ?? .max, $0.reason) < ($1.from, $1.to ?? .max, $1.reason) }
        verdict.gapBytes += rest.bytes
        rest = SpanSet([])
    }

    private func takeGaps(_ details: GenerationDetails, _ rest: inout SpanSet, _ verdict: inout GenerationVerdict) {
        for (reason, spans) in details.gaps.sorted(by: { $0.key < $1.key }) {
            verdict.gaps += spans.spans.map { GenerationVerdict.Gap(from: $0.start, to: $0.end, reason: reason) }
            let missing = rest.intersection(spans)
            verdict.gapBytes += missing.bytes
            rest = rest.subtracting(missing)
        }
        for (reason, from) in details.openGaps.sorted(by: { $0.key < $1.key }) {
            verdict.gaps.append(GenerationVerdict.Gap(from: from, to: nil, reason: reason))
        }
        if let from = details.openFrom {
            let missing = rest.intersection(SpanSet([Span(from, .max)]))
            verdict.gapBytes += missing.bytes
            rest = rest.subtracting(missing)
        }
        if !details.vague.isEmpty {
            verdict.gaps += details.vague.spans.map { .init(from: $0.start, to: $0.end, reason: "several") }
            let missing = rest.intersection(details.vague)
            verdict.gapBytes += min(missing.bytes, details.vagueBytes)
            if missing.bytes > details.vagueBytes { verdict.vagueHoleBytes = missing.bytes - details.vagueBytes }
            rest = rest.subtracting(missing)
        }
        verdict.gaps.sort { ($0.from, $0.to ?? .max, $0.reason) < ($1.from, $1.to ?? .max, $1.reason) }
    }

    /// What is missing at the beginning may have been removed by retention or lie before the window, what is missing at
    /// the end may lie behind it.
    private func takeEnds(
        _ generation: Generation, _ end: UInt64, _ rest: inout SpanSet, _ verdict: inout GenerationVerdict
    ) {
        if let first = rest.spans.first, first.start <= firstExpected(generation) {
            if beganBefore(options.since, generation) {
                verdict.outside.append(first)
                rest = rest.subtracting(SpanSet([first]))
            } else if mayBeExpired(generation) {
                verdict.expired.append(first)
                rest = rest.subtracting(SpanSet([first]))
            }
        }
        guard let until = options.until, let last = rest.spans.last, last.end == end else { return }
        if generation.closedAt.map({ $0 >= until - Verifier.clockDifference }) ?? true {
            verdict.outside.append(last)
            rest = rest.subtracting(SpanSet([last]))
        }
    }

    /// Where the first record of a generation begins at the latest, when what stands before it was announced.
    private func firstExpected(_ generation: Generation) -> UInt64 {
        var announced = generation.details?.exact ?? SpanSet()
        announced.insert(Span(0, generation.openedSkip))
        guard let first = announced.spans.first, first.start == 0 else { return 0 }
        return first.end
    }

    /// Clocks of hosts and brokers are taken to differ by no more than this, in milliseconds.
    private static let clockDifference: Int64 = 10_000

    private func beganBefore(_ since: Int64?, _ generation: Generation) -> Bool {
        guard let since else { return false }
        return generation.openedAt.map { $0 <= since + Verifier.clockDifference } ?? true
    }

    /// The partition its records go to has lost its beginning, and the generation is not younger than what is left.
    private func mayBeExpired(_ generation: Generation) -> Bool {
        func mayHaveLost(_ partition: PartitionFacts) -> Bool {
            guard partition.isTrimmed else { return false }
            guard let opened = generation.openedAt, let first = partition.firstTime else { return true }
            return opened <= first + Verifier.clockDifference
        }
        if generation.lane >= 0, !generation.isSpread {
            return mayHaveLost(partitions[Int(lanes[Int(generation.lane)].partition)])
        }
        let key = Array(streams[Int(generation.stream)].id.description.utf8)
        return partitions.contains { partition in
            let count = options.partitionCounts[partition.topic]
            let place = key.withUnsafeBytes { Murmur2.partition($0, of: count) }
            return (generation.isSpread || place == partition.number) && mayHaveLost(partition)
        }
    }

    /// Bytes dropped on purpose are said in the record that follows them. Where none does, because the file ends or a gap
    /// follows, the sum in `generation_closed` tells of them.
    private func takeUnsaidSkips(
        _ generation: Generation, _ end: UInt64, _ rest: inout SpanSet, _ verdict: inout GenerationVerdict
    ) {
        guard generation.closed, generation.closedSkip > verdict.skipped else { return }
        var left = generation.closedSkip - verdict.skipped
        let starts = Set(verdict.gaps.map(\.from))
        for span in rest.spans.reversed() where span.end == end || starts.contains(span.end) {
            guard span.count <= left else { continue }
            left -= span.count
            verdict.skipped += span.count
            rest = rest.subtracting(SpanSet([span]))
        }
    }

    /// Announcements in sum account for as many bytes as they say, whichever these are; those of unknown extent for all.
    private func takeSummaries(
        _ generation: Generation, _ rest: inout SpanSet, _ verdict: inout GenerationVerdict,
        _ budgets: inout SummaryBudgets
    ) {
        guard !rest.isEmpty else { return }
        func take(_ budget: inout SummedGaps?) {
            guard var sum = budget else { return }
            for span in rest.spans where sum.isOpenEnded || sum.bytes >= span.count {
                sum.bytes -= min(sum.bytes, span.count)
                verdict.summedUp.append(span)
                rest = rest.subtracting(SpanSet([span]))
            }
            budget = sum
        }
        take(&budgets.streams[generation.stream])
        take(&budgets.hosts[verdict.origin.host])
        verdict.summedUp.sort { $0.start < $1.start }
    }

    private func judgeDeadLetters(_ generation: Generation, _ covered: SpanSet, _ verdict: inout GenerationVerdict) {
        guard options.readsAudit, let details = generation.details, !details.deadLetters.isEmpty else { return }
        var open = details.deadLetters.subtracting(details.exact).subtracting(details.vague)
        if let from = details.openFrom { open = open.subtracting(SpanSet([Span(from, .max)])) }
        open = open.subtracting(SpanSet(verdict.summedUp)).subtracting(SpanSet(verdict.expired))
        verdict.unannouncedDeadLetters = open.spans
    }

    /// Generations of which bytes came, for the last time, behind those of a later generation of their stream. Of a run that
    /// came in several epochs and was cut since, each part counts as if it had come in the last of them: in doubt it is late.
    private func lateGenerations() -> Set<Int> {
        var byLane: [Int32: [Int]] = [:]
        for (index, generation) in generations.enumerated()
        where generation.lane >= 0 && !generation.isSpread && lanes[Int(generation.lane)].generations > 1 {
            byLane[generation.lane, default: []].append(index)
        }
        var late: Set<Int> = []
        for members in byLane.values where members.count > 1 {
            var earliest = UInt32.max
            for index in members.sorted(by: { generations[$0].ordinal > generations[$1].ordinal }) {
                guard generations[index].coverage.isOrderKnown, let epochs = generations[index].coverage.epochs else {
                    continue
                }
                if epochs.last > earliest { late.insert(index) }
                earliest = min(earliest, epochs.first)
            }
        }
        return late
    }
}
