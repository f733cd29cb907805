// What was announced: gaps, opened and closed generations, dead letters, lost state.
internal import Core

/// Announcements that belong to no generation, at most some of each.
package struct Notices: Sendable {
    /// Stores that were lost: when, where and why.
    package internal(set) var stateLost: [String] = []
    /// Logs of which nobody knows whether there was anything: container, declaration and reason.
    package internal(set) var unknownExtent: [String] = []
    package internal(set) var unknownExtents: UInt64 = 0
    /// Dead letters that were read.
    package internal(set) var deadLetters: UInt64 = 0

    static let limit = 20
}

extension Verifier {
    /// One message of the audit topic, in any order and any number of times. `isLate`: it came after reading began, so
    /// that records it speaks of may not be read.
    package func takeEvent(
        _ place: MessagePlace, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, isLate: Bool = false
    ) {
        guard let fields = AuditEventFields(value), let event = fields.event else {
            return badEvents.add("not an event of Longshore", place)
        }
        if let stream = fields.stream, !isKey(key, of: stream) {
            return badEvents.add("its key is not its log.stream.id", place)
        }
        let isUnderstood =
            switch event {
            case "gap": gap(fields)
            case "gap_summary": summary(fields, value)
            case "generation_opened": opened(fields)
            case "generation_closed": closed(fields, isLate)
            case "container_started", "container_stopped": container(fields)
            case "state_lost": stateLost(fields)
            case "declaration_problem": true
            default: true
            }
        guard isUnderstood else { return badEvents.add("an event \(quoted(event)) that contradicts itself", place) }
        if events.count < 64 || events[event] != nil { events[event, default: 0] += 1 }
    }

    /// One message of the dead-letter topic.
    package func takeDeadLetter(
        _ place: MessagePlace, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        guard let fields = AuditEventFields(value), let stream = fields.stream, isKey(key, of: stream),
            let offset = fields.offset, let bytes = fields.recordBytes, offset <= UInt64(Int64.max) - bytes
        else { return badEvents.add("not a dead letter of Longshore", place) }
        notices.deadLetters += 1
        guard let index = generation(fields) else {
            return badEvents.add("its log.file.id belongs to another stream", place)
        }
        generations[index].makeDetails().deadLetters.insert(Span(offset, offset + bytes))
    }

    private func isKey(_ key: UnsafeRawBufferPointer, of stream: Identifier128) -> Bool {
        JSONCursor(key).identifier(.init(start: 0, end: key.count, isEscaped: false)) == stream
    }

    /// Generations that were announced as another topic's, and of which no record was read: they are not judged.
    package var elsewhere: UInt64 { generations.reduce(0) { $0 + ($1.isElsewhere ? 1 : 0) } }

    /// The generation of an event, known or new; nil where it is known as another's, or the event names none.
    private func generation(_ fields: AuditEventFields) -> Int? {
        guard let file = fields.file, let id = fields.stream else { return nil }
        var index = indexOfFile[file].map { Int($0) }
        if let index, streams[Int(generations[index].stream)].id != id { return nil }
        index = index ?? add(file, stream(of: fields, id))
        // Whoever reads a copy of a topic under another name knows it by its records all the same.
        if let topic = fields.topic { generations[index!].isOfOtherTopic = !options.topics.contains(topic) }
        return index
    }

    private func stream(of fields: AuditEventFields, _ id: Identifier128) -> Int32 {
        stream(id) {
            let origin = Origin(
                host: fields.host ?? "", container: fields.container,
                containerName: fields.containerName, declaration: fields.declaration)
            return (origin, fields.path, fields.rawHost)
        }
    }

    private func opened(_ fields: AuditEventFields) -> Bool {
        guard let from = fields.from, fields.file != nil else { return false }
        guard let index = generation(fields) else { return false }
        generations[index].opened = true
        if let time = fields.time { generations[index].openedAt = min(time, generations[index].openedAt ?? time) }
        // One that is opened again begins somewhere in the middle: then what it skipped is not all before.
        if let skipped = fields.skipped, skipped == from {
            generations[index].openedSkip = max(from, generations[index].openedSkip)
        }
        return true
    }

