// One request and one answer over a unix socket, with a deadline.
internal import Core
internal import Glibc
internal import LinuxIO

/// Connects, sends, reads to the end. Blocks its thread until `deadline` (monotonic nanoseconds) at most.
struct SocketExchange {
    let socket: String
    let deadline: Int64

    /// The bytes of the answer, `limit` at most. Throws `AdminError`.
    func run(_ request: [UInt8], limit: Int) throws(AdminError) -> [UInt8] {
        let descriptor = try connect()
        try send(request, descriptor.raw)
        return try receive(descriptor.raw, limit)
    }

    private var place: String { escapedForTerminal(socket) }

    private func connect() throws(AdminError) -> FileDescriptor {
        guard let address = UnixAddress(socket) else {
            throw AdminError("\(place) is no path of a socket: it has 1 to \(UnixAddress.pathLimit) bytes")
        }
        let raw = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else {
            throw AdminError("cannot make a socket: \(String(cString: strerror(errno)))", errno: errno)
        }
        let descriptor = FileDescriptor(owning: raw)
        // unix(7): a connect(2) that waits for room in the backlog gives up after SO_SNDTIMEO, with EAGAIN.
        var time = timeval(tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let code = address.connect(raw)
        if code != 0 { throw refusal(code) }
        return descriptor
    }

    private func refusal(_ code: Int32) -> AdminError {
        switch code {
        case ENOENT, ECONNREFUSED:
            AdminError(
                "no daemon answers at \(place): is longshore running? See systemctl status longshore; a daemon with another socket is named by --config FILE or --socket PATH",
                errno: code)
        case EACCES, EPERM:
            AdminError(
                "no permission to use \(place): run as root, or join the group that admin.group names", errno: code)
        case EAGAIN: AdminError("the daemon at \(place) is too busy to answer: try again", errno: code)
        default: AdminError("cannot reach the daemon at \(place): \(String(cString: strerror(code)))", errno: code)
        }
    }

    private func send(_ request: [UInt8], _ raw: Int32) throws(AdminError) {
        var offset = 0
        while offset < request.count {
            try wait(raw, POLLOUT)
            let count = request.withUnsafeBytes {
                Glibc.send(
                    raw, $0.baseAddress! + offset, $0.count - offset,
                    Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count >= 0 { offset += count } else if errno != EAGAIN && errno != EINTR { throw broken(errno) }
        }
    }

    private func receive(_ raw: Int32, _ limit: Int) throws(AdminError) -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            try wait(raw, POLLIN)
            let count = recv(raw, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count == 0 { return answer }
            if count > 0 {
                if answer.count + count > limit {
                    throw AdminError("the answer from \(place) is larger than \(limit >> 20) MiB: refused")
                }
                answer += chunk[..<count]
            } else if errno != EAGAIN && errno != EINTR {
                throw broken(errno)
            }
        }
    }

    private var milliseconds: Int64 { max(1, (deadline - Clock.monotonic()) / nanosecondsPerMillisecond) }

    /// Waits until `raw` is ready for `events`.
    private func wait(_ raw: Int32, _ events: Int32) throws(AdminError) {
        while Clock.monotonic() < deadline {
            var waiting = pollfd(fd: raw, events: Int16(events), revents: 0)
            if poll(&waiting, 1, Int32(clamping: milliseconds)) == 1 { return }
        }
        throw AdminError(
            "the daemon at \(place) does not answer in time: it may be overloaded or stuck; see its log",
            errno: ETIMEDOUT)
    }

    private func broken(_ code: Int32) -> AdminError {
        AdminError("the connection to \(place) broke: \(String(cString: strerror(code))): try again", errno: code)
    }
}
