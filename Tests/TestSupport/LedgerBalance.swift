// The balance of the ledger, asserted wherever a test sees a status, and where its daemon or engine ends.
package import Core
package import Testing

/// What does not add up in a status, one line each; empty when every source's ledger, the totals and the books balance.
package func imbalances(_ report: StatusReport) -> [String] {
    var found: [String] = []
    var sum = LedgerStatus()
    for source in report.sources {
        let ledger = source.ledger
        sum.add(ledger)
        if !ledger.balances { found.append("\(source.path): \(ledger)") }
        if source.offset != ledger.acknowledged &+ ledger.skipped &+ ledger.gap {
            found.append("\(source.path): its offset is \(source.offset): \(ledger)")
        }
    }
    if report.totals != sum { found.append("the totals are not the sum of the sources: \(report.totals), \(sum)") }
    if !report.books.balances { found.append("the books of the run: \(report.books)") }
    if report.ledgerImbalances != 0 { found.append("\(report.ledgerImbalances) sources were found out of balance") }
    return found
}

/// The same for a status that came as JSON.
package func imbalances(_ status: JSONValue) -> [String] {
    guard let sources = status["sources"]?.array, let totals = ledger(status["totals"]),
        let books = ledger(status["books"]), let count = status["ledgerImbalances"]?.uint64
    else { return ["a status without a ledger: \(status)"] }
    var report = StatusReport()
    report.totals = totals
    report.books = books
    report.ledgerImbalances = count
    for source in sources {
        var entry = SourceStatus()
        entry.path = source["path"]?.string ?? "?"
        guard let ledger = ledger(source["ledger"]), let offset = source["offset"]?.uint64 else {
            return ["a source without a ledger: \(source)"]
        }
        entry.ledger = ledger
        entry.offset = offset
        report.sources.append(entry)
    }
    return imbalances(report)
}

private func ledger(_ value: JSONValue?) -> LedgerStatus? {
    guard let size = value?["size"]?.uint64, let acknowledged = value?["acknowledged"]?.uint64,
        let inFlight = value?["inFlight"]?.uint64, let spooled = value?["spooled"]?.uint64,
        let skipped = value?["skipped"]?.uint64, let gap = value?["gap"]?.uint64, let unread = value?["unread"]?.uint64
    else { return nil }
    var ledger = LedgerStatus()
    ledger.size = size
    ledger.acknowledged = acknowledged
    ledger.inFlight = inFlight
    ledger.spooled = spooled
    ledger.skipped = skipped
    ledger.gap = gap
    ledger.unread = unread
    return ledger
}

/// Fails the test when a status does not balance.
package func expectBalance(_ status: JSONValue, sourceLocation: SourceLocation = #_sourceLocation) {
    for imbalance in imbalances(status) {
        Issue.record("out of balance: \(imbalance)", sourceLocation: sourceLocation)
    }
}

/// Fails the test when a status does not balance.
package func expectBalance(_ report: StatusReport, sourceLocation: SourceLocation = #_sourceLocation) {
    for imbalance in imbalances(report) {
        Issue.record("out of balance: \(imbalance)", sourceLocation: sourceLocation)
    }
}
