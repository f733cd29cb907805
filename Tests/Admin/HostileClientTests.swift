// Clients that hold, flood or mistreat the listeners.
import Core
import Glibc
import Testing

@testable import Admin

@Suite(.timeLimit(.minutes(2)))
struct HostileClientTests {
    @Test func aClientThatDripsIsDroppedWhileOthersAreServed() async throws {
        var limits = HTTPLimits()
        limits.readMilliseconds = 400
        try await withAdminServer(limits: limits, provider: { Samples.report() }) { socket in
            let drips = (0..<5).map { _ in
                Task {
                    try await blocking {
                        let client = try RawClient.unix(socket)
                        client.send("GET /status HTTP/1.1\r\nX: ")
                        let start = Clock.monotonic()
                        // One byte every 20 ms, until the server has enough of it.
                        while !client.wait(POLLIN, 20), client.send("x") {
                            if Clock.monotonic() - start > 10 * nanosecondsPerSecond { return false }
                        }
                        return true
                    }
                }
            }
            for _ in 0..<5 { try await expectStatus(socket, Samples.report()) }
            for drip in drips {
                let dropped = try await drip.value
                #expect(dropped, "still connected after 10 s")
            }
        }
    }

    @Test func aSilentClientIsDropped() async throws {
        var limits = HTTPLimits()
        limits.readMilliseconds = 100
        try await withMetricsServer(limits: limits) { port in
            let answer = try await blocking { try RawClient.tcp(port).readToEnd() }
            #expect(answer == "")
        }
    }

    @Test func aClientThatTakesNoAnswerIsDropped() async throws {
        var limits = HTTPLimits()
        limits.writeMilliseconds = 2000
        var report = Samples.report()
        report.problems = Array(repeating: String(repeating: "x", count: 1000), count: 1000)
        try await withAdminServer(limits: limits, provider: { [report] in report }) { socket in
            let dropped = try await blocking {
                let client = try RawClient.unix(socket)
                client.send("GET /status HTTP/1.1\r\n\r\n")
                return client.isHungUp()
            }
            #expect(dropped)
            try await expectStatus(socket, report, "who reads gets the whole MB")
        }
    }

    @Test func aClientThatStaysAfterItsAnswerIsDropped() async throws {
        var limits = HTTPLimits()
        limits.lingerMilliseconds = 50
        try await withMetricsServer(limits: limits) { port in
            let closed = try await blocking {
                let client = try RawClient.tcp(port)
                client.send("GET /metrics HTTP/1.1\r\n\r\n")
                guard client.readToEnd() != nil else { return false }
                // Our side is still open: sending fails as soon as the server has closed its whole socket.
                let start = Clock.monotonic()
                while client.send("x") && Clock.monotonic() - start < 10 * nanosecondsPerSecond { _ = poll(nil, 0, 5) }
                return !client.send("x")
            }
            #expect(closed)
        }
    }

    @Test func aHundredClientsAtOnceAreServedThroughEightConnections() async throws {
        var limits = HTTPLimits()
        limits.connections = 8
        try await withAdminServer(limits: limits, provider: { Samples.report() }) { socket in
            let served = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await AdminClient.status(socket: socket, milliseconds: 30_000) == Samples.report()
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(served == 100)
        }
    }

