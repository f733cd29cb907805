// A Docker API that answers whatever a test wants, however broken.
import Glibc
import LinuxIO
import Synchronization
import TestSupport

/// Listens on a unix socket of its own. Unless a test has scripted an answer it is an engine without containers whose
/// event stream is silent. Deinit closes everything.
final class FakeDocker: Sendable {
    /// What is done on a connection, one after the other; after the last it is closed.
    enum Step: Sendable {
        case send([UInt8])
        case pause(Duration)
        /// Until the other side goes away.
        case hang
        /// Hands out what `emit` is given, as an event stream.
        case events
    }

    let socket: String
    private let directory: TemporaryDirectory
    private let shared = Shared()

    private final class Shared: Sendable {
        struct State {
            var isOpen = true
            var connections: Set<Int32> = []
            var scripts: [(part: String, steps: [Step])] = []
            var requests: [String] = []
        }
        let state = Mutex(State())
        /// Held while something is sent on them: whoever closes one waits.
        let streams = Mutex<Set<Int32>>([])
    }

    init() throws {
        directory = try TemporaryDirectory()
        socket = directory.path("fake.sock")
        let listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8) }
        let bound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 64) == 0 else { throw SystemError("listen", socket, errno: errno) }
        let shared = shared
        _ = shared.state.withLock { $0.connections.insert(listener) }
        _ = try Thread(name: "fake-docker") { FakeDocker.accept(listener, shared) }
    }

    deinit { close() }

    /// Ends every connection and listens no more; the socket's file stays, as after SIGKILL.
    func close() {
        shared.state.withLock { state in
            state.isOpen = false
            for raw in state.connections { shutdown(raw, Int32(SHUT_RDWR)) }
        }
    }

    /// Requests whose path has `part` in it are answered so; the newest script wins.
    func script(_ part: String, _ steps: [Step]) {
        shared.state.withLock { $0.scripts.insert((part, steps), at: 0) }
    }

    /// A whole answer with this status and body.
    func script(_ part: String, status: Int = 200, body: String) {
        script(part, [.send(FakeDocker.answer(status: status, body: Array(body.utf8)))])
    }

    /// Bytes for every open event stream, a chunk each; returns when they are in the sockets.
    func emit(_ bytes: [UInt8]) async throws {
        let chunk = Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
        let shared = shared
        try await onOwnThread("fake-emit") {
            shared.streams.withLock { streams in for raw in streams { FakeDocker.send(chunk, raw) } }
        }
    }

    func emit(_ line: String) async throws { try await emit(Array((line + "\n").utf8)) }

    /// Ends the open event streams.
    func endStreams() {
        shared.streams.withLock { streams in for raw in streams { shutdown(raw, Int32(SHUT_RDWR)) } }
    }

    /// Paths asked for, oldest first.
    var requests: [String] { shared.state.withLock { $0.requests } }
    func count(_ part: String) -> Int { requests.filter { $0.contains(part) }.count }
    var streamCount: Int { shared.streams.withLock { $0.count } }

    static func answer(status: Int = 200, headers: String = "Api-Version: 1.41\r\n", body: [UInt8]) -> [UInt8] {
        Array("HTTP/1.1 \(status) X\r\n\(headers)Content-Length: \(body.count)\r\n\r\n".utf8) + body
    }

    static let streamHead = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)

    private static let usual: [(part: String, steps: [Step])] = [
        ("/_ping", [.send(answer(body: Array("OK".utf8)))]),
        ("/version", [.send(answer(body: Array(#"{"Version":"20.10.24","ApiVersion":"1.41"}"#.utf8)))]),
        ("/events", [.send(streamHead), .events]),
        ("/containers/json", [.send(answer(body: Array("[]".utf8)))]),
        ("", [.send(answer(status: 404, body: Array(#"{"message":"none"}"#.utf8)))]),
    ]

    private static func accept(_ listener: Int32, _ shared: Shared) {
        while true {
            let raw = Glibc.accept(listener, nil, nil)
            guard raw >= 0 else { break }
            let isOpen = shared.state.withLock { state in
                if state.isOpen { state.connections.insert(raw) }
                return state.isOpen
            }
            if isOpen, (try? Thread(name: "fake-call") { serve(raw, shared) }) != nil { continue }
            Glibc.close(raw)
        }
        _ = shared.state.withLock { $0.connections.remove(listener) }
        Glibc.close(listener)
    }

    private static func serve(_ raw: Int32, _ shared: Shared) {
        var request: [UInt8] = []
        var byte: UInt8 = 0
        while !request.ends(with: [13, 10, 13, 10]), recv(raw, &byte, 1, 0) == 1 { request.append(byte) }
        let words = String(decoding: request, as: UTF8.self).split(separator: " ")
        let path = words.count > 1 ? String(words[1]) : ""
        let steps = shared.state.withLock { state in
            state.requests.append(path)
            return (state.scripts + usual).first { path.contains($0.part) }!.steps
        }
        for step in steps {
            switch step {
            case .send(let bytes): if !send(bytes, raw) { break }
            case .pause(let duration): usleep(UInt32(duration / .microseconds(1)))
            case .hang: while recv(raw, &byte, 1, 0) > 0 {}
            case .events:
                _ = shared.streams.withLock { $0.insert(raw) }
                while recv(raw, &byte, 1, 0) > 0 {}
            }
        }
        _ = shared.streams.withLock { $0.remove(raw) }
        shared.state.withLock { state in
            state.connections.remove(raw)
            Glibc.close(raw)
        }
    }

    @discardableResult
    private static func send(_ bytes: [UInt8], _ raw: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(raw, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            done += count
        }
        return true
    }
}

extension Array where Element == UInt8 {
    fileprivate func ends(with other: [UInt8]) -> Bool { suffix(other.count).elementsEqual(other) }
}
