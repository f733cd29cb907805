// The processes and files the tests stand on: children, daemons, directories, numbered lines.
import LinuxIO
import TestSupport
import Testing

@Suite("Fixtures: processes and files")
struct ProcessFixtureTests {
    @Test("A temporary directory goes with everything in it, whatever the names, and whatever the test throws")
    func temporaryDirectory() async throws {
        struct Expected: Error {}
        var path = ""
        await #expect(throws: Expected.self) {
            try await withTemporaryDirectory { directory in
                path = directory.path
                try directory.makeDirectory("a/b")
                try directory.write("x", to: "a/b/new\nline")
                try directory.append("y", to: "a/b/new\nline")
                #expect(try directory.read("a/b/new\nline") == Array("xy".utf8))
                throw Expected()
            }
        }
        guard case .failure(let error) = FileSystem.status(Array(path.utf8)) else {
            Issue.record("\(path) is still there")
            return
        }
        #expect(error.reason == "No such file or directory")
    }

    @Test("A child's output, exit status, signal and usage are told")
    func childProcess() async throws {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(
            "sh", ["-c", "echo out $ADDED; echo err >&2; exit 3"], environment: ["ADDED": "here"], directory: directory)
        #expect(try await child.wait() == .exited(3))
        #expect(child.standardOutput == "out here\n")
        #expect(child.standardError == "err\n")

        let sleeper = try ChildProcess("sleep", ["1000"], directory: directory)
        #expect(sleeper.isRunning)
        let usage = try #require(sleeper.usage())
        #expect(usage.residentBytes > 0 && usage.peakResidentBytes >= usage.residentBytes)
        await #expect(throws: FixtureError.self) { try await sleeper.wait(timeout: .milliseconds(50)) }
        sleeper.signal(15)
        #expect(try await sleeper.wait() == .killed(signal: 15))
        #expect(sleeper.usage() == nil)
    }

    @Test("A child's own children end with it")
    func processGroup() async throws {
        let directory = try TemporaryDirectory()
        let shell = try ChildProcess("sh", ["-c", "sleep 1000 & echo $!; exit 0"], directory: directory)
        #expect(try await shell.wait() == .exited(0))
        let grandchild = try #require(Int32(shell.standardOutput.dropLast()))
        try await waitUntil("the grandchild's end") { processUsage(of: grandchild)?.residentBytes ?? 0 == 0 }
    }

    @Test("Numbered lines tell themselves apart, and a flipped bit in any byte is noticed")
    func numberedLines() {
        for sequence in [UInt64(0), 1, 77, 123_456_789] {
            let line = NumberedLines.line(file: 12, sequence: sequence)
            #expect(NumberedLines.check(line) == NumberedLine(file: 12, sequence: sequence))
            #expect(String(validating: line, as: UTF8.self) != nil)
            for index in line.indices {
                var broken = line
                broken[index] ^= 1 << (index % 8)
                #expect(NumberedLines.check(broken) == nil, "byte \(index) of sequence \(sequence)")
            }
            #expect(NumberedLines.check(line.dropLast()) == nil)
        }
        let lengths = Set((0..<1000).map { NumberedLines.line(file: 1, sequence: $0).count })
        #expect(lengths.count > 200)
    }

    @Test("A paced writer keeps its rate, goes on after a rotation, and says exactly what it wrote")
    func pacedWriter() async throws {
        let directory = try TemporaryDirectory()
        let paths = (0..<3).map { directory.path("\($0).log") }
        let start = ContinuousClock().now
        let writer = try PacedWriter(paths: paths, linesPerSecond: 5000, firstFile: 10)
        try await writer.waitForTotal(500)
        try writer.rotate(1, to: directory.path("1.log.1"))
        try await writer.waitForTotal(2500)
        #expect(ContinuousClock().now - start >= .milliseconds(490))
        let written = try writer.stop()
        for (index, names) in [["0.log"], ["1.log.1", "1.log"], ["2.log"]].enumerated() {
            let content = try names.flatMap { try directory.read($0) }
            let lines = content.split(separator: 0x0A)
            #expect(content.count == Int(written.bytes[index]))
            #expect(
                lines.map { NumberedLines.check($0) }
                    == (0..<written.lines[index]).map { NumberedLine(file: UInt32(10 + index), sequence: $0) })
        }
    }

    @Test("A daemon is started, asked, killed, started again over its old socket, told to reload, and ended")
    func daemon() async throws {
        let directory = try TemporaryDirectory()
        var options = DaemonOptions(brokers: "127.0.0.1:9,127.0.0.1:10", topic: "t", paths: ["/var/log/\"x\"/*.log"])
        options.program = try directory.write(standIn, to: "stand-in")
        try await run("chmod", ["+x", options.program!])
        let daemon = try Daemon(options, in: directory)
        try await daemon.start()
        let first = daemon.process.processID
        #expect(try await daemon.status()["processID"]?.uint64 == UInt64(first))
        try await daemon.kill9()
        try await daemon.start()
        #expect(try await daemon.status()["processID"]?.uint64 != UInt64(first))
        daemon.reload()
        try await daemon.waitForStatus("the reload") { $0["reloads"]?.uint64 == 1 }
        #expect(try await daemon.terminate() == .exited(0))

        let text = String(decoding: try directory.read("longshore.yaml"), as: UTF8.self)
        #expect(text.contains(#"  brokers: ["127.0.0.1:9", "127.0.0.1:10"]"#))
        #expect(text.contains(#"paths: ["/var/log/\"x\"/*.log"]"#))
    }

    @Test("A daemon that ends at once fails the start with what it wrote")
    func daemonThatEnds() async throws {
        let directory = try TemporaryDirectory()
        var options = DaemonOptions(brokers: "127.0.0.1:9", topic: "t", paths: [])
        options.program = try directory.write("#!/bin/sh\necho no such thing >&2; exit 2\n", to: "stand-in")
        try await run("chmod", ["+x", options.program!])
        let daemon = try Daemon(options, in: directory)
        let error = await #expect(throws: FixtureError.self) { try await daemon.start() }
        #expect(error?.message.contains("exited(2)") == true && error?.message.contains("no such thing") == true)
    }

    /// Answers /status in chunks on the admin socket of the configuration it is given.
    private let standIn = """
        #!/usr/bin/python3
        import json, os, re, signal, socket, sys
        path = re.search('socket: "([^"]*)"', open(sys.argv[sys.argv.index('--config') + 1]).read()).group(1)
        reloads = 0
        def reload(*_):
            global reloads
            reloads += 1
        signal.signal(signal.SIGHUP, reload)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        if os.path.exists(path): os.unlink(path)
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        while True:
            client, _ = server.accept()
            assert client.recv(4096).startswith(b'GET /status HTTP/1.1')
            empty = dict.fromkeys(['size', 'acknowledged', 'inFlight', 'spooled', 'skipped', 'gap', 'unread'], 0)
            books = {'sources': [], 'totals': empty, 'books': empty, 'ledgerImbalances': 0}
            body = json.dumps({'processID': os.getpid(), 'reloads': reloads, **books}).encode()
            chunks = b''.join(b'%x\\r\\n%s\\r\\n' % (len(c), c) for c in (body[:7], body[7:], b''))
            client.sendall(b'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n' + chunks)
            client.close()
        """
}
