// HTTP/1.1 by hand, over TCP and unix sockets: no client library between a test and the daemon.
internal import Glibc
package import LinuxIO

/// Where a server listens.
package enum HTTPEndpoint: Sendable {
    case tcp(port: UInt16)
    case unix(path: String)
}

package struct HTTPResponse: Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]
    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// Gives the answer to `GET path`. Throws a SystemError when nobody listens, a FixtureError when the answer is not HTTP or
/// does not come within 10 s.
package func httpGet(_ endpoint: HTTPEndpoint, _ path: String) async throws -> HTTPResponse {
    try await httpRequest(endpoint, "GET", path)
}

/// Gives the answer to any request, with a JSON `body` where there is one; else as `httpGet`. Each read may take
/// `patience` seconds.
package func httpRequest(
    _ endpoint: HTTPEndpoint, _ method: String, _ path: String, body: [UInt8] = [], patience: Int = 10
) async throws -> HTTPResponse {
    let bytes = requestBytes(method, path, body)
    return try await onOwnThread("test-http") {
        try parse(try exchange(bytes, with: connectedSocket(endpoint, patience: patience)))
    }
}

/// As `httpGet`, on the thread of the caller, who waits `patience` seconds at most for each read.
package func httpGetBlocking(_ endpoint: HTTPEndpoint, _ path: String, patience: Int) throws -> HTTPResponse {
    try parse(
        try exchange(requestBytes("GET", path, []), with: connectedSocket(endpoint, patience: patience)))
}

private func requestBytes(_ method: String, _ path: String, _ body: [UInt8]) -> [UInt8] {
    var request = "\(method) \(path) HTTP/1.1\r\nHost: longshore\r\nConnection: close\r\n"
    if method != "GET" { request += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
    return Array((request + "\r\n").utf8) + body
}

/// A stream socket connected to `endpoint` with `patience` seconds for each read and write. Blocks.
package func connectedSocket(_ endpoint: HTTPEndpoint, patience: Int = 10) throws -> FileDescriptor {
    let family = if case .tcp = endpoint { AF_INET } else { AF_UNIX }
    let descriptor = FileDescriptor(
        owning: try retryingInterrupts("socket") {
            socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        })
    var limit = timeval(tv_sec: patience, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        setsockopt(descriptor.raw, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    let raw = descriptor.raw
    switch endpoint {
    case .tcp(let port):
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try connect(raw, &address, "port \(port)")
    case .unix(let path):
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw FixtureError("a path too long for a unix socket: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        try connect(raw, &address, path)
    }
    return descriptor
}

private func connect<Address>(_ raw: Int32, _ address: inout Address, _ subject: String) throws {
    try withUnsafePointer(to: &address) { pointer in
        _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            try retryingInterrupts("connect", subject) {
                Glibc.connect(raw, generic, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}

private func exchange(_ request: [UInt8], with socket: consuming FileDescriptor) throws -> [UInt8] {
    guard send(socket.raw, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
        throw SystemError("send", errno: errno)
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = recv(socket.raw, &buffer, buffer.count, 0)
        if count == 0 { return answer }
        if count < 0 {
            if errno == EINTR { continue }
            throw SystemError("receive an HTTP answer", errno: errno)
        }
        answer.append(contentsOf: buffer[..<count])
    }
}

private func parse(_ answer: [UInt8]) throws -> HTTPResponse {
    let separator = Array("\r\n\r\n".utf8)
    guard let split = answer.indices.first(where: { answer[$0...].starts(with: separator) }) else {
        throw FixtureError("not an HTTP answer: \(String(decoding: answer.prefix(200), as: UTF8.self))")
    }
    let lines = String(decoding: answer[..<split], as: UTF8.self).split(separator: "\r\n")
    guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
        throw FixtureError("not an HTTP status line: \(lines.first ?? "")")
    }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
    }
    let body = Array(answer[(split + 4)...])
    let whole = headers["transfer-encoding"]?.lowercased() == "chunked" ? try joinedChunks(body) : body
    if let length = headers["content-length"].flatMap({ Int($0) }), length != whole.count {
        throw FixtureError("an HTTP answer of \(whole.count) bytes that says \(length)")
    }
    return HTTPResponse(status: status, headers: headers, body: whole)
}

/// RFC 9112 section 7.1, without trailers.
private func joinedChunks(_ body: [UInt8]) throws -> [UInt8] {
    var rest = body[...]
    var joined: [UInt8] = []
    while let end = rest.firstIndex(of: 0x0D),
        let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16), end + 2 + size + 2 <= rest.endIndex
    {
        if size == 0 { return joined }
        joined.append(contentsOf: rest[(end + 2)..<(end + 2 + size)])
        rest = rest[(end + 2 + size + 2)...]
    }
    throw FixtureError("an HTTP answer that ends within its chunks")
}
