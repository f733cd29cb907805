// Containers that come, write, rotate and go during a round, on a real Docker Engine.
import CLinux
import Core
import Glibc
import LinuxIO
import Synchronization
import TestSupport

/// One container whose life is over, and what it had written.
struct FinishedContainer: Sendable {
    let number: UInt32
    let id: String
    let lines: [WrittenLine]
}

/// Lets up to three containers live at once. Where their logs lie decides when they may be removed: what lies in a volume
/// or a bind mount stays, what lies in the container's own file system goes with it and must have arrived.
final class TortureContainers: Sendable {
    private enum Place: CaseIterable {
        case bind, volume, ownFileSystem
    }

    private let world: TortureWorld
    private let done = Mutex<[FinishedContainer]>([])
    private static let firstNumber: UInt32 = 1000
    private static let width = 3
    /// In the container.
    private static let logs = "/var/log/app"

    init(_ world: TortureWorld) throws { self.world = world }

    var finished: [FinishedContainer] { done.withLock { $0 } }

    /// Starts containers until the story's time is over, and lets the last ones end.
    func run() async throws {
        guard let engine = world.engine else { return }
        let end = Clock.monotonic() + Int64(world.story.seconds) * nanosecondsPerSecond
        try await withThrowingTaskGroup { group in
            for lane in 0..<UInt32(TortureContainers.width) {
                group.addTask {
                    var random = SeededGenerator(seed: self.world.story.seed ^ UInt64(lane + 1) << 32)
                    var number = TortureContainers.firstNumber + lane
                    while Clock.monotonic() < end {
                        try await self.live(number, engine, &random)
                        number += UInt32(TortureContainers.width)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// One container from its creation to its removal.
    private func live(_ number: UInt32, _ engine: DockerEngine, _ random: inout SeededGenerator) async throws {
        let place = Place.allCases[random.number(0...2)]
        let perFile = random.number(2...12)
        var lines = try prepare(number, perFile, &random)
        let name = "torture-\(world.story.seed)-\(number)"
        var container = DockerContainer(
            script: """
                mkdir -p \(Self.logs); i=0; for f in /in/*; do cat $f >>\(Self.logs)/app.log; i=$((i+1)); \
                if [ $((i % \(perFile))) = 0 ]; then mv \(Self.logs)/app.log \(Self.logs)/app.log.$i; fi; \
                usleep 40000; done
                """)
        container.labels = [
            "longshore.logs.app.path": "\(Self.logs)/app.log*",
            "longshore.logs.app.topic": TortureStory.topics[Int(number) % 3],
        ]
        container.mounts = ["\(world.directory.path("in/\(number)")):/in:ro"]
        switch place {
        case .bind: container.mounts.append("\(try world.directory.makeDirectory("bind/\(number)")):\(Self.logs)")
        case .volume: container.mounts.append("\(name):\(Self.logs)")
        case .ownFileSystem: break
        }
        let id = try await engine.createAndStart(container, name: name)
        // A container that came and went while the daemon was down is known to nobody.
        try await waitForLines(number, 1)
        if place == .bind, random.once(in: 2) {
            try await Task.sleep(for: .milliseconds(random.number(0...800)))
            _ = try? await engine.api("POST", "/containers/\(id)/kill")
        }
        try await engine.wait(id)
        if place == .bind { lines = try written(number, perFile, lines) }
        if place == .ownFileSystem { try await waitForLines(number, UInt64(lines.count)) }
        try await engine.remove(id)
        done.withLock { $0.append(FinishedContainer(number: number, id: id, lines: lines)) }
    }

    private func waitForLines(_ number: UInt32, _ count: UInt64) async throws {
        let (arrivals, daemon) = (world.arrivals, world.daemon)
        try await waitUntil(
            timeout: .seconds(400),
            "\(count) lines of container \(number), \(arrivals.count(number)) came; \(daemon.process.errorTail)"
        ) { arrivals.count(number) >= count }
    }

    /// Makes the files that the container writes one after the other; gives their lines.
    private func prepare(_ number: UInt32, _ perFile: Int, _ random: inout SeededGenerator) throws -> [WrittenLine] {
        try world.directory.makeDirectory("in/\(number)")
        var lines: [WrittenLine] = []
        var offset: UInt64 = 0
        for chunk in 0..<random.number(5...60) {
            let content = UInt32(chunk / perFile)
            if chunk % perFile == 0 { offset = 0 }
            var bytes: [UInt8] = []
            for _ in 0..<random.number(1...30) {
                let before = bytes.count
                NumberedLines.append(file: number, sequence: UInt64(lines.count), to: &bytes)
                bytes.append(0x0A)
                let length = UInt32(bytes.count - before)
                lines.append(WrittenLine(content: content, offset: offset, length: length, kind: .whole))
                offset += UInt64(length)
            }
            let digits = String(chunk)
            let name = String(repeating: "0", count: 3 - digits.count) + digits
            try world.directory.write(bytes: bytes, to: "in/\(number)/\(name)")
        }
        return lines
    }

    /// Those of the lines that a container that was killed has written whole.
    private func written(_ number: UInt32, _ perFile: Int, _ lines: [WrittenLine]) throws -> [WrittenLine] {
        var sizes: [UInt32: UInt64] = [:]
        let contents = Set(lines.map(\.content))
        for content in contents {
            let rotated = world.directory.path("bind/\(number)/app.log.\((Int(content) + 1) * perFile)")
            if let size = fileSize(rotated) { sizes[content] = size }
        }
        if let present = contents.filter({ sizes[$0] == nil }).min() {
            sizes[present] = fileSize(world.directory.path("bind/\(number)/app.log")) ?? 0
        }
        return lines.filter { $0.offset + UInt64($0.length) <= sizes[$0.content] ?? 0 }
    }

    private func fileSize(_ path: String) -> UInt64? {
        guard case .success(let status) = FileSystem.status(Array(path.utf8)) else { return nil }
        return status.size
    }
}
