// host:port, with IPv6 addresses in brackets.

/// A host name or address and a TCP port. Prints as it was written.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let port: UInt16

    /// A host without brackets and a port; nothing is checked.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// nil unless the text is `host:port` or `[ipv6]:port`; port 0 only where `zeroPort` allows it.
    package init?(_ text: String, zeroPort: Bool = false) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else { return nil }
        guard port > 0 || zeroPort else { return nil }
        var host = text[..<colon]
        var allowed: [UInt8] = [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            allowed = [UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "%")]
        }
        guard !host.isEmpty, host.utf8.count <= 253 else { return nil }
        guard host.utf8.allSatisfy({ isLetterOrDigit($0) || allowed.contains($0) }) else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
