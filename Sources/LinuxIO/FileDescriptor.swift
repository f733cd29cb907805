// Ownership of one file descriptor.
internal import Glibc

/// Owns one descriptor and closes it when it goes out of scope. Not copyable, so it is closed exactly once.
package struct FileDescriptor: ~Copyable, Sendable {
    package let raw: Int32

    package init(owning raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// Gives the descriptor away without closing it; the caller now owns it.
    package consuming func release() -> Int32 {
        let raw = self.raw
        discard self
        return raw
    }
}
