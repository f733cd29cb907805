// A volume on a mount of its own is let go soon after its container died, whatever is left to ship.
import Core
import Glibc
import TestSupport
import Testing

extension ContainerScenarios {
    @Suite("Let go", .serialized)
    struct LetGo {
        private static let lineCount = 60_000

        @Test("with a backlog and no broker, the volume can be unmounted within 3 s, and what was left is announced")
        func unmountable() async throws {
            let stage = try await ContainerStage()
            let volume = try await LoopVolume(stage.directory, megabytes: 64)
            try await stage.daemon.start()
            var container = DockerContainer(
                script: """
                    echo "loop 1" >>/data/app.log; while [ ! -e /data/go ]; do usleep 20000; done; \
                    i=1; while [ $i -lt \(Self.lineCount) ]; do i=$((i+1)); echo "loop $i"; done >>/data/app.log
                    """)
            container.mounts = ["\(volume.path):/data"]
            container.labels = ["longshore.logs.app": "/data"]
            let id = try await stage.engine.createAndStart(container, name: "loop")
            try await stage.waitForLines(["loop": 1])
            try await stage.broker.stop()
            try writeFile("\(volume.path)/go")
            #expect(try await stage.engine.wait(id) == 0)
            let died = ContinuousClock.now
            let size = UInt64(try fileSize("\(volume.path)/app.log"))
            try await stage.engine.remove(id)
            let removed = ContinuousClock.now - died
            try await waitUntil(timeout: .seconds(3), "umount: busy; \(stage.daemon.process.errorTail)") {
                volume.unmount()
            }
            let released = ContinuousClock.now - died
            #expect(removed < .seconds(2), "docker rm took \(removed)")
            #expect(released < .seconds(3))
            try await stage.broker.restart()
            try await waitForCoverage(stage, size)
            let coverage = try #require(try coverage(stage, size))
            print("containers/let go: removed after \(removed), unmounted after \(released); \(coverage)")
        }

        /// Records and announced gaps of the one file.
        private func coverage(_ stage: ContainerStage, _ size: UInt64) throws -> FileCoverage? {
            var checker = CoverageChecker<String>()
            var file: String?
            for line in stage.all.items() {
                let fields = try line.fields()
                checker.record(fields, partition: line.partition)
                file = fields.fileID ?? file
            }
            for gap in try stage.events("gap") { checker.gap(gap) }
            guard let file else { return nil }
            checker.expect(file, size: size)
            return checker.coverage(of: file)
        }

        private func waitForCoverage(_ stage: ContainerStage, _ size: UInt64) async throws {
            var seen = -1
            try await waitUntil(
                timeout: .seconds(60), "every byte to be shipped or announced; \(stage.daemon.process.errorTail)"
            ) {
                let count = stage.all.count + stage.audit.count
                if count == seen { return false }
                seen = count
                guard let coverage = try coverage(stage, size) else { return false }
                return coverage.holes.isEmpty && coverage.overlaps.isEmpty
            }
        }
    }
}

/// An ext4 of its own on a loop device. Deinit unmounts it, lazily.
private final class LoopVolume {
    let path: String
    private var isMounted = true

    init(_ directory: TemporaryDirectory, megabytes: Int) async throws {
        path = try directory.makeDirectory("loop")
        let image = directory.path("loop.ext4")
        try await run("truncate", ["-s", "\(megabytes)M", image])
        try await run("mkfs.ext4", ["-q", "-F", image])
        try await run("mount", ["-o", "loop", image, path])
    }

    /// umount(2), not lazily. False: it is busy.
    func unmount() -> Bool {
        if isMounted && umount2(path, 0) == 0 { isMounted = false }
        return !isMounted
    }

    deinit { if isMounted { umount2(path, Int32(MNT_DETACH)) } }
}

/// Creates an empty file.
private func writeFile(_ path: String) throws {
    let raw = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard raw >= 0 else { throw FixtureError("cannot create \(path): errno \(errno)") }
    close(raw)
}

private func fileSize(_ path: String) throws -> Int64 {
    var information = stat()
    guard stat(path, &information) == 0 else { throw FixtureError("no \(path): errno \(errno)") }
    return Int64(information.st_size)
}
