// The client: clear errors, bounded trust in who answers.
import Core
import Glibc
import LinuxIO
import Testing

@testable import Admin

@Suite(.timeLimit(.minutes(2)))
struct AdminClientTests {
    @Test func noSocketSaysThatNoDaemonAnswers() async throws {
        let scratch = Scratch()
        let error = await #expect(throws: AdminError.self) {
            _ = try await AdminClient.status(socket: scratch.path + "/none\u{1b}.sock")
        }
        #expect(
            error?.message.contains("no daemon answers at \(scratch.path)/none\\u{1b}.sock: is longshore running?")
                == true)
        #expect(error?.errno == ENOENT)
    }

    @Test func aDeadSocketSaysTheSame() async throws {
        try await withImpostor(listening: false, answer: "") { path in
            let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: path) }
            #expect(error?.message.contains("is longshore running?") == true)
        }
    }

    @Test func aDaemonThatDoesNotAnswerIsNotWaitedForLonger() async throws {
        try await withImpostor(listening: true, answer: nil) { path in
            let error = await #expect(throws: AdminError.self) {
                _ = try await AdminClient.status(socket: path, milliseconds: 100)
            }
            #expect(error?.errno == ETIMEDOUT)
        }
    }

    @Test(arguments: [
        "", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 2",
        "HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    ])
    func whoeverIsNoDaemonIsRecognised(answer: String) async throws {
        try await withImpostor(listening: true, answer: answer) { path in
            let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: path) }
            #expect(error?.message.contains("is not a longshore daemon") == true, "\(error?.message ?? "")")
        }
    }

    @Test func anAnswerThatBreaksOffIsNotTaken() async throws {
        try await withImpostor(listening: true, answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}") { path in
            let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: path) }
            #expect(error?.message.contains("broke off its answer") == true)
        }
    }

    @Test(arguments: ["{}", "[]", "null", "{\"version\":", "\u{0}\u{1}"])
    func aStatusThatIsNoneIsExplained(body: String) async throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        try await withImpostor(listening: true, answer: answer) { path in
            let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: path) }
            #expect(error?.message.contains("does not understand") == true)
        }
    }

    @Test func theTextOfARefusalIsEscapedAndOneLine() async throws {
        let body = "\u{1b}[2Jno\nsecond line"
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        try await withImpostor(listening: true, answer: answer) { path in
            let error = await #expect(throws: AdminError.self) { _ = try await AdminClient.status(socket: path) }
            #expect(error?.message.hasSuffix("refused: 503 \\u{1b}[2Jno") == true)
        }
    }

    @Test func anAnswerBeyondTheLimitIsRefused() async throws {
        try await withImpostor(listening: true, answer: String(repeating: "x", count: 200_000)) { path in
            let exchange = SocketExchange(socket: path, deadline: Clock.monotonic() + 10 * nanosecondsPerSecond)
            let error = await #expect(throws: AdminError.self) {
                try await blocking { try exchange.run(Array("x".utf8), limit: 100_000) }
            }
            #expect(error?.message.contains("is larger than") == true)
        }
    }

    /// Something else behind the socket: it gives `answer` to the first client and closes, or (nil) never answers.
    private func withImpostor(listening: Bool, answer: String?, _ body: (String) async throws -> Void) async throws {
        let scratch = Scratch()
        let path = scratch.path + "/admin.sock"
        let descriptor = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let raw = descriptor.raw
        #expect(try #require(UnixAddress(path)).bind(raw) == 0)
        if listening { #expect(listen(raw, 4) == 0) }
        guard listening, let answer else { return try await body(path) }
        let thread = try Thread(name: "impostor") {
            let client = FileDescriptor(owning: accept(raw, nil, nil))
            var request = [UInt8](repeating: 0, count: 4096)
            _ = recv(client.raw, &request, request.count, 0)
            let bytes = Array(answer.utf8)
            _ = send(client.raw, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        try await body(path)
        thread.join()
    }
}
