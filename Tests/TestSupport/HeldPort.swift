// The port of a broker that is down, kept for its return.
internal import Glibc
internal import LinuxIO

/// A port of 127.0.0.1 that nobody else gets while this lives: connections to it are refused, and only a listener with
/// SO_REUSEADDR can take it over, as brokers do. Without it the kernel may give the port to any connection meanwhile, and
/// the broker cannot come back (librdkafka's mock then aborts the process).
final class HeldPort: Sendable {
    private let descriptor: FileDescriptor

    init(_ port: UInt16) throws {
        descriptor = FileDescriptor(
            owning: try retryingInterrupts("socket") {
                socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            })
        let raw = descriptor.raw
        var one: Int32 = 1
        setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = try retryingInterrupts("bind", "port \(port)") {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
    }
}
