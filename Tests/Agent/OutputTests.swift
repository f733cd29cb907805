// Declarations of stdout: where the engine is to look for it, and what people are told when it is nowhere.
import Core
import Discovery
import Engine
import FileSource
import Pipeline
import Resolver
import TestSupport
import Testing

@testable import Agent

@Suite struct OutputTests {
    private func record(
        _ labels: [String: String], path: String = "/var/lib/docker/containers/c0/c0-json.log",
        format: ContainerRecord.LogFormat = .jsonFile, driver: String = "json-file"
    ) -> ContainerRecord {
        var record = Samples.record(labels: labels)
        record.logPath = path
        record.logFormat = format
        record.logDriver = driver
        return record
    }

    private func derived(_ record: ContainerRecord, _ rule: OutputRule = .declared) -> DerivedContainer {
        var rules = Stage.rules()
        rules.output = rule
        return DerivedContainer(record, rules)
    }

    @Test("a declaration of stdout reaches the log, what it is renamed to, and nothing else")
    func declared() throws {
        let derived = derived(record(["longshore.logs.out": "stdout", "longshore.logs.app": "/a"]))
        let container = try #require(derived.engineContainer())
        let logs = try #require(container.logs)
        #expect(logs.mounts.map { String(decoding: $0.source, as: UTF8.self) } == ["/var/lib/docker/containers/c0"])
        #expect(logs.mounts.map(\.source) == logs.mounts.map(\.destination))
        #expect(logs.layers.isEmpty && logs.processID == 0)
        let output = try #require(container.declarations.first { $0.format != .plain })
        #expect(output.files.name == "out" && output.format == .jsonFile)
        func fits(_ path: String) -> Bool { output.files.patterns.contains { $0.matches(path: Array(path.utf8)) } }
        #expect(fits("/var/lib/docker/containers/c0/c0-json.log"))
        #expect(fits("/var/lib/docker/containers/c0/c0-json.log.2"))
        #expect(!fits("/var/lib/docker/containers/c0/config.v2.json"))
        #expect(!fits("/var/lib/docker/containers/c1/c0-json.log"))
        #expect(container.declarations.first { $0.files.name == "app" }?.format == .plain)
        #expect(!container.layout.mounts.contains { $0.source.starts(with: Array("/var/lib/docker/containers".utf8)) })
    }

    @Test("a path with the signs of a pattern is taken literally")
    func literalPath() throws {
        let path = "/var/log/pods/a_[b]_*/c/0.log"
        let derived = derived(record(["longshore.logs.out": "stdout"], path: path, format: .cri, driver: ""))
        let pattern = try #require(derived.engineContainer()?.declarations.first?.files.patterns.first)
        #expect(pattern.matches(path: Array(path.utf8)))
        #expect(pattern.matches(path: Array((path + ".20260102-150405").utf8)))
        #expect(!pattern.matches(path: Array("/var/log/pods/a_b_x/c/0.log".utf8)))
    }

    @Test("labels.stdout: all gives those a declaration that have none; none takes it from everybody")
    func rules() throws {
        #expect(derived(record([:]), .declared).engineContainer() == nil)
        let all = try #require(derived(record([:]), .all).engineContainer())
        #expect(all.declarations.map(\.files.name) == ["stdout"])
        let named = derived(record(["longshore.logs.stdout": "/a/", "longshore.logs.out": "stdout"]), .all)
        #expect(named.declared.map(\.declaration.name) == ["out", "stdout"])
        let taken = derived(record(["longshore.logs.stdout": "/a/"]), .all)
        #expect(taken.declared.map(\.declaration.name) == ["stdout", "container_stdout"])
        let off = record(["longshore.logs.out": "stdout", "longshore.logs.out.enabled": "false"])
        #expect(derived(off, .all).engineContainer() == nil)
        let none = derived(record(["longshore.logs.out": "stdout"]), .none)
        #expect(none.engineContainer() == nil)
        let report = ContainerReporting.report(none, isRemoved: false, nil, nil)
        #expect(report.declarations.first?.state == "refused")
        #expect(report.declarations.first?.reason == "stdout and stderr are not collected on this node")
    }

    @Test(
        "a driver that keeps nothing that can be read is said, with what to do",
        arguments: ["none", "local", "journald", "syslog"])
    func drivers(_ driver: String) {
        let record = record(["longshore.logs.out": "stdout"], path: "", format: .none, driver: driver)
        let derived = derived(record)
        #expect(derived.engineContainer() == nil)
        let report = ContainerReporting.report(derived, isRemoved: false, nil, nil).declarations[0]
        #expect(report.state == "refused")
        #expect(report.reason?.contains(driver) == true)
        #expect(report.remedy?.contains("json-file") == true)
    }

    @Test("before the container was started its log is not known; then it is attached")
    func startedLater() async throws {
        let stage = await Stage.begin()
        let labels = ["longshore.logs.out": "stdout", "longshore.logs.app": "/a"]
        await stage.list([record(labels, path: "")])
        #expect(stage.sink.attached.last?.declarations.map(\.files.name) == ["app"])
        #expect(stage.sink.attached.last?.logs == nil)
        await stage.runtime.say(.changed(record(labels)))
        #expect(stage.sink.attached.last?.declarations.map(\.files.name) == ["app", "out"])
        #expect(stage.sink.attached.last?.logs != nil)
    }
}
