// The address of a unix socket as the kernel takes it.
internal import Glibc

/// sockaddr_un (unix(7)) of a path.
struct UnixAddress {
    /// Bytes a path may have: sun_path without its NUL.
    static let pathLimit = 107

    private var address = sockaddr_un()

    /// Nil for a path that is empty, too long or holds a NUL.
    init?(_ path: String) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= UnixAddress.pathLimit, !bytes.contains(0) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    }

    /// bind(2); 0 or errno.
    func bind(_ socket: Int32) -> Int32 { call { Glibc.bind(socket, $0, $1) } }

    /// connect(2); 0 or errno.
    func connect(_ socket: Int32) -> Int32 { call { Glibc.connect(socket, $0, $1) } }

    private func call(_ function: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function($0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? 0 : errno
            }
        }
    }
}
