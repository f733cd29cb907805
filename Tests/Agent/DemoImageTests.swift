// The image that the demo makes for its container.
import Configuration
import Glibc
import TestSupport
import Testing

@testable import Agent

struct DemoImageTests {
    @Test func aProgramThatNeedsLibrariesIsNoStaticOne() throws {
        let shell = try readWholeFile("/bin/sh")
        #expect(!DemoImage.isStatic(shell), "Debian's dash is linked dynamically")
        #expect(!DemoImage.isStatic(Array("#!/bin/sh\n".utf8)) && !DemoImage.isStatic([]))
        #expect(DemoImage.archive(busybox: "/bin/sh") == nil && DemoImage.archive(busybox: "/nowhere") == nil)
    }

    /// A header that promises a table of programs behind the end of the file must not be believed.
    @Test func aCutHeaderIsRead() throws {
        let whole = try readWholeFile("/bin/sh")
        for length in [64, 65, 100, 300] { _ = DemoImage.isStatic(Array(whole.prefix(length))) }
    }

    @Test(.enabled(if: access("/bin/busybox", R_OK) == 0)) func theArchiveIsOneThatTarReads() throws {
        let archive = try #require(DemoImage.archive(), "Debian's busybox-static is static")
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try directory.write(bytes: archive, to: "image.tar")
        let listing = try run(["tar", "-tvf", directory.path("image.tar")])
        #expect(listing.split(separator: "\n").count == 6)
        #expect(listing.contains("bin/sh -> busybox") && listing.contains("-rwxr-xr-x"))
        try run(["tar", "-xf", directory.path("image.tar"), "-C", directory.path])
        #expect(try directory.read("bin/busybox") == readWholeFile("/bin/busybox"))
    }

    @Test func theSocketIsTheOneOfDockerHost() {
        #expect(DockerCalls.socketPath(host: nil) == "/var/run/docker.sock")
        #expect(DockerCalls.socketPath(host: "") == "/var/run/docker.sock")
        #expect(DockerCalls.socketPath(host: "unix:///x/docker.sock") == "/x/docker.sock")
        #expect(DockerCalls.socketPath(host: "tcp://127.0.0.1:2375") == nil)
    }

    @Test func onlyContainersOfTheDemoTakePart() throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let demo = Demo(limit: nil, record: { _ in }, narrate: { _ in })
        let alone = demo.configurationText("/tmp/demo", "127.0.0.1:9092", nil)
        try directory.write(alone, to: "alone.yaml")
        let sections = Demo.runtimesText(socket: "/x/docker.sock", labelPrefix: "longshore.demo-7")
        try directory.write(
            alone.split(separator: "\n").dropLast().joined(separator: "\n") + "\n" + sections, to: "both.yaml")
        func load(_ name: String) throws -> Configuration {
            let outcome = ConfigurationLoader.load(path: directory.path(name), environment: [:])
            guard case .loaded(let configuration) = outcome else { throw FixtureError("\(outcome)") }
            return configuration
        }
        #expect(try load("alone.yaml").runtimes.docker.enabled == .never)
        let both = try load("both.yaml")
        #expect(both.runtimes.docker.socket == "/x/docker.sock" && both.labels.prefix == "longshore.demo-7")
    }

    /// Runs a program to its end and gives what it prints.
    @discardableResult
    private func run(_ words: [String]) throws -> String {
        let line = words.map { "'\($0)'" }.joined(separator: " ")
        let pipe = try #require(popen(line, "r"))
        var output = ""
        var chunk = [CChar](repeating: 0, count: 4096)
        while fgets(&chunk, Int32(chunk.count), pipe) != nil {
            output += String(decoding: chunk.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        #expect(pclose(pipe) == 0)
        return output
    }
}
