// Errors of the administration interfaces.
internal import Glibc
internal import NIOCore

/// What went wrong and what to do about it, in one line that is safe to print. `errno` is 0 when no system call failed.
package struct AdminError: Error, Sendable, Equatable, CustomStringConvertible {
    package let message: String
    package let errno: Int32

    package init(_ message: String, errno: Int32 = 0) {
        self.message = message
        self.errno = errno
    }

    package var description: String { message }
}

/// What the system says of a failed listener, without the network library's own words.
func reason(_ error: any Error) -> String {
    guard let error = error as? IOError else { return "\(error)" }
    return String(cString: strerror(error.errnoCode))
}
