// The proxy's sockets.
internal import Glibc
internal import LinuxIO

/// One non-blocking loopback socket; closed with its last owner.
final class ProxySocket {
    private let descriptor: FileDescriptor
    var raw: Int32 { descriptor.raw }

    private init(_ descriptor: consuming FileDescriptor) {
        _ = fcntl(descriptor.raw, F_SETFL, O_NONBLOCK)
        var one: Int32 = 1
        setsockopt(descriptor.raw, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        self.descriptor = descriptor
    }

    /// A listener on a port that the kernel gives.
    static func listening() throws -> ProxySocket {
        let descriptor = FileDescriptor(
            owning: try retryingInterrupts("socket") {
                socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            })
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let raw = descriptor.raw
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(raw, 64) == 0 else { throw SystemError("listen", errno: errno) }
        return ProxySocket(descriptor)
    }

    static func connected(to port: UInt16) throws -> ProxySocket { ProxySocket(try connectedSocket(.tcp(port: port))) }

    /// The port it is bound to.
    var port: UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(raw, $0, &size) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// The next client that waits; nil when there is none.
    func accepted() -> ProxySocket? {
        let client = accept(raw, nil, nil)
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        return client < 0 ? nil : ProxySocket(FileDescriptor(owning: client))
    }

    /// Gives `take` what there is, up to 256 KiB; false at the end of the stream.
    func read(_ take: (UnsafeRawBufferPointer) -> Void) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 262_144, alignment: 16) { buffer in
            let count = recv(raw, buffer.baseAddress!, buffer.count, 0)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            take(UnsafeRawBufferPointer(rebasing: buffer[..<max(0, count)]))
            return count > 0
        }
    }
}
