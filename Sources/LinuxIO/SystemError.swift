// Errors of system calls: what was tried, on what, errno, and what to do about it.
internal import Glibc

/// A system call that failed: `operation` names the call, `subject` what it was about (a path, already safe to print).
package struct SystemError: Error, Sendable, Equatable {
    package let operation: String
    package let subject: String
    package let errno: Int32

    package init(_ operation: String, _ subject: String = "", errno: Int32) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
    }

    /// The text of strerror(3) for the errno.
    package var reason: String { String(cString: strerror(errno)) }
}

extension SystemError: CustomStringConvertible {
    package var description: String {
        subject.isEmpty ? "\(operation): \(reason)" : "\(operation) \(subject): \(reason)"
    }
}

/// Repeats a call that returns -1 while it is interrupted by a signal (EINTR), else gives its result or throws errno.
/// EBADF and EFAULT are programmer errors and trap.
@discardableResult
package func retryingInterrupts<Result: FixedWidthInteger>(
    _ operation: StaticString, _ subject: @autoclosure () -> String = "", _ call: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let code = errno
        if code == EINTR { continue }
        precondition(code != EBADF && code != EFAULT, "\(operation): programmer error, errno \(code)")
        throw SystemError("\(operation)", subject(), errno: code)
    }
}