    @Test func beyondTheLimitClientsWaitUntilOneLeaves() async throws {
        var limits = HTTPLimits()
        limits.connections = 2
        try await withAdminServer(limits: limits, provider: { Samples.report() }) { socket in
            var holders: [RawClient]? = [try RawClient.unix(socket), try RawClient.unix(socket)]
            let error = await #expect(throws: AdminError.self) {
                _ = try await AdminClient.status(socket: socket, milliseconds: 200)
            }
            #expect(error?.errno == ETIMEDOUT)
            #expect(holders?.count == 2)
            holders = nil
            try await expectStatus(socket, Samples.report())
        }
    }

    @Test(arguments: ["X-Long: ", "GET /", ""])
    func anOversizedRequestIsRefused(start: String) async throws {
        try await withMetricsServer { port in
            let answer = try await blocking {
                let client = try RawClient.tcp(port)
                client.send(start == "X-Long: " ? "GET /metrics HTTP/1.1\r\n" + start : start)
                client.send(String(repeating: "A", count: 17 * 1024))
                return client.readToEnd()
            }
            #expect(answer?.hasPrefix("HTTP/1.1 4") == true, "431, or 400 when the beginning was no HTTP already")
            try await expectFetch(200, port, "/metrics")
        }
    }

    @Test func aHeadOf16KiBIsRefusedWith431AndOneBelowIsServed() async throws {
        try await withMetricsServer { port in
            for (bytes, status) in [(15 * 1024, "200"), (17 * 1024, "431")] {
                let answer = try await blocking {
                    let client = try RawClient.tcp(port)
                    // Many short fields: no single one is too long for the parser.
                    let field = "X-Field: " + String(repeating: "v", count: 89) + "\r\n"
                    client.send("GET /metrics HTTP/1.1\r\n" + String(repeating: field, count: bytes / 100) + "\r\n")
                    return client.readToEnd()
                }
                #expect(
                    answer?.hasPrefix("HTTP/1.1 \(status) ") == true, "\(bytes) bytes: \(answer?.prefix(40) ?? "none")")
            }
        }
    }

    @Test(arguments: [
        "\u{16}\u{3}\u{1}TLS", "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nbad header\r\n\r\n",
    ])
    func whatIsNotHTTPGets400(request: String) async throws {
        try await withMetricsServer { port in
            let answer = try await blocking {
                let client = try RawClient.tcp(port)
                client.send(request)
                client.finishSending()
                return client.readToEnd()
            }
            #expect(answer?.hasPrefix("HTTP/1.1 400 ") == true, "\(answer ?? "none")")
        }
    }

    @Test func aClientThatHalfClosesStillGetsItsAnswer() async throws {
        try await withMetricsServer { port in
            let answer = try await blocking {
                let client = try RawClient.tcp(port)
                client.send("GET /healthz HTTP/1.0\r\n\r\n")
                client.finishSending()
                return client.readToEnd()
            }
            #expect(answer?.hasPrefix("HTTP/1.1 200 ") == true)
        }
    }

    @Test func pipelinedRequestsGetOneAnswer() async throws {
        try await withMetricsServer { port in
            let answer = try await blocking {
                let client = try RawClient.tcp(port)
                client.send(String(repeating: "GET /healthz HTTP/1.1\r\n\r\n", count: 50))
                return client.readToEnd()
            }
            #expect(answer?.ranges(of: "HTTP/1.1 ").count == 1)
        }
    }

    @Test func stoppingDoesNotWaitForClients() async throws {
        var limits = HTTPLimits()
        limits.readMilliseconds = 600_000
        let holders = Holders()
        try await withMetricsServer(limits: limits) { port in
            for _ in 0..<3 { holders.clients.append(try RawClient.tcp(port)) }
            // Connections are accepted in order: when this one is served, the others are open.
            try await expectFetch(200, port, "/healthz")
        }
        for client in holders.clients {
            let answer = try await blocking { client.readToEnd() }
            #expect(answer == "", "closed without an answer")
        }
    }

    @Test func stoppingDoesNotWaitForAHungEngine() async throws {
        var limits = HTTPLimits()
        limits.answerMilliseconds = 600_000
        let gate = Gate()
        let holders = Holders()
        try await withAdminServer(
            limits: limits,
            provider: {
                await gate.pass()
                return Samples.report()
            }
        ) { socket in
            let client = try RawClient.unix(socket)
            client.send("GET /status HTTP/1.1\r\n\r\n")
            holders.clients.append(client)
            await gate.visited()
        }
        let answer = try await blocking { holders.clients[0].readToEnd() }
        #expect(answer == "", "closed without an answer")
        await gate.unlock()
    }

    /// Keeps clients connected beyond the server's end.
    private final class Holders: @unchecked Sendable { var clients: [RawClient] = [] }
}
