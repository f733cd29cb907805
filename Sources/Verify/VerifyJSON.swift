// The report for programs: docs/verify.md documents each member.
internal import Core

/// Writes the report as one JSON object, generation by generation, so that it needs no memory for all of them.
package struct VerifyJSON {
    private let verifier: Verifier
    private let run: VerifyFigures
    private let write: (String) -> Void

    /// Names the version of the members and their meaning.
    package static let version: UInt64 = 1

    /// Judges and writes; returns the sums. `write` gets the text in pieces.
    package static func render(
        _ verifier: Verifier, _ run: VerifyFigures, write: @escaping (String) -> Void
    ) -> VerifySummary {
        VerifyJSON(verifier: verifier, run: run, write: write).render()
    }

    private func render() -> VerifySummary {
        write("{\n  \"version\": \(VerifyJSON.version),\n  \"generations\": [")
        var isFirst = true
        let summary = VerifySummary(verifier, limit: 0) { verdict in
            var text = isFirst ? "\n    " : ",\n    "
            isFirst = false
            VerifyJSON.node(verdict).write(4, &text)
            write(text)
        }
        write(isFirst ? "]" : "\n  ]")
        for (name, value) in rest(summary) {
            var text = ",\n  \"\(name)\": "
            value.write(2, &text)
            write(text)
        }
        write("\n}\n")
        return summary
    }

    private func rest(_ summary: VerifySummary) -> [(String, JSONNode)] {
        let notices = verifier.notices
        return [
            ("topics", .array(run.topics.map(VerifyJSON.node))),
            ("since", VerifyJSON.time(verifier.options.since)), ("until", VerifyJSON.time(verifier.options.until)),
            ("audit_read", .bool(verifier.options.readsAudit)),
            ("groups", .array(summary.sortedGroups.map(VerifyJSON.node))),
            ("totals", .object(VerifyJSON.members(summary.totals))),
            ("foreign", VerifyJSON.node(verifier.foreign)), ("malformed", VerifyJSON.node(verifier.malformed)),
            ("forged", VerifyJSON.node(verifier.forged)), ("bad_events", VerifyJSON.node(verifier.badEvents)),
            (
                "events",
                .object(verifier.events.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
            ),
            ("dead_letters", .number(notices.deadLetters)), ("other_topics", .number(verifier.elsewhere)),
            ("state_lost", .array(notices.stateLost.map { .text($0) })),
            ("unknown_extents", .number(notices.unknownExtents)),
            ("remarks", .array(run.remarks.map { .text($0) })), ("messages", .number(run.messages)),
            ("seconds", .fraction(run.seconds)), ("peak_memory_bytes", .number(run.peakBytes)),
            ("verdict", summary.hasPassed ? "pass" : "fail"),
        ]
    }

    private static func time(_ milliseconds: Int64?) -> JSONNode {
        .optional(milliseconds.map { Timestamp(nanoseconds: $0 * nanosecondsPerMillisecond).description })
    }

    private static func node(_ topic: TopicFacts) -> JSONNode {
        .object([
            ("topic", .text(topic.name)), ("role", .text(topic.role.rawValue)),
            ("partitions", .number(UInt64(topic.partitions))), ("messages", .number(topic.messages)),
            ("trimmed_partitions", .number(UInt64(topic.trimmed))),
        ])
    }

    private static func node(_ row: (group: VerifySummary.Group, totals: VerdictTotals)) -> JSONNode {
        .object(
            [
                ("host.name", .name(row.group.host)), ("container", .name(row.group.container)),
                ("log.declaration", .name(row.group.declaration)),
            ] + members(row.totals))
    }

    private static func members(_ totals: VerdictTotals) -> [(String, JSONNode)] {
        [
            ("generations", .number(totals.generations)), ("closed", .number(totals.closed)),
            ("records", .number(totals.records)), ("bytes", .number(totals.bytes)),
            ("duplicates", .number(totals.duplicates)), ("duplicate_bytes", .number(totals.duplicateBytes)),
            ("overlaps", .number(totals.overlaps)), ("overlap_bytes", .number(totals.overlapBytes)),
            ("skipped_bytes", .number(totals.skipped)), ("gaps", .number(totals.gaps)),
            ("gap_bytes", .number(totals.gapBytes)), ("expired_bytes", .number(totals.expiredBytes)),
            ("outside_bytes", .number(totals.outsideBytes)), ("summed_up_bytes", .number(totals.summedUpBytes)),
            ("holes", .number(totals.holes)), ("hole_bytes", .number(totals.holeBytes)),
            ("out_of_order", .number(totals.outOfOrder)), ("order_unknown", .number(totals.unordered)),
            ("unannounced_dead_letters", .number(totals.unannouncedDeadLetters)),
        ]
    }

    private static func node(_ tally: MessageTally) -> JSONNode {
        .object([
            ("count", .number(tally.count)),
            (
                "examples",
                .array(
                    tally.examples.map { example in
                        .object([
                            ("topic", .text(example.place.topic)),
                            ("partition", .integer(Int64(example.place.partition))),
                            ("offset", .integer(example.place.offset)), ("reason", .text(example.reason)),
                        ])
                    })
            ),
        ])
    }

    private static func node(_ verdict: GenerationVerdict) -> JSONNode {
        .object(identity(verdict) + records(verdict) + absences(verdict) + order(verdict))
    }

    private static func identity(_ verdict: GenerationVerdict) -> [(String, JSONNode)] {
        [
            ("log.file.id", .text(verdict.file.description)), ("log.stream.id", .text(verdict.stream.description)),
            ("host.name", .name(verdict.origin.host)), ("container.id", .name(verdict.origin.container)),
            ("container.name", .name(verdict.origin.containerName)),
            ("log.declaration", .name(verdict.origin.declaration)), ("log.file.path", .name(verdict.path)),
            ("topic", .optional(verdict.topic)),
            ("partition", verdict.partition.map { .integer(Int64($0)) } ?? .null),
            ("state", .text(verdict.isClosed ? "closed" : "open")), ("size", .optional(verdict.size)),
        ]
    }

    private static func records(_ verdict: GenerationVerdict) -> [(String, JSONNode)] {
        [
            ("records", .number(verdict.records)), ("pieces", .number(verdict.pieces)),
            ("bytes", .number(verdict.bytes)), ("covered", .spans(verdict.covered)),
            ("duplicates", .number(verdict.duplicates)), ("duplicate_bytes", .number(verdict.duplicateBytes)),
            ("overlaps", .number(verdict.overlaps)), ("overlap_bytes", .number(verdict.overlapBytes)),
            ("overlap_examples", .spans(verdict.overlapSamples)), ("skipped_bytes", .number(verdict.skipped)),
        ]
    }

    private static func absences(_ verdict: GenerationVerdict) -> [(String, JSONNode)] {
        let gaps = verdict.gaps.map { gap in
            JSONNode.object([("from", .number(gap.from)), ("to", .optional(gap.to)), ("reason", .text(gap.reason))])
        }
        return [
            ("gaps", .array(gaps)), ("gap_bytes", .number(verdict.gapBytes)), ("expired", .spans(verdict.expired)),
            ("outside", .spans(verdict.outside)), ("summed_up", .spans(verdict.summedUp)),
            ("holes", .spans(verdict.holes)), ("hole_bytes", .number(verdict.holeBytes)),
            ("truncated", .bool(verdict.isTruncated)),
        ]
    }

    private static func order(_ verdict: GenerationVerdict) -> [(String, JSONNode)] {
        [
            ("order_known", .bool(verdict.isOrderKnown)),
            ("out_of_order_at", .array(verdict.disorder.map { .number($0) })),
            ("behind_later_generation", .bool(verdict.isLate)),
            ("unannounced_dead_letters", .spans(verdict.unannouncedDeadLetters)),
        ]
    }
}
