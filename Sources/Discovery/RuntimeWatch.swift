// The life of one watch: connect, subscribe, list, follow, reconcile, and again.
internal import Core
internal import Glibc

/// Owned by the task that runs the runtime's `watch`; nothing else touches it.
struct RuntimeWatch<Runtime: WatchedRuntime> {
    private let runtime: Runtime
    private var tracker: ContainerTracker
    private var lastReason: String?
    private var pause: Duration

    init(_ runtime: Runtime, since: Int64?) {
        self.runtime = runtime
        tracker = ContainerTracker(runtime: runtime.name, since: since)
        pause = runtime.options.shortestPause
    }

    /// Until the task is cancelled.
    mutating func run(_ sink: @Sendable (ContainerChange) async -> Void) async {
        while !Task.isCancelled {
            let start = ContinuousClock.now
            let reason = await connectAndFollow(sink)
            if Task.isCancelled { return }
            // A connection that never lasts must not be made again at once: each costs a list and its inspections.
            if ContinuousClock.now - start > runtime.options.longestPause { pause = runtime.options.shortestPause }
            tracker.disconnected(reason)
            await handOver(sink)
            if reason.message != lastReason {
                lastReason = reason.message
                await sink(.unreachable(reason: reason.message))
            }
            await waitBeforeNextAttempt()
        }
    }

    /// One connection from its first call to its failure.
    private mutating func connectAndFollow(_ sink: @Sendable (ContainerChange) async -> Void) async -> RuntimeFailure {
        let api: Runtime.API
        do { api = try await runtime.connect() } catch { return error }
        let inbox = RuntimeInbox(limit: runtime.options.eventBytes)
        let since = tracker.newestEvent.map { $0 - EventProgress.overlap }
        let now = Clock.wall()
        return await withDiscardingTaskGroup { group in
            group.addTask { await api.follow(since: since, into: inbox) }
            let failure: RuntimeFailure
            do throws(RuntimeFailure) {
                try await waitForSubscription(inbox)
                let records = await api.inspectAll(try await api.list())
                tracker.connected(records, version: api.version, now: now)
                lastReason = nil
                await handOver(sink)
                startTimers(api, inbox, &group)
                failure = await follow(api, inbox, &group, sink)
            } catch { failure = error }
            inbox.finish()
            group.cancelAll()
            return failure
        }
    }

    private func waitForSubscription(_ inbox: RuntimeInbox) async throws(RuntimeFailure) {
        switch await inbox.next() {
        case .subscribed: return
        case .broken(let failure): throw failure
        default: throw RuntimeFailure("cancelled")
        }
    }

    /// Takes message after message until the connection is of no use.
    private mutating func follow(
        _ api: Runtime.API, _ inbox: RuntimeInbox, _ group: inout DiscardingTaskGroup,
        _ sink: @Sendable (ContainerChange) async -> Void
    ) async -> RuntimeFailure {
        while let message = await inbox.next() {
            switch message {
            case .subscribed: break
            case .event(let event, let cost): tracker.take(event, cost: cost)
            case .inspected(let id, let inspection): tracker.take(inspection, of: id)
            case .listed(.success(let listed)): tracker.reconcile(listed)
            case .listed(.failure): tracker.abandonReconciliation()
            case .reconcile: reconcile(api, inbox, &group)
            case .missed:
                tracker.missed()
                reconcile(api, inbox, &group)
            case .alive:
                if api.hasEvents, tracker.isDeaf {
                    return RuntimeFailure("its event stream fell silent: connecting again")
                }
            case .broken(let failure): return failure
            }
            for id in tracker.takeInspections() {
                group.addTask { inbox.put(.inspected(id: id, await api.inspect(id))) }
            }
            await handOver(sink)
            inbox.release(tracker.takeReleased())
        }
        return RuntimeFailure("cancelled")
    }

    private mutating func handOver(_ sink: @Sendable (ContainerChange) async -> Void) async {
        for change in tracker.takeChanges() { await sink(change) }
        runtime.advance(to: tracker.newestEvent)
    }

    private mutating func reconcile(_ api: Runtime.API, _ inbox: RuntimeInbox, _ group: inout DiscardingTaskGroup) {
        guard !tracker.isReconciling else { return }
        tracker.beginReconciliation()
        group.addTask {
            do throws(RuntimeFailure) { inbox.put(.listed(.success(try await api.list()))) } catch {
                inbox.put(.listed(.failure(error)))
            }
        }
    }

    private func startTimers(_ api: Runtime.API, _ inbox: RuntimeInbox, _ group: inout DiscardingTaskGroup) {
        let options = runtime.options
        let interval = api.hasEvents ? options.reconcileInterval : options.pollInterval
        group.addTask {
            if let first = options.firstReconcile, (try? await Task.sleep(for: first)) != nil { inbox.put(.reconcile) }
            while (try? await Task.sleep(for: interval)) != nil { inbox.put(.reconcile) }
        }
        group.addTask {
            while (try? await Task.sleep(for: options.probeInterval)) != nil {
                do throws(RuntimeFailure) {
                    try await api.probe()
                    inbox.put(.alive)
                } catch { inbox.put(.broken(error)) }
            }
        }
    }

    /// Back-off with jitter. It ends early when another socket appears at the path; while there is none it goes on.
    private mutating func waitBeforeNextAttempt() async {
        let before = SocketFile(runtime.socket)
        let until = ContinuousClock.now + pause * Double.random(in: 0.5...1)
        pause = min(pause * 2, runtime.options.longestPause)
        while true {
            let rest = until - ContinuousClock.now
            let now = SocketFile(runtime.socket)
            if now != nil && (rest <= .zero || now != before) { return }
            let nap = rest > .zero ? min(rest, runtime.options.socketPause) : runtime.options.socketPause
            guard (try? await Task.sleep(for: nap)) != nil else { return }
        }
    }
}

/// Which file is at a path, from stat(2).
private struct SocketFile: Equatable {
    private let inode: UInt64
    private let changed: Int64

    /// nil: there is none.
    init?(_ path: String) {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        inode = UInt64(information.st_ino)
        changed = Int64(information.st_ctim.tv_sec) &* nanosecondsPerSecond &+ Int64(information.st_ctim.tv_nsec)
    }
}
