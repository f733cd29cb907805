// Directories made to keep the daemon busy: tens of thousands of entries, deep trees, names that are no text.
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

extension ContainerScenarios.Hostile {
    @Test("20,000 files, deep trees and thousands of refused names in one container: its neighbours go on")
    func floods() async throws {
        let source = try stage.bind("calm")
        try await stage.start(
            "calm", "mkfifo /data/pipe.log; echo first >/data/a.log", labels: ["longshore.logs.app": "/data/a.log"],
            mounts: ["\(source):/data"])
        try await stage.expect(["first"], of: "calm")
        let writer = try PacedLines(path: "\(source)/a.log", reader: stage.daemon.process)
        let script = """
            mkdir -p /data/many /data/pipes /data/names /data/wide; cd /data/many
            for i in $(seq 20000); do : >f$i.log; done; echo many >last.log
            cd /data/pipes; for i in $(seq 2000); do ln -s /proc/1/environ l$i.log; done
            cd /data/wide; for i in $(seq 3000); do mkdir d$i; done; echo wide >d3000/a.log
            cd /data/names; for i in $(seq 200); do mkdir "$(printf 'n\\n\\377')$i"; done; cd "$(printf 'n\\n\\377')200"
            echo names >"$(printf '\\001\\n\\377.log')"
            mkdir /data/deep; cd /data/deep; for i in $(seq 400); do mkdir dddddddddddddddd; cd dddddddddddddddd; done
            echo deep >a.log
            """
        try await stage.start(
            "flood", script,
            labels: [
                "longshore.logs.many": "/data/many/*.log", "longshore.logs.pipes": "/data/pipes/*.log",
                "longshore.logs.wide": "/data/wide/*/*.log", "longshore.logs.deep": "/data/deep/**/*.log",
                "longshore.logs.names": "/data/names/**/*.log", "longshore.logs.all": "/data/**/x*.log",
            ], mounts: ["flood:/data"])
        for name in ["many", "wide", "names"] {
            try await stage.expect([name], of: "flood", name, timeout: .seconds(60))
        }
        // A full report of so many files, which the waits below ask for, is another matter.
        let written = writer.stop()
        // 64 directories deep is what a pattern reaches; what is below is not there for anybody.
        #expect(stage.records(of: "flood", "deep").isEmpty)
        try await stage.wait(for: "refused", of: "flood", "pipes")
        // What the flood has used up of the list of problems is the flood's own.
        try await stage.start(
            "later", "mkfifo /data/pipe.log", labels: ["longshore.logs.app": "/data/pipe.log"], mounts: ["later:/data"])
        try await stage.wait(for: "refused", of: "later")
        try await waitUntil("\(written) lines; \(stage.daemon.process.errorTail)") {
            stage.records(of: "calm").count == written + 1
        }
        let work = writer.finish()
        let waits = stage.records(of: "calm").compactMap { record -> (from: Int64, to: Int64)? in
            guard let written = Int64(record.message) else { return nil }
            return record.fields.string("observed_timestamp").flatMap(instant).map { (written, $0) }
        }
        let delays = waits.map { $0.to - $0.from }.sorted()
        let longestWork = waits.map { work.seconds(from: $0.from, to: $0.to) }.max() ?? .infinity
        let usage = try #require(stage.daemon.process.usage())
        print(
            "containers/flood: neighbour's delay p50 \(percentile(delays, 0.5) / 1_000_000) ms, p99 "
                + "\(percentile(delays, 0.99) / 1_000_000) ms, most \((delays.last ?? 0) / 1_000_000) ms of \(written) "
                + "lines, most work \(longestWork) s; RSS \(usage.residentBytes >> 20) MB, overflows "
                + "\(try await stage.daemon.status()["watching"]?["overflows"]?.uint64 ?? 0)")
        #expect(delays.count == written)
        // By the daemon's own CPU time, whatever else the machine does: one that waits for the end of the flood waits for
        // more. Of a debug build.
        #expect(longestWork < 10, "the neighbour waited")
        try await stage.remove("flood", "later", "calm")
    }
}

/// Writes the wall-clock time as a line every 5 ms, on a thread of its own, and keeps how much CPU time who reads them
/// has used by then.
final class PacedLines: Sendable {
    private let state: State
    private let thread: Thread

    private final class State: Sendable {
        let isSampling = Atomic(true)
        let lines = Mutex((isWriting: true, count: 0))
        let work = Mutex(Work())
    }

    /// CPU time of a process, sampled: wall-clock nanoseconds and seconds of CPU time, in order.
    struct Work {
        fileprivate(set) var samples: [(at: Int64, seconds: Double)] = []

        /// CPU time between two instants or a little more, never less.
        func seconds(from: Int64, to: Int64) -> Double {
            let before = samples.last { $0.at <= from } ?? samples.first
            let after = samples.first { $0.at >= to } ?? samples.last
            guard let before, let after else { return .infinity }
            return after.seconds - before.seconds
        }
    }

    /// Appends to `path`, which exists.
    init(path: String, reader: ChildProcess? = nil) throws {
        let raw = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard raw >= 0 else { throw FixtureError("cannot open \(path): errno \(errno)") }
        let state = State()
        self.state = state
        thread = try Thread(name: "test-paced") {
            let file = FileDescriptor(owning: raw)
            for round in 0... {
                let isSampling = state.isSampling.load(ordering: .relaxed)
                if round % 20 == 0 || !isSampling, let usage = reader?.usage() {
                    state.work.withLock { $0.samples.append((Clock.wall(), usage.cpuSeconds)) }
                }
                if !isSampling { return }
                state.lines.withLock { lines in
                    let line = Array("\(Clock.wall())\n".utf8)
                    if lines.isWriting, write(file.raw, line, line.count) == line.count { lines.count += 1 }
                }
                usleep(5000)
            }
        }
    }

    deinit { state.isSampling.store(false, ordering: .relaxed) }

    /// Writes no more; gives how many lines were written.
    func stop() -> Int {
        state.lines.withLock { lines in
            lines.isWriting = false
            return lines.count
        }
    }

    /// Ends the thread once everything has arrived.
    func finish() -> Work {
        state.isSampling.store(false, ordering: .relaxed)
        thread.join()
        return state.work.withLock { $0 }
    }
}
