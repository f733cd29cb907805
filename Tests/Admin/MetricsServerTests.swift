// The TCP side: metrics, health, readiness.
import Core
import Glibc
import TestSupport
import Testing

@testable import Admin

@Suite(.timeLimit(.minutes(2)))
struct MetricsServerTests {
    @Test func metricsAreWhatTheRendererMakesOfTheReport() async throws {
        try await withMetricsServer(provider: { Samples.report() }) { port in
            let answer = try await fetch(port, "/metrics")
            #expect(answer.status == 200)
            #expect(answer.body == "# unread 1024\n")
            #expect(answer.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
            try await expectFetch(200, port, "/metrics?name=x")
        }
    }

    @Test func headHasTheHeadersWithoutTheBody() async throws {
        try await withMetricsServer(provider: { Samples.report() }) { port in
            let answer = try await fetch(port, "/metrics", method: "HEAD")
            #expect(answer.status == 200)
            #expect(answer.head.contains("Content-Length: 14"))
            #expect(answer.body.isEmpty)
        }
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
    func onlyGetAndHeadAreAnswered(method: String) async throws {
        try await withMetricsServer { port in try await expectFetch(405, port, "/metrics", method: method) }
    }

    @Test(arguments: ["/", "/status", "/metrics/", "/../metrics", "/debug/pprof", "//metrics"])
    func everythingElseIsNotFound(path: String) async throws {
        try await withMetricsServer { port in try await expectFetch(404, port, path) }
    }

    @Test func healthTurnsBadWhileTheEngineHangsAndGoodAfterwards() async throws {
        var limits = HTTPLimits()
        limits.answerMilliseconds = 800
        let gate = Gate()
        try await withMetricsServer(
            limits: limits,
            provider: {
                await gate.pass()
                return StatusReport()
            }
        ) { port in
            for _ in 0..<2 {
                let answer = try await fetch(port, "/healthz")
                #expect(answer.status == 503)
                #expect(answer.body == "the engine did not answer within 0.8 s\n")
            }
            try await expectFetch(200, port, "/readyz", "the event loop is not held")
            await gate.unlock()
            // The engine is a task here, whose turn other tests may hold up beyond the limit.
            try await waitUntil("a healthy answer") { try await fetch(port, "/healthz").status == 200 }
        }
    }

    @Test func anErrorOfTheEngineIsNotShown() async throws {
        struct Broken: Error { let path = "/srv/secret-tenant" }
        try await withMetricsServer(provider: { throw Broken() }) { port in
            for path in ["/metrics", "/healthz"] {
                let answer = try await fetch(port, path)
                #expect(answer.status == 503)
                #expect(!answer.body.contains("secret"))
            }
        }
    }

    @Test func readinessGivesOneLinePerReason() async throws {
        let reasons = ["kafka: no broker is up", "store: failing\nforged line"]
        try await withMetricsServer(readiness: { Readiness(ready: false, reasons: reasons) }) { port in
            let answer = try await fetch(port, "/readyz")
            #expect(answer.status == 503)
            #expect(answer.body == "kafka: no broker is up\nstore: failing\\u{a}forged line\n")
        }
        try await withMetricsServer { port in
            let answer = try await fetch(port, "/readyz")
            #expect(answer.status == 200)
            #expect(answer.body == "ready\n")
        }
        let noted = Readiness(ready: true, notes: ["note: topic logs refused 1 records"])
        try await withMetricsServer(readiness: { noted }) { port in
            let answer = try await fetch(port, "/readyz")
            #expect(answer.status == 200)
            #expect(answer.body == "ready\nnote: topic logs refused 1 records\n")
        }
    }

    @Test func aPortThatIsTakenIsExplained() async throws {
        try await withMetricsServer { port in
            let loop = AdminLoop()
            var options = MetricsServer.Options()
            options.port = port
            let second = MetricsServer(
                loop: loop, options: options, provider: { StatusReport() }, render: { _ in "" },
                readiness: { Readiness(ready: true) })
            let error = await #expect(throws: AdminError.self) { try await second.start() }
            #expect(error?.message.contains("metrics.listen: cannot listen on 127.0.0.1:\(port)") == true)
            #expect(second.port == nil)
            await second.stop()
            await loop.stop()
        }
    }
}
