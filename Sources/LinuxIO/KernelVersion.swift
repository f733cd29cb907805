// Which kernel this is.
internal import Glibc

/// Version of the running kernel (uname(2), `release`).
package struct KernelVersion: Hashable, Sendable {
    package let major: Int
    package let minor: Int

    /// Of a release such as `6.1.0-18-amd64`; what is not understood counts as 0.
    package init(release: String) {
        let numbers = release.split(separator: ".", maxSplits: 2).prefix(2).map { part in
            Int(part.prefix { $0.isNumber }) ?? 0
        }
        major = numbers.first ?? 0
        minor = numbers.count > 1 ? numbers[1] : 0
    }

    package static let current: KernelVersion = {
        var name = utsname()
        guard uname(&name) == 0 else { return KernelVersion(release: "") }
        return withUnsafePointer(to: &name.release) { release in
            release.withMemoryRebound(to: CChar.self, capacity: 65) { KernelVersion(release: String(cString: $0)) }
        }
    }()

    package func isAtLeast(_ major: Int, _ minor: Int) -> Bool { (self.major, self.minor) >= (major, minor) }
}
