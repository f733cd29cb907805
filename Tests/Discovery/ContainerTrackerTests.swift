// The state machine behind a watch: orders of events, answers and lists that a real engine seldom shows.
import Testing

@testable import Discovery

struct ContainerTrackerTests {
    private let one = DockerSamples.id(1)
    private let two = DockerSamples.id(2)

    private func event(_ action: String, _ id: String, _ time: Int64, _ attributes: [String: String] = [:])
        -> RuntimeEvent
    {
        let all = ["image": "i", "name": "web"].merging(attributes) { _, new in new }
        let line = DockerSamples.event(action, id, attributes: all, time: time)
        return try! RuntimeEvent.parse(Array(line.utf8))!
    }

    private func record(_ id: String, name: String = "web", _ state: String = "running", pid: Int = 10)
        -> ContainerRecord
    {
        try! DockerAnswers.container(
            Array(DockerSamples.inspect(id, name: name, state: state, pid: pid).utf8), runtime: "docker")!
    }

    /// A connected tracker whose first changes were taken.
    private func tracker(_ records: [ContainerRecord] = []) -> ContainerTracker {
        var tracker = ContainerTracker(runtime: "docker", since: nil)
        tracker.connected(records, version: "1", now: 5)
        _ = tracker.takeChanges()
        return tracker
    }

    private func story(_ changes: [ContainerChange]) -> [String] {
        changes.map { change in
            switch change {
            case .changed(let record): "changed \(record.id.last!) \(record.name) \(record.status)"
            case .stopped(let id, let code, let oom): "stopped \(id.last!) \(code ?? -1)" + (oom ? " oom" : "")
            case .removed(let id): "removed \(id.last!)"
            case .listed(let records): "listed \(records.map { String($0.id.last!) }.joined())"
            case .reachable: "reachable"
            case .unreachable: "unreachable"
            }
        }
    }

    @Test func aDeathIsNotHeldUpByTheInspectionOfAnother() {
        var tracker = tracker([record(one)])
        tracker.take(event("create", two, 10), cost: 1)
        #expect(tracker.takeInspections() == [two])
        tracker.take(event("kill", one, 11), cost: 1)
        tracker.take(event("die", one, 12, ["exitCode": "137"]), cost: 1)
        #expect(story(tracker.takeChanges()) == ["stopped 1 137"])
        #expect(tracker.takeReleased() == 2)
        #expect(tracker.newestEvent == 5, "the create is not dealt with: a reconnect must ask for it")
        tracker.take(.found(record(two)), of: two)
        #expect(story(tracker.takeChanges()) == ["changed 2 web running"])
        #expect(tracker.newestEvent == 12 && tracker.takeReleased() == 1)
    }

    @Test func eventsOfAContainerWaitForItsInspection() {
        var tracker = tracker()
        tracker.take(event("create", one, 10), cost: 0)
        tracker.take(event("start", one, 11), cost: 0)
        tracker.take(event("oom", one, 12), cost: 0)
        tracker.take(event("die", one, 13, ["exitCode": "137"]), cost: 0)
        tracker.take(event("destroy", one, 14), cost: 0)
        #expect(tracker.takeInspections() == [one] && tracker.takeChanges().isEmpty)
        tracker.take(.found(record(one)), of: one)
        #expect(story(tracker.takeChanges()) == ["changed 1 web running"])
        #expect(tracker.takeInspections() == [one], "the start came after the first inspection was asked for")
        tracker.take(.gone, of: one)
        #expect(story(tracker.takeChanges()) == ["changed 1 web exited", "stopped 1 137 oom", "removed 1"])
        tracker.take(event("die", one, 15, ["exitCode": "1"]), cost: 0)
        #expect(tracker.takeChanges().isEmpty && tracker.newestEvent == 15, "late events bring nothing back")
    }

    @Test func aContainerGoneBeforeItsInspectionIsKnownByItsEvent() throws {
        var tracker = tracker()
        tracker.take(event("create", one, 10, ["app": "x", "execDuration": "3"]), cost: 0)
        tracker.take(event("start", one, 11, ["app": "x"]), cost: 0)
        _ = tracker.takeInspections()
        tracker.take(.gone, of: one)
        guard case .changed(let record) = try #require(tracker.takeChanges().first) else { return }
        #expect(record.labels == ["app": "x"] && record.image == "i" && record.mounts.isEmpty)
        #expect(tracker.takeInspections().isEmpty, "it is not asked for again")
    }

    @Test func deathsThatProveNothingAreAskedAbout() {
        var tracker = tracker([record(one), record(two)])
        tracker.take(event("die", one, 10, ["exitCode": "137"]), cost: 0)
        #expect(tracker.takeInspections() == [one])
        var dead = record(one, "exited", pid: 0)
        dead.isOutOfMemory = true
        tracker.take(.found(dead), of: one)
        #expect(story(tracker.takeChanges()) == ["stopped 1 4 oom"])
        tracker.take(event("die", two, 11, ["exitCode": "137"]), cost: 0)
        _ = tracker.takeInspections()
        tracker.take(.found(record(two)), of: two)
        #expect(story(tracker.takeChanges()) == ["stopped 2 137"], "restarted meanwhile: only the event knows")
    }

