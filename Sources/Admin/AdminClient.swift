// Asking a running daemon from the command line.
package import Core
internal import Glibc
internal import LinuxIO
internal import Synchronization

/// The client side of `AdminServer`: one connection per question. What the daemon answers is data: bounded, decoded, and
/// never trusted on a terminal.
package enum AdminClient {
    /// Bytes of an answer that are read at most.
    package static let answerLimit = 64 << 20

    /// The status of the daemon behind `socket`. Throws `AdminError`: no daemon, no permission, no answer within
    /// `milliseconds`, or an answer that is not understood.
    package static func status(socket: String, milliseconds: Int64 = 5000) async throws -> StatusReport {
        let body = try await get("/status", socket: socket, milliseconds: milliseconds)
        do { return try StatusJSON.decode(body) } catch {
            throw AdminError(
                "the daemon at \(escapedForTerminal(socket)) gave a status that this version does not understand: use the longshore command of the daemon's version"
            )
        }
    }

    /// What the daemon behind `socket` knows of containers. Throws as `status`; the looking into mounts takes it a second.
    package static func containers(socket: String, milliseconds: Int64 = 5000) async throws -> ContainersReport {
        let body = try await get("/containers", socket: socket, milliseconds: milliseconds)
        do { return try ContainersJSON.decode(body) } catch {
            throw AdminError(
                "the daemon at \(escapedForTerminal(socket)) explained its containers in a way that this version does not understand: use the longshore command of the daemon's version"
            )
        }
    }

    /// The body of a 200 answer. The blocking calls run on a thread of their own, not in the cooperative pool.
    static func get(_ path: String, socket: String, milliseconds: Int64) async throws -> [UInt8] {
        let thread = Mutex<Thread?>(nil)
        defer { thread.withLock { $0 }?.join() }
        return try await withCheckedThrowingContinuation { continuation in
            do {
                let started = try Thread(name: "admin client") {
                    continuation.resume(with: Result { try exchange(path, socket, milliseconds) })
                }
                thread.withLock { $0 = started }
            } catch { continuation.resume(throwing: error) }
        }
    }

    private static func exchange(_ path: String, _ socket: String, _ milliseconds: Int64) throws -> [UInt8] {
        let exchange = SocketExchange(
            socket: socket, deadline: Clock.monotonic() + milliseconds * nanosecondsPerMillisecond)
        let request = "GET \(path) HTTP/1.1\r\nHost: longshore\r\nConnection: close\r\n\r\n"
        let answer = try exchange.run(Array(request.utf8), limit: answerLimit)
        let place = escapedForTerminal(socket)
        guard let response = HTTPResponse(answer) else {
            throw AdminError("what answers at \(place) is not a longshore daemon: check admin.socket and --socket")
        }
        guard response.isWhole else {
            throw AdminError("the daemon at \(place) broke off its answer: it may be stopping or overloaded; try again")
        }
        guard response.status == 200 else {
            let text = String(decoding: response.body.prefix(1000).prefix { $0 != 0x0A }, as: UTF8.self)
            throw AdminError("the daemon at \(place) refused: \(response.status) \(escapedForTerminal(text))")
        }
        return response.body
    }
}
