// The root of a running container, seen through its first process.
import CLinux
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Resolver

@Suite struct ProcessTests {
    private let stage: Stage

    init() throws {
        stage = try Stage()
        try stage.write("root/var/log/a", "in the root")
        try stage.write("src/b", "in the mount")
        try stage.write("secret", "outside")
        try stage.link("root/var/log/abs", to: "/var/log/a")
        try stage.link("root/var/log/data", to: "../../data/b")
        try stage.link("root/var/log/out", to: stage.path("secret"))
        try stage.link("root/var/log/up", to: "../../../../../.." + stage.path("secret"))
    }

    private func mounts() -> [ContainerLayout.Mount] {
        [stage.mount("/data", "src"), stage.mount("/mem", "", .tmpfs)]
    }

    @Test func `without layers the root is the process's, with its mounts by the table`() async throws {
        let container = try await RunningContainer(stage, root: "root", source: "src")
        let view = stage.view(mounts: mounts(), process: container.process, container: container.identifier)
        #expect(view.outcome("/var/log/a") == "in the root")
        #expect(view.outcome("/var/log/abs") == "in the root")
        #expect(view.outcome("/var/log/data") == "in the mount")
        #expect(view.found("/var/log/data")?.mount == 0)
        #expect(view.outcome("/mem/sub/a") == "memory")
        #expect(view.found("/mem/sub/a")?.mount == 1)
        #expect(view.outcome("/var/log/out") == "ENOENT")
        #expect(view.outcome("/var/log/up") == "ENOENT")
        #expect(view.names("/var/log") == ["a", "abs", "data", "out", "up"])
        #expect(view.names("/")?.contains("mem") == true)
        #expect(view.names("/mem") == ["sub/"])
        #expect(view.report(0) == .local)
        #expect(view.report(1) == .local)
        #expect(openDescriptors(below: stage.directory.path) == 0)
        container.end()
        #expect(view.outcome("/var/log/a") == "ESRCH")
        #expect(view.outcome("/mem/sub/a") == "ESRCH")
        #expect(view.outcome("/data/b") == "in the mount")
    }

    @Test func `a process that is not the container's is not looked into`() async throws {
        let container = try await RunningContainer(stage, root: "root", source: "src")
        for identifier in ["", "c", String(container.identifier.dropLast()), String(repeating: "0", count: 64)] {
            let view = stage.view(mounts: mounts(), process: container.process, container: identifier)
            #expect(view.outcome("/var/log/a") == "ESRCH", "\(identifier)")
            #expect(view.outcome("/mem/sub/a") == "ESRCH", "\(identifier)")
        }
    }

    /// Between clone(2) and pivot_root(2), a runtime's child is in the cgroup already and has the host's root still.
    @Test func `a process that has the host's root still is not looked into`() async throws {
        let container = try await RunningContainer(stage, root: "root", source: "src")
        let child = try ChildProcess("sleep", ["1000"], directory: stage.directory)
        let file = FileDescriptor(owning: Glibc.open("\(container.cgroup)/cgroup.procs", O_WRONLY | O_CLOEXEC))
        try writeAll(Array("\(child.processID)".utf8), to: file.raw)
        let view = stage.view(process: child.processID, container: container.identifier)
        #expect(view.outcome(stage.path("secret")) == "ESRCH")
        child.signal(SIGKILL)
        try await child.wait()
    }

    @Test func `mounts the runtime does not list are refused`() async throws {
        try stage.write("hidden/x", "of the host")
        try stage.make("root/extra")
        let container = try await RunningContainer(
            stage, root: "root", source: "src", prelude: "mount --bind '\(stage.path("hidden"))' extra")
        let view = stage.view(mounts: mounts(), process: container.process, container: container.identifier)
        #expect(view.outcome("/extra/x") == "refused")
    }

    @Test func `a source that is not what the container has is refused`() async throws {
        try stage.write("other/b", "of another")
        let container = try await RunningContainer(stage, root: "root", source: "src")
        let view = stage.view(
            mounts: [stage.mount("/data", "other")], process: container.process, container: container.identifier)
        #expect(view.refusal("/data/b")?.contains("is another directory now") == true)
    }

    @Test func `a destination that is no tmpfs is refused as one`() async throws {
        let container = try await RunningContainer(stage, root: "root", source: "src")
        let view = stage.view(
            mounts: [stage.mount("/data", "", .tmpfs), stage.mount("/var", "", .tmpfs)], process: container.process,
            container: container.identifier)
        #expect(view.outcome("/data/b") == "refused")
        #expect(view.outcome("/var/log/a") == "refused")
    }

    @Test func `a mount the host made below a source later is not the container's`() async throws {
        try stage.make("src/late")
        let container = try await RunningContainer(stage, root: "root", source: "src")
        try stage.tmpfs(on: "src/late")
        try stage.write("src/late/x", "of the host")
        let view = stage.view(mounts: mounts(), process: container.process, container: container.identifier)
        #expect(view.outcome("/data/b") == "in the mount")
        #expect(view.outcome("/data/late/x") == "refused")
    }
}
