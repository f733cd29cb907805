// A CRI runtime that answers whatever a test wants, however broken.
import CNgHTTP2
import Discovery
import Glibc
import LinuxIO
import Synchronization
import TestSupport

/// Listens on a unix socket of its own and speaks HTTP/2 as grpc-go does. Unless a test has scripted an answer it is a
/// containerd without containers whose event stream is silent. Deinit closes everything.
final class FakeCRI: Sendable {
    /// What a call is answered with.
    enum Reply: Sendable {
        /// Messages, then gRPC's status.
        case messages([[UInt8]], status: Int = 0, text: String = "")
        /// Messages, and nothing more: the stream stays open.
        case stream([[UInt8]])
        /// These bytes as the answer's body, then status 0.
        case body([UInt8])
        /// Nothing at all.
        case silence
        /// These bytes instead of HTTP/2; the connection is closed.
        case bytes([UInt8])
    }

    let socket: String
    private let directory: TemporaryDirectory
    private let shared = Shared()

    fileprivate final class Shared: Sendable {
        struct State {
            var isOpen = true
            var connections: Set<Int32> = []
            var scripts: [(part: String, reply: Reply)] = []
            var requests: [String] = []
        }
        let state = Mutex(State())

        func reply(_ path: String) -> Reply {
            state.withLock { state in
                state.requests.append(path)
                return (state.scripts + FakeCRI.usual).first { path.contains($0.part) }!.reply
            }
        }
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
        _ = try Thread(name: "fake-cri") { FakeCRI.accept(listener, shared) }
    }

    deinit {
        shared.state.withLock { state in
            state.isOpen = false
            for raw in state.connections { shutdown(raw, Int32(SHUT_RDWR)) }
        }
    }

    /// Calls whose path has `part` in it are answered so; the newest script wins.
    func script(_ part: String, _ reply: Reply) { shared.state.withLock { $0.scripts.insert((part, reply), at: 0) } }

    func count(_ part: String) -> Int { shared.state.withLock { $0.requests.count { $0.contains(part) } } }

    /// `VersionResponse`
    static func version(_ name: String, _ version: String = "v1.6.20") -> Reply {
        var message = ProtobufWriter()
        message.text(1, "0.1.0")
        message.text(2, name)
        message.text(3, version)
        message.text(4, "v1")
        return .messages([message.bytes])
    }

    fileprivate static let usual: [(part: String, reply: Reply)] = [
        ("runtime.v1.RuntimeService/Version", version("containerd")), ("/ListContainers", .messages([[]])),
        ("/Subscribe", .stream([])), ("", .messages([], status: 12, text: "unknown method")),
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
        let call = FakeCall(shared)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(raw, &buffer, buffer.count, 0)
            guard count > 0, call.receive(buffer[..<count]) else { break }
            if !send(call.output(), raw) || call.isOver { break }
        }
        shared.state.withLock { state in
            state.connections.remove(raw)
            Glibc.close(raw)
        }
    }

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

/// The server's side of one connection.
private final class FakeCall {
    private let shared: FakeCRI.Shared
    private var session: OpaquePointer?
    private var path = ""
    private var body: [UInt8] = []
    private var sent = 0
    private var trailers: [(String, String)]?
    private var raw: [UInt8]?
    var isOver: Bool { raw != nil }

    init(_ shared: FakeCRI.Shared) {
        self.shared = shared
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        defer { nghttp2_session_callbacks_del(callbacks) }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, count, value, size, _, context in
            let name = String(decoding: UnsafeBufferPointer(start: name, count: count), as: UTF8.self)
            if name == ":path" {
                FakeCall.own(context).path = String(
                    decoding: UnsafeBufferPointer(start: value, count: size), as: UTF8.self)
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
            let head = frame!.pointee.hd
            if head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0, head.stream_id > 0 {
                FakeCall.own(context).answer(head.stream_id)
            }
            return 0
        }
        nghttp2_session_server_new(&session, callbacks, Unmanaged.passUnretained(self).toOpaque())
        nghttp2_submit_settings(session, 0, nil, 0)
    }

    deinit { nghttp2_session_del(session) }

    private static func own(_ context: UnsafeMutableRawPointer?) -> FakeCall {
        Unmanaged<FakeCall>.fromOpaque(context!).takeUnretainedValue()
    }

    func receive(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBufferPointer { nghttp2_session_mem_recv(session, $0.baseAddress, $0.count) } >= 0
    }

    func output() -> [UInt8] {
        if let raw { return raw }
        var output: [UInt8] = []
        while true {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            guard count > 0, let bytes else { return output }
            output += UnsafeBufferPointer(start: bytes, count: count)
        }
    }

    private func answer(_ stream: Int32) {
        switch shared.reply(path) {
        case .messages(let messages, let status, let text):
            trailers = [("grpc-status", "\(status)"), ("grpc-message", text)]
            submit(stream, messages.flatMap(FakeCall.framed))
        case .body(let bytes):
            trailers = [("grpc-status", "0")]
            submit(stream, bytes)
        case .stream(let messages): if !messages.isEmpty { submit(stream, messages.flatMap(FakeCall.framed)) }
        case .silence: break
        case .bytes(let bytes): raw = bytes
        }
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: message.count >> $0) } + message
    }

    private func submit(_ stream: Int32, _ bytes: [UInt8]) {
        let head = [(":status", "200"), ("content-type", "application/grpc")]
        if bytes.isEmpty, let trailers {
            FakeCall.withPairs(head + trailers) {
                nghttp2_submit_response(session, stream, $0.baseAddress, $0.count, nil)
            }
            return
        }
        body = bytes
        var provider = nghttp2_data_provider()
        provider.read_callback = { session, stream, buffer, length, flags, _, context in
            FakeCall.own(context).read(session, stream, buffer!, length, flags!)
        }
        FakeCall.withPairs(head) { nghttp2_submit_response(session, stream, $0.baseAddress, $0.count, &provider) }
    }

    private func read(
        _ session: OpaquePointer?, _ stream: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ length: Int,
        _ flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let count = min(length, body.count - sent)
        if count == 0, trailers == nil { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
        for offset in 0..<count { buffer[offset] = body[sent + offset] }
        sent += count
        if sent == body.count, let trailers {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            FakeCall.withPairs(trailers) { nghttp2_submit_trailer(session, stream, $0.baseAddress, $0.count) }
        }
        return count
    }

    private static func withPairs(
        _ fields: [(String, String)], _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Int32
    ) {
        let copies = fields.map { (strdup($0.0)!, strdup($0.1)!) }
        defer {
            for (name, value) in copies {
                free(name)
                free(value)
            }
        }
        let pairs = copies.map { name, value in
            nghttp2_nv(
                name: UnsafeMutableRawPointer(name).assumingMemoryBound(to: UInt8.self),
                value: UnsafeMutableRawPointer(value).assumingMemoryBound(to: UInt8.self), namelen: strlen(name),
                valuelen: strlen(value), flags: 0)
        }
        _ = pairs.withUnsafeBufferPointer(body)
    }
}