    @Test func unknownContainersAreIntroducedBeforeTheyEnd() {
        var tracker = tracker()
        tracker.take(event("die", one, 10, ["exitCode": "2"]), cost: 0)
        tracker.take(event("destroy", two, 11), cost: 0)
        #expect(
            story(tracker.takeChanges())
                == ["changed 1 web exited", "stopped 1 2", "changed 2 web exited", "removed 2"])
    }

    @Test func whatEventsToldSinceTheListWasAskedForStands() {
        var tracker = tracker([record(one)])
        tracker.beginReconciliation()
        tracker.take(event("create", two, 10), cost: 0)
        tracker.take(event("destroy", one, 11), cost: 0)
        _ = tracker.takeInspections()
        tracker.take(.found(record(two)), of: two)
        _ = tracker.takeChanges()
        // The list is older than both events.
        tracker.reconcile([record(one)])
        #expect(story(tracker.takeChanges()) == ["listed 2"])
        #expect(!tracker.isReconciling && !tracker.isDeaf)
    }

    @Test func aListThatIsOlderThanADeathRevivesNobody() {
        var tracker = tracker([record(one), record(two)])
        tracker.beginReconciliation()
        tracker.take(event("die", one, 10, ["exitCode": "1"]), cost: 0)
        #expect(story(tracker.takeChanges()) == ["stopped 1 1"])
        tracker.reconcile([record(one), record(two)])
        #expect(tracker.takeInspections().isEmpty && !tracker.isDeaf)
        #expect(story(tracker.takeChanges()) == ["listed 12"])
    }

    @Test func aContainerThatWaitsForItsRestartMakesNobodyDeaf() {
        var tracker = tracker([record(one)])
        tracker.take(event("die", one, 10, ["exitCode": "1"]), cost: 0)
        tracker.beginReconciliation()
        tracker.reconcile([record(one, "restarting")])
        #expect(tracker.takeInspections() == [one])
        tracker.take(.found(record(one, "restarting", pid: 0)), of: one)
        #expect(!tracker.isDeaf)
    }

    @Test func anEventThatCouldNotBeReadMakesNobodyDeaf() {
        var tracker = tracker([record(one)])
        tracker.missed()
        tracker.beginReconciliation()
        tracker.reconcile([record(one), record(two)])
        tracker.take(.found(record(two)), of: two)
        #expect(!tracker.isDeaf)
        // The next difference has no such excuse.
        tracker.beginReconciliation()
        tracker.reconcile([record(one)])
        #expect(tracker.isDeaf)
    }

    @Test func aListFindsWhatEventsDidNotTell() {
        let three = DockerSamples.id(3)
        var tracker = tracker([record(one), record(two)])
        tracker.beginReconciliation()
        tracker.reconcile([record(one, name: "renamed"), record(three)])
        #expect(Set(tracker.takeInspections()) == [one, three])
        tracker.take(.found(record(one, name: "renamed", "exited", pid: 0)), of: one)
        #expect(story(tracker.takeChanges()) == ["changed 1 renamed exited", "stopped 1 4"])
        tracker.take(.failed(RuntimeFailure("")), of: three)
        #expect(story(tracker.takeChanges()) == ["changed 3 web running", "listed 13"])
        #expect(tracker.isDeaf, "no event told any of it")
        // What could not be inspected is asked for again; what is as it was is not.
        tracker.beginReconciliation()
        tracker.reconcile([record(one, name: "renamed", "exited", pid: 0), record(three)])
        #expect(tracker.takeInspections() == [three])
        tracker.take(.found(record(three)), of: three)
        #expect(story(tracker.takeChanges()) == ["listed 13"])
        tracker.take(event("kill", one, 20), cost: 0)
        #expect(!tracker.isDeaf, "it hears")
    }

    @Test func afterAReconnectNothingIsToldTwiceAndNothingIsLost() {
        var tracker = tracker([record(one)])
        let create = event("create", two, 10)
        tracker.take(create, cost: 0)
        _ = tracker.takeInspections()
        let die = event("die", one, 11, ["exitCode": "1"])
        tracker.take(die, cost: 0)
        _ = tracker.takeChanges()
        tracker.disconnected(RuntimeFailure("gone"))
        #expect(story(tracker.takeChanges()) == ["changed 2 web created"], "known by its event, whatever comes")
        #expect(tracker.newestEvent == 11)
        tracker.connected([record(two)], version: "1", now: 0)
        #expect(story(tracker.takeChanges()) == ["reachable", "listed 2"])
        tracker.take(create, cost: 3)
        tracker.take(die, cost: 4)
        #expect(tracker.takeChanges().isEmpty && tracker.takeReleased() == 7)
        // Its last event comes after the list without it.
        tracker.take(event("destroy", one, 12), cost: 0)
        #expect(story(tracker.takeChanges()) == ["changed 1 web exited", "removed 1"].suffix(1))
    }

    @Test func inspectionsAreBounded() {
        var tracker = tracker()
        for number in 0..<100 { tracker.take(event("create", DockerSamples.id(number), Int64(number) + 10), cost: 0) }
        let first = tracker.takeInspections()
        #expect(first.count == Inspection.width && tracker.takeInspections().isEmpty)
        tracker.take(.found(record(first[0])), of: first[0])
        #expect(tracker.takeInspections() == [DockerSamples.id(Inspection.width)])
    }
}
