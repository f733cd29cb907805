// The life of one watch: connect, subscribe, list, follow, reconcile, and again.
internal import Core
internal import Glibc

/// Owned by the task that runs `DockerRuntime.watch`; nothing else touches it.
struct DockerWatch {
    private let runtime: DockerRuntime
    private var tracker: DockerTracker
    private var lastReason: String?
    private var pause: Duration

    init(_ runtime: DockerRuntime, since: Int64?) {
        self.runtime = runtime
        tracker = DockerTracker(runtime: runtime.name, since: since)
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
        let api: DockerAPI
        do { api = try await runtime.connect() } catch { return error }
        let inbox = DockerInbox(limit: runtime.options.eventBytes)
        let since = tracker.newestEvent.map { $0 - DockerEventProgress.overlap }
        let now = Clock.wall()
        return await withDiscardingTaskGroup { group in
            group.addTask { await DockerWatch.read(api, since: since, into: inbox) }
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

    private func waitForSubscription(_ inbox: DockerInbox) async throws(RuntimeFailure) {
        switch await inbox.next() {
        case .subscribed: return
        case .broken(let failure): throw failure
        default: throw RuntimeFailure("cancelled")
        }
    }

    /// Takes message after message until the connection is of no use.
    private mutating func follow(
        _ api: DockerAPI, _ inbox: DockerInbox, _ group: inout DiscardingTaskGroup,
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
                if tracker.isDeaf { return RuntimeFailure("its event stream fell silent: connecting again") }
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

    private mutating func reconcile(_ api: DockerAPI, _ inbox: DockerInbox, _ group: inout DiscardingTaskGroup) {
        guard !tracker.isReconciling else { return }
        tracker.beginReconciliation()
        group.addTask {
            do throws(RuntimeFailure) { inbox.put(.listed(.success(try await api.list()))) } catch {
                inbox.put(.listed(.failure(error)))
            }
        }
    }

    private func startTimers(_ api: DockerAPI, _ inbox: DockerInbox, _ group: inout DiscardingTaskGroup) {
        let options = runtime.options
        group.addTask {
            while (try? await Task.sleep(for: options.reconcileInterval)) != nil { inbox.put(.reconcile) }
        }
        group.addTask {
            while (try? await Task.sleep(for: options.probeInterval)) != nil {
                do throws(RuntimeFailure) {
                    try await api.ping()
                    inbox.put(.alive)
                } catch { inbox.put(.broken(error)) }
            }
        }
    }

    /// Puts the event stream into the inbox, and why it ended.
    private static func read(_ api: DockerAPI, since: Int64?, into inbox: DockerInbox) async {
        let reader = DockerEventReader(inbox)
        do throws(RuntimeFailure) {
            try await api.events(since: since) { await reader.take($0) }
            inbox.put(.broken(RuntimeFailure("it ended its event stream: was it stopped?")))
        } catch { inbox.put(.broken(error)) }
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

/// Cuts the stream into events. Used by the reading task alone.
private actor DockerEventReader {
    private let inbox: DockerInbox
    private var splitter = LineSplitter(limit: DockerAPI.eventLimit)
    private var isSubscribed = false

    init(_ inbox: DockerInbox) { self.inbox = inbox }

    func take(_ piece: [UInt8]) async {
        if !isSubscribed {
            isSubscribed = true
            inbox.put(.subscribed)
        }
        for line in splitter.feed(piece) {
            guard let line, let event = try? DockerEvent.parse(line) as DockerEvent?? else {
                inbox.put(.missed)
                continue
            }
            guard let event else { continue }
            inbox.put(.event(event, cost: line.count))
            // While nothing is read the runtime may throw events away.
            if await inbox.room() { inbox.put(.missed) }
        }
    }
}
