// Writing to standard output and error.
internal import Glibc

/// Writes whole texts; what a reader that went away does not take is dropped.
enum StandardStreams {
    enum Stream: Int32 {
        case output = 1
        case error = 2
    }

    static func write(_ text: String, to stream: Stream) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(stream.rawValue, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
