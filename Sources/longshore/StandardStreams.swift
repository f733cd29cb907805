// Writing to standard output and error.
internal import Glibc

/// Writes whole texts.
enum StandardStreams {
    enum Stream: Int32 {
        case output = 1
        case error = 2
    }

    /// Puts /dev/null in the place of standard descriptors that are closed: the next file or socket would get their
    /// numbers, and what is printed or logged would be written into it. Standard output can then not be written
    /// (EBADF), as when it was closed. Call it before anything is opened.
    static func occupy() {
        // open(2) gives the lowest number that is free.
        if fcntl(STDIN_FILENO, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
        if fcntl(STDOUT_FILENO, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
        if fcntl(STDERR_FILENO, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
    }

    /// Writes all of it; gives errno where that fails.
    @discardableResult
    static func write(_ text: String, to stream: Stream) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(stream.rawValue, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return errno }
            bytes = bytes.dropFirst(count)
        }
        return nil
    }
}
