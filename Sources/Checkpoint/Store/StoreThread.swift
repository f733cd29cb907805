// The loop of the thread named "store".
internal import Core
internal import Glibc
internal import LinuxIO
internal import Synchronization

/// Applies transactions in order, fsyncs in time, takes snapshots; sleeps without a timer while there is nothing to do.
/// Only `run` is called from outside, once, on the thread itself.
struct StoreThread: Sendable {
    let options: StoreOptions
    let exchange: StoreExchange

    func run() {
        let opening = StoreOpening(files: StoreFiles(directory: options.directory))
        do {
            let (database, state) = try opening.open()
            exchange.publish(opened: .success(state))
            serve(database)
        } catch {
            exchange.publish(opened: .failure(error))
        }
    }

    private func serve(_ database: StoreDatabase) {
        var deadlines = Deadlines(options: options)
        takeSnapshot(database, &deadlines)
        while true {
            let (transactions, isClosing) = exchange.takeSubmitted()
            for transaction in transactions {
                complete(transaction, database)
                runDue(database, &deadlines)
            }
            if !transactions.isEmpty { continue }
            if isClosing { return finish(database, &deadlines) }
            runDue(database, &deadlines)
            wait(until: deadlines.next(database))
        }
    }

    private func complete(_ transaction: StoreTransaction, _ database: StoreDatabase) {
        let completion: StoreCompletion
        do {
            let ids = try database.apply(transaction)
            completion = StoreCompletion(ticket: transaction.ticket, eventIDs: ids, failure: nil)
        } catch {
            completion = StoreCompletion(ticket: transaction.ticket, eventIDs: [], failure: error)
        }
        exchange.syncCount.store(database.syncCount, ordering: .relaxed)
        exchange.publish(completion)
    }

    private func runDue(_ database: StoreDatabase, _ deadlines: inout Deadlines) {
        // What is due within poll's resolution is due now: no spinning through the last millisecond.
        let now = Clock.monotonic() + nanosecondsPerMillisecond
        if let due = deadlines.synchronize(database), due <= now { synchronize(database, &deadlines) }
        if let due = deadlines.snapshot(database), due <= now { takeSnapshot(database, &deadlines) }
    }

    private func synchronize(_ database: StoreDatabase, _ deadlines: inout Deadlines) {
        do {
            try database.synchronize()
            exchange.publish(sync: nil)
        } catch {
            deadlines.lastFailedSync = Clock.monotonic()
            exchange.publish(sync: error)
        }
        exchange.syncCount.store(database.syncCount, ordering: .relaxed)
    }

    private func takeSnapshot(_ database: StoreDatabase, _ deadlines: inout Deadlines) {
        deadlines.lastSnapshot = Clock.monotonic()
        do {
            try database.takeSnapshot()
            exchange.publish(snapshot: nil)
            exchange.snapshotCount.add(1, ordering: .relaxed)
        } catch {
            exchange.publish(snapshot: error)
        }
        exchange.syncCount.store(database.syncCount, ordering: .relaxed)
    }

    private func finish(_ database: StoreDatabase, _ deadlines: inout Deadlines) {
        synchronize(database, &deadlines)
        if database.isDirty { takeSnapshot(database, &deadlines) }
        database.mergeOnClose()
    }

    /// Sleeps until the exchange wakes it or until `deadline` (monotonic nanoseconds; nil: no timer). Rounds down to
    /// poll's milliseconds: early rather than late, by less than one.
    private func wait(until deadline: Int64?) {
        var timeout: Int32 = -1
        if let deadline {
            let left = (deadline - Clock.monotonic()) / nanosecondsPerMillisecond
            timeout = Int32(clamping: max(0, left))
        }
        var descriptor = pollfd(fd: exchange.wake.raw, events: Int16(POLLIN), revents: 0)
        if poll(&descriptor, 1, timeout) > 0 { exchange.wake.drain() }
        exchange.wakeCount.add(1, ordering: .relaxed)
    }
}

/// When the next fsync and the next snapshot are due, from what is not durable yet.
private struct Deadlines {
    let options: StoreOptions
    var lastSnapshot = Clock.monotonic()
    var lastFailedSync: Int64 = .min

    func synchronize(_ database: StoreDatabase) -> Int64? {
        guard let since = database.unsyncedSince else { return nil }
        return max(since, lastFailedSync) + options.fsyncInterval
    }

    func snapshot(_ database: StoreDatabase) -> Int64? {
        database.isDirty && !database.isDamaged ? lastSnapshot + options.snapshotInterval : nil
    }

    func next(_ database: StoreDatabase) -> Int64? {
        switch (synchronize(database), snapshot(database)) {
        case (let one?, let other?): min(one, other)
        case (let one, let other): one ?? other
        }
    }
}
