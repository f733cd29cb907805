// Reading the one kind of HTTP answer that the daemon gives.

/// An HTTP/1.1 response with Content-Length that was read up to the end of the connection.
struct HTTPResponse {
    let status: Int
    let body: [UInt8]
    /// False when the connection ended before the announced length.
    let isWhole: Bool

    /// Nil when `bytes` are no such response or the body is longer than announced.
    init?(_ bytes: [UInt8]) {
        // A head is small: bytes that hold no end of it in the first 16 KiB are no response.
        let end = bytes.prefix(16 * 1024).indices.first { index in
            index + 4 <= bytes.count && bytes[index] == 0x0D && bytes[index + 1] == 0x0A && bytes[index + 2] == 0x0D
                && bytes[index + 3] == 0x0A
        }
        guard let end else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else { return nil }
        let lengths = lines.dropFirst().compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
            return Int(parts[1].drop { $0 == " " })
        }
        body = Array(bytes[(end + 4)...])
        self.status = status
        guard lengths.count == 1, lengths[0] >= body.count else { return nil }
        isWhole = lengths[0] == body.count
    }
}
