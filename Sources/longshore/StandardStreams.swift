// Writing to standard output and error.
internal import Glibc

/// Writes whole texts.
enum StandardStreams {
    enum Stream: Int32 {
        case output = 1
        case error = 2
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
