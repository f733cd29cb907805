// Reports for the tests of Admin.
import Core

/// Reports with something in every part that is shown.
enum Samples {
    static func report() -> StatusReport {
        var report = StatusReport()
        report.version = "0.1.0"
        report.host = "node-1"
        report.processID = 4711
        report.uptimeSeconds = 11_520
        report.configuration = "/etc/longshore/longshore.yaml"
        report.kafka.brokers = "k1:9092,k2:9092"
        report.kafka.up = true
        report.kafka.lastAcknowledgement = 1000
        report.store.path = "/var/lib/longshore/longshore.db"
        report.store.secondsSinceCheckpoint = 0.2
        report.memory.limitBytes = 64 << 20
        report.memory.bufferBytes = 3 << 19
        report.memory.residentBytes = 18 << 20
        report.memory.overheadBytes = 33 << 19
        report.memory.overheadLimitBytes = 45 << 20
        report.totals = ledger(size: 1_263_411, acknowledged: 1_258_291, inFlight: 4096, unread: 1024)
        report.sources = [
            source(
                "nginx", "/var/log/nginx/access.log", "active",
                ledger(size: 1_258_291, acknowledged: 1_253_171, inFlight: 4096, unread: 1024), 1.26),
            source(
                "app", "/var/log/app.log", "idle", ledger(size: 5120, acknowledged: 5120, inFlight: 0, unread: 0), nil),
        ]
        return report
    }

    static func ledger(size: UInt64, acknowledged: UInt64, inFlight: UInt64, unread: UInt64) -> LedgerStatus {
        var ledger = LedgerStatus()
        ledger.size = size
        ledger.acknowledged = acknowledged
        ledger.inFlight = inFlight
        ledger.unread = unread
        return ledger
    }

    static func source(
        _ declaration: String, _ path: String, _ state: String, _ ledger: LedgerStatus, _ oldest: Double?
    ) -> SourceStatus {
        var source = SourceStatus()
        source.declaration = declaration
        source.path = path
        source.state = state
        source.topic = "logs"
        source.offset = ledger.acknowledged
        source.ledger = ledger
        source.oldestUnacknowledgedSeconds = oldest
        return source
    }
}