    private func closed(_ fields: AuditEventFields, _ isLate: Bool) -> Bool {
        guard fields.size != nil || fields.isSizeUnknown, fields.file != nil else { return false }
        guard let index = generation(fields) else { return false }
        // What was written last may not be among what is read.
        if isLate { return true }
        generations[index].closed = true
        if let size = fields.size { generations[index].size = max(size, generations[index].size ?? 0) }
        if let skipped = fields.skipped { generations[index].closedSkip = max(skipped, generations[index].closedSkip) }
        if let time = fields.time { generations[index].closedAt = max(time, generations[index].closedAt ?? time) }
        return true
    }

    private func gap(_ fields: AuditEventFields) -> Bool {
        guard let from = fields.from, fields.to != nil || fields.isOpenEnded else { return false }
        guard fields.file != nil else {
            noteUnknown(fields)
            return true
        }
        var ranges = fields.hasRanges ? fields.ranges : [(from, fields.to)]
        if ranges.isEmpty { ranges = [(from, fields.to)] }
        guard ranges.allSatisfy({ $0.to.map { $0 <= UInt64(Int64.max) } ?? true }) else { return false }
        guard ranges.allSatisfy({ range in range.to.map { $0 >= range.from } ?? true }) else { return false }
        guard let index = generation(fields) else { return false }
        enter(ranges, fields, generations[index].makeDetails())
        return true
    }

    private func enter(
        _ ranges: [(from: UInt64, to: UInt64?)], _ fields: AuditEventFields, _ details: GenerationDetails
    ) {
        let reason = details.reason(fields.reason)
        for range in ranges where range.to == nil {
            details.openGaps[reason] = min(range.from, details.openGaps[reason] ?? .max)
        }
        let spans = SpanSet(ranges.compactMap { range in range.to.map { Span(range.from, $0) } })
        guard let bytes = fields.bytes, bytes < spans.bytes else {
            for span in spans.spans { details.gaps[reason, default: SpanSet()].insert(span) }
            return
        }
        // The nearest of many gaps were put together: so much of these ranges is missing, nobody says where.
        var hasher = Hasher()
        hasher.combine(spans)
        hasher.combine(bytes)
        guard details.vagueSeen.insert(hasher.finalize()).inserted else { return }
        details.vagueBytes = details.vagueBytes.addingClamped(bytes)
        for span in spans.spans { details.vague.insert(span) }
    }

    /// What a container's declaration had could not be looked at: no file is known.
    private func noteUnknown(_ fields: AuditEventFields) {
        notices.unknownExtents += 1
        guard notices.unknownExtent.count < Notices.limit else { return }
        let text = "container \(fields.container.prefix(12)), declaration \(fields.declaration): \(fields.reason)"
        if !notices.unknownExtent.contains(text) { notices.unknownExtent.append(text) }
    }

    private func summary(_ fields: AuditEventFields, _ value: UnsafeRawBufferPointer) -> Bool {
        guard let bytes = fields.bytes, let openEnded = fields.openEnded else { return false }
        var hasher = Hasher()
        hasher.combine(bytes: value)
        guard summariesSeen.insert(hasher.finalize()).inserted else { return true }
        func add(_ sum: SummedGaps?) -> SummedGaps {
            SummedGaps(
                bytes: (sum?.bytes ?? 0).addingClamped(bytes),
                isOpenEnded: openEnded > 0 || sum?.isOpenEnded ?? false)
        }
        if let id = fields.stream {
            let index = Int(stream(of: fields, id))
            streams[index].summary = add(streams[index].summary)
        } else if let host = fields.host {
            hostSummaries[host] = add(hostSummaries[host])
        } else {
            return false
        }
        return true
    }

    private func container(_ fields: AuditEventFields) -> Bool {
        guard !fields.container.isEmpty else { return false }
        if !fields.containerName.isEmpty { containerNames[fields.container] = fields.containerName }
        return true
    }

    private func stateLost(_ fields: AuditEventFields) -> Bool {
        let text =
            "\(fields.timestamp ?? "at an unknown time") on \(fields.host ?? "an unknown host"): \(fields.reason)"
        if let host = fields.host { hostsWithoutState.insert(host) }
        if notices.stateLost.count < Notices.limit, !notices.stateLost.contains(text) { notices.stateLost.append(text) }
        return true
    }
}

extension UInt64 {
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
