// What the tests of Admin share: a private directory, raw clients, running servers.
import Core
import Glibc
import LinuxIO
import Testing

@testable import Admin

/// A private directory that goes away with its direct children's trees.
final class Scratch: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/longshore-admin-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Scratch.remove(path) }

    private static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            unlink(path)
            return
        }
        var names: [String] = []
        try? FileSystem.forEachEntry(in: Array(path.utf8)) { name, _, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        for name in names { remove(path + "/" + name) }
        rmdir(path)
    }
}

/// Runs blocking code on a thread of its own: the cooperative pool has few threads, and the servers need them.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do {
            _ = try Thread(name: "test client") { continuation.resume(with: Result { try body() }) }
        } catch { continuation.resume(throwing: error) }
    }
}

/// A client socket in the hands of a test. Waits at most 10 s for anything.
final class RawClient: Sendable {
    private let descriptor: FileDescriptor

    private init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    static func unix(_ path: String) throws -> RawClient {
        let descriptor = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        let code = try #require(UnixAddress(path)).connect(descriptor.raw)
        guard code == 0 else { throw SystemError("connect", path, errno: code) }
        return RawClient(descriptor)
    }

    /// Connects to 127.0.0.1.
    static func tcp(_ port: Int) throws -> RawClient {
        let descriptor = FileDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor.raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 ? 0 : errno
            }
        }
        guard code == 0 else { throw SystemError("connect", "\(port)", errno: code) }
        return RawClient(descriptor)
    }

    /// Sends; false when the peer has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor.raw, $0.baseAddress! + offset, $0.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count < 0 { return false }
            offset += count
        }
        return true
    }

    /// Reads to the end of the connection. Nil when it does not come.
    func readToEnd() -> String? {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while wait(POLLIN, 10_000) {
            let count = recv(descriptor.raw, &chunk, chunk.count, 0)
            if count < 0 { return nil }
            if count == 0 { return String(decoding: all, as: UTF8.self) }
            all += chunk[..<count]
        }
        return nil
    }

    /// Closes our side; the peer may still answer.
    func finishSending() { _ = shutdown(descriptor.raw, Int32(SHUT_WR)) }

    /// True when one of `events`, an error or a hang-up is there within `milliseconds`.
    func wait(_ events: Int32, _ milliseconds: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor.raw, events: Int16(events), revents: 0)
        return poll(&waiting, 1, milliseconds) == 1
    }

    /// True when the peer has closed both sides, within 10 s, without our reading a byte.
    func isHungUp() -> Bool { wait(0, 10_000) }
}

/// One HTTP exchange over TCP: status line and body.
func fetch(_ port: Int, _ path: String, method: String = "GET") async throws -> (
    status: Int, head: String, body: String
) {
    let answer = try await blocking {
        let client = try RawClient.tcp(port)
        client.send("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
        return try #require(client.readToEnd())
    }
    let parts = try #require(answer.firstRange(of: "\r\n\r\n"))
    let head = String(answer[..<parts.lowerBound])
    return (try #require(Int(head.split(separator: " ")[1])), head, String(answer[parts.upperBound...]))
}

/// Asks the daemon behind `socket` and compares.
func expectStatus(
    _ socket: String, _ report: StatusReport, _ why: Comment? = nil, at location: SourceLocation = #_sourceLocation
) async throws {
    let status = try await AdminClient.status(socket: socket)
    #expect(status == report, why, sourceLocation: location)
}

/// Fetches and compares the status code.
func expectFetch(
    _ code: Int, _ port: Int, _ path: String, method: String = "GET", _ why: Comment? = nil,
    at location: SourceLocation = #_sourceLocation
) async throws {
    let status = try await fetch(port, path, method: method).status
    #expect(status == code, why, sourceLocation: location)
}

/// Starts an AdminServer in a directory of its own, gives its socket to `body`, stops it.
func withAdminServer(
    limits: HTTPLimits = HTTPLimits(), provider: @escaping @Sendable () async throws -> StatusReport,
    containers: @escaping @Sendable () async throws -> ContainersReport = { ContainersReport() },
    _ body: (_ socket: String) async throws -> Void
) async throws {
    let scratch = Scratch()
    let loop = AdminLoop()
    var options = AdminServer.Options()
    options.socket = scratch.path + "/admin.sock"
    options.limits = limits
    let server = AdminServer(loop: loop, options: options, provider: provider, containers: containers)
    do {
        try await server.start()
        try await body(options.socket)
        await server.stop()
        await loop.stop()
    } catch {
        await server.stop()
        await loop.stop()
        throw error
    }
}

/// Starts a MetricsServer on a free port, gives the port to `body`, stops it.
func withMetricsServer(
    limits: HTTPLimits = HTTPLimits(),
    provider: @escaping @Sendable () async throws -> StatusReport = { StatusReport() },
    readiness: @escaping @Sendable () async -> Readiness = { Readiness(ready: true) },
    _ body: (_ port: Int) async throws -> Void
) async throws {
    let loop = AdminLoop()
    var options = MetricsServer.Options()
    options.port = 0
    options.limits = limits
    let server = MetricsServer(
        loop: loop, options: options, provider: provider, render: { "# unread \($0.totals.unread)\n" },
        readiness: readiness)
    do {
        try await server.start()
        try await body(try #require(server.port))
        await server.stop()
        await loop.stop()
    } catch {
        await server.stop()
        await loop.stop()
        throw error
    }
}

/// A door that opens once: whoever passes before waits.
actor Gate {
    private var open = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []
    private(set) var visitors = 0

    /// Waits for the first visitor.
    func visited() async {
        if visitors == 0 { await withCheckedContinuation { watchers.append($0) } }
    }

    func pass() async {
        visitors += 1
        for watcher in watchers { watcher.resume() }
        watchers = []
        if !open { await withCheckedContinuation { waiting.append($0) } }
    }

    func unlock() {
        open = true
        for visitor in waiting { visitor.resume() }
        waiting = []
    }
}
