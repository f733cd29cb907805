// What the watch of a runtime needs of the API behind it.

/// A runtime that answers. Values are made anew for each connection.
protocol RuntimeAPI: Sendable {
    /// For people.
    var version: String { get }
    /// It tells by itself what happens; else only its lists show it.
    var hasEvents: Bool { get }
    /// It answers at all.
    func probe() async throws(RuntimeFailure)
    /// All containers, as much as a list tells.
    func list() async throws(RuntimeFailure) -> [ContainerRecord]
    func inspect(_ id: String) async -> Inspection
    /// Puts into the inbox that the subscription stands, then its events, and at last why it ended. `since`: nanoseconds
    /// since 1970 from which on events are wanted, where the runtime keeps them.
    func follow(since: Int64?, into inbox: RuntimeInbox) async
}

extension RuntimeAPI {
    /// The listed containers inspected, in the list's order. What could not be inspected stays as it was listed; what is
    /// no container is left out.
    func inspectAll(_ listed: [ContainerRecord]) async -> [ContainerRecord] {
        var records = listed.map(Optional.init)
        func take(_ index: Int, _ inspection: Inspection) {
            switch inspection {
            case .found(let record): records[index] = record
            case .foreign: records[index] = nil
            case .gone, .failed: break
            }
        }
        await withTaskGroup(of: (Int, Inspection).self) { group in
            for index in listed.indices {
                if index >= Inspection.width, let (done, inspection) = await group.next() { take(done, inspection) }
                group.addTask { (index, await inspect(listed[index].id)) }
            }
            for await (done, inspection) in group { take(done, inspection) }
        }
        return records.compactMap(\.self)
    }
}

/// A runtime as its watch sees it.
protocol WatchedRuntime: Sendable {
    associatedtype API: RuntimeAPI
    var name: String { get }
    var socket: String { get }
    var options: RuntimeOptions { get }
    func connect() async throws(RuntimeFailure) -> API
    /// All events up to this time are dealt with.
    func advance(to time: Int64?)
}

/// Times and limits; the defaults are what the daemon runs with.
package struct RuntimeOptions: Sendable {
    /// Between two comparisons with the whole list.
    package var reconcileInterval = Duration.seconds(60)
    /// From a connection to the first comparison: what happened while it was made.
    package var firstReconcile: Duration?
    /// Between two lists of a runtime that tells no events.
    package var pollInterval = Duration.seconds(1)
    /// Between two probes of a connection on which nothing comes.
    package var probeInterval = Duration.seconds(20)
    /// For one call, from connect to the last byte.
    package var deadline = Duration.seconds(10)
    /// Between two attempts to connect, doubled each time, with jitter.
    package var shortestPause = Duration.milliseconds(100)
    package var longestPause = Duration.seconds(10)
    /// Between two looks for a socket that is not there yet.
    package var socketPause = Duration.milliseconds(500)
    /// Bytes of events that may wait.
    package var eventBytes = 16 << 20

    package init() {}
}
