// The few calls of Docker's API that the demo makes.
internal import Core
internal import Glibc
internal import LinuxIO

/// A request that Docker refused or did not answer; printable.
struct DockerFailure: Error, CustomStringConvertible {
    let description: String
}

/// Docker Engine API over its unix socket: one request of HTTP/1.0 per connection, so that the answer ends with it.
/// Blocks its thread, for 20 s at most.
struct DockerCalls: Sendable {
    let socket: String
    private static let answerLimit = 4 << 20
    private static let timeout = 20

    /// Where Docker's socket is by DOCKER_HOST or by default; nil with DOCKER_HOST naming another kind of place.
    static func socketPath(host: String?) -> String? {
        guard let host, !host.isEmpty else { return "/var/run/docker.sock" }
        return host.hasPrefix("unix://") ? String(host.dropFirst(7)) : nil
    }

    /// The body of an answer below 300; 404 and 409 are failures like any other.
    @discardableResult
    func call(
        _ method: String, _ path: String, _ body: [UInt8] = [], type: String = "application/json"
    ) throws(DockerFailure) -> [UInt8] {
        let descriptor = try connect()
        let head =
            "\(method) \(path) HTTP/1.0\r\nHost: docker\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n"
        try send(Array(head.utf8) + body, descriptor.raw)
        let answer = try receive(descriptor.raw)
        guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw DockerFailure(description: "what answers at \(socket) is not Docker")
        }
        let words = String(decoding: answer[..<end.lowerBound], as: UTF8.self).split(separator: " ", maxSplits: 2)
        let content = Array(answer[end.upperBound...])
        guard words.count > 1, let status = Int(words[1]), status < 300 else {
            let text = escapedForTerminal(String(decoding: content.prefix(300), as: UTF8.self))
            throw DockerFailure(description: "Docker refuses \(method) \(path): \(text)")
        }
        return content
    }

    private func connect() throws(DockerFailure) -> FileDescriptor {
        var address = sockaddr_un()
        let path = Array(socket.utf8)
        guard !path.isEmpty, path.count < 108 else {
            throw DockerFailure(description: "\(socket) is no path of a socket")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let descriptor = FileDescriptor(
            owning: Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        var limit = timeval(tv_sec: DockerCalls.timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor.raw, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let code = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor.raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? 0 : errno
            }
        }
        guard code == 0 else {
            throw DockerFailure(description: "no Docker answers at \(socket): \(String(cString: strerror(code)))")
        }
        return descriptor
    }

    private func send(_ bytes: [UInt8], _ raw: Int32) throws(DockerFailure) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(raw, $0.baseAddress! + offset, $0.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { throw broken() }
            offset += count
        }
    }

    private func receive(_ raw: Int32) throws(DockerFailure) -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while answer.count < DockerCalls.answerLimit {
            let count = recv(raw, &chunk, chunk.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw broken() }
            if count == 0 { break }
            answer += chunk[..<count]
        }
        return answer
    }

    private func broken() -> DockerFailure {
        DockerFailure(description: "the connection to Docker broke: \(String(cString: strerror(errno)))")
    }
}
