// Events, answers and lists of a runtime in any order: the changes they give tell a story that can be.
@testable internal import Discovery

/// Each two bytes are one step: what happens, and to which of four containers.
enum TrackerTarget {
    static func check(_ bytes: [UInt8]) {
        var input = FuzzBytes(bytes)
        var run = Run()
        for step in 0..<400 where !input.isEmpty { run.step(input.byte(), input.byte(), time: step + 1) }
        run.end()
    }

    private static func id(_ number: Int) -> String { String(repeating: "0", count: 63) + String(number) }

    private static func record(_ number: Int, _ kind: UInt8) -> ContainerRecord {
        var record = ContainerRecord(id: id(number), name: kind & 1 == 0 ? "web" : "job", image: "i")
        record.status = [.created, .running, .paused, .exited][Int(kind >> 1) & 3]
        record.processID = record.status == .running || record.status == .paused ? 10 : 0
        if kind & 8 != 0 { record.labels["exitCode"] = "1" }
        if kind & 16 != 0 { record.layers = ["/l"] }
        return record
    }

    /// One run of the state machine and what was told of it.
    private struct Run {
        private var tracker = ContainerTracker(runtime: "docker", since: nil)
        private var asked: [String] = []
        private var cost = 0
        private var known: Set<String> = []
        private var newest: Int64 = 0
        private var isConnected = false

        mutating func step(_ what: UInt8, _ which: UInt8, time: Int) {
            let number = Int(which & 3)
            guard isConnected else { return connect(which, time) }
            switch what % 12 {
            case 0...5: event(Int(what % 12), number, which, time)
            case 6, 7: answer(which)
            case 8: tracker.beginReconciliation()
            case 9: tracker.reconcile((0..<4).filter { what >> 4 & 1 << $0 != 0 }.map { record($0, which) })
            case 10: tracker.abandonReconciliation()
            default: which & 3 == 0 ? disconnect() : tracker.missed()
            }
            settle()
        }

        private mutating func connect(_ which: UInt8, _ time: Int) {
            let records = (0..<4).filter { which & 1 << $0 != 0 }.map { record($0, which >> 3) }
            tracker.connected(records, version: "1", now: Int64(time))
            isConnected = true
            settle()
        }

        private mutating func disconnect() {
            tracker.disconnected(RuntimeFailure("gone"))
            asked = []
            isConnected = false
        }

        private mutating func event(_ action: Int, _ number: Int, _ which: UInt8, _ time: Int) {
            let actions: [RuntimeEvent.Action] = [.create, .look, .kill, .outOfMemory, .die, .destroy]
            let attributes = which & 16 == 0 ? ["exitCode": which & 32 == 0 ? "0" : "137", "name": "web"] : [:]
            // Some come twice, some with a time before the last one's.
            let stamp = which & 64 == 0 ? time : max(1, time - 3)
            tracker.take(
                RuntimeEvent(id: id(number), action: actions[action], time: Int64(stamp), attributes: attributes),
                cost: 1)
            cost += 1
        }

        private mutating func answer(_ which: UInt8) {
            guard !asked.isEmpty else { return }
            let id = asked.remove(at: Int(which & 7) % asked.count)
            let number = Int(id.utf8.last! - 0x30)
            let answers: [Inspection] = [
                .found(record(number, which >> 3)), .gone, .failed(RuntimeFailure("no")),
                .found(record(number, which >> 2)),
            ]
            tracker.take(answers[Int(which >> 6)], of: id)
        }

        /// What came of a step.
        private mutating func settle() {
            let wanted = tracker.takeInspections()
            for id in wanted { expect(!asked.contains(id), "\(id) is asked for twice at a time") }
            asked += wanted
            expect(asked.count <= Inspection.width, "\(asked.count) inspections at a time")
            for change in tracker.takeChanges() { take(change) }
            cost -= tracker.takeReleased()
            expect(cost >= 0, "more is given back than was taken")
            if let time = tracker.newestEvent {
                expect(time >= newest, "time goes back from \(newest) to \(time)")
                newest = time
            }
        }

        private mutating func take(_ change: ContainerChange) {
            switch change {
            case .changed(let record): known.insert(record.id)
            case .stopped(let id, _, _): expect(known.contains(id), "\(id) ends and was never told of")
            case .removed(let id): expect(known.remove(id) != nil, "\(id) is removed and was never told of")
            case .listed(let records):
                expect(Set(records.map(\.id)).count == records.count, "a container is listed twice")
                // The last events of one that is not listed may still come.
                known.formUnion(records.map(\.id))
            case .reachable, .unreachable: break
            }
        }

        /// All answers come: nothing waits any more, and what was taken is given back.
        mutating func end() {
            for _ in 0..<4_000 where isConnected && !asked.isEmpty {
                tracker.take(.gone, of: asked.removeFirst())
                settle()
            }
            expect(asked.isEmpty, "it never stops asking")
            if isConnected { expect(cost == 0, "\(cost) events are never done with") }
        }
    }
}
