// What the process may need beside its buffers: the constant of "limits.memory plus a constant".
internal import Core
internal import FileSource
internal import Glibc
internal import KafkaSink

/// The most that may be resident beside the buffers that limits.memory bounds. It depends on the configuration and on the
/// number of files only, never on the backlog, the brokers' state or how often they went away.
enum MemoryOverhead {
    /// Program, stacks, SQLite's cache, requests in librdkafka's hands (five a broker, each its batch once more,
    /// compressed), and what the allocator keeps.
    static let fixed = 40 << 20
    /// A place in the queue: librdkafka's message with its key, its report, the ledger's entry.
    static let perRecord = 512
    /// A file: its state, its names and its place in the watch tables.
    static let perSource = 2 << 10

    static func limit(_ options: EngineOptions, sources: Int) -> Int {
        fixed + options.kafka.places * perRecord + sources * perSource
    }

    /// VmRSS from /proc/self/statm (proc(5)), in bytes.
    static func residentBytes() -> UInt64 {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        return fields.count > 1 ? (UInt64(fields[1]) ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}

extension PipelineLoop {
    func memoryStatus() -> MemoryStatus {
        var status = MemoryStatus()
        status.limitBytes = UInt64(options.memoryLimit)
        status.bufferBytes = UInt64(arenas.allocatedBytes + chunkSize + tailer.chunkBytes)
        status.residentBytes = MemoryOverhead.residentBytes()
        status.overheadBytes = status.residentBytes - min(status.bufferBytes, status.residentBytes)
        status.overheadLimitBytes = UInt64(MemoryOverhead.limit(options, sources: sources.count))
        return status
    }
}
