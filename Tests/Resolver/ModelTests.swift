// Random containers: what the resolver finds is what the kernel finds in the mounted container.
import CLinux
import Glibc
import LinuxIO
import TestSupport
import Testing

@testable import Resolver

@Suite struct ModelTests {
    /// openat2(2) with RESOLVE_IN_ROOT below the mounted overlay: the kernel's own answer.
    private static func kernel(_ root: Int32, _ path: String, _ flags: Int32) -> Result<FoundDescriptor, SystemError> {
        while true {
            let result = FileSystem.open(
                Array(path.utf8), at: root, flags: CLINUX_O_PATH | flags,
                resolve: UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS))
            // Something was renamed somewhere while `..` was looked at.
            if case .failure(let error) = result, error.errno == EAGAIN { continue }
            return result.map(FoundDescriptor.init)
        }
    }

    private final class FoundDescriptor {
        let raw: Int32
        init(_ raw: Int32) { self.raw = raw }
        deinit { close(raw) }
    }

    private static func text(_ status: clinux_stat) -> String { "\(status.kindName) of \(status.uid)" }

    private static func text(_ location: Location) -> String {
        switch location {
        case .found(let file): text(file.status)
        case .missing(let error): name(of: error.errno)
        case .refused(let reason): reason
        case .network(let entry): entry.type
        }
    }

    private static func names(_ directory: Int32) -> [String] {
        var names: [String] = []
        try? FileSystem.forEachEntry(in: FileSystem.path(ofDescriptor: directory)) { name, _, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        return names.sorted()
    }

    @Test func `random paths in random containers lead where the kernel says`() throws {
        let base = UInt64.random(in: 0...UInt64.max / 2)
        var found = 0
        var listed = 0
        for seed in base..<base + 30 {
            let container = try RandomContainer(seed: seed)
            let view = container.view
            let root = try FileSystem.open(
                Array(container.stage.path("fs/merged").utf8), flags: CLINUX_O_PATH
            ).map(FoundDescriptor.init).get()
            for _ in 0..<150 {
                let path = container.path()
                let follow = !container.random.once(in: 4)
                let expected = Self.kernel(root.raw, path, follow ? 0 : O_NOFOLLOW)
                let location = view.locate(Array(path.utf8), follow: follow)
                let place: Comment = "seed \(seed), \(path), follow \(follow), mounts \(container.mounts)"
                switch expected {
                case .failure(let error):
                    try #require(Self.text(location) == name(of: error.errno), place)
                case .success(let descriptor):
                    found += 1
                    let status = try FileSystem.status(descriptor: descriptor.raw).get()
                    if status.isLink {
                        try #require(Self.text(location).hasPrefix("a symbolic link"), place)
                        continue
                    }
                    try #require(Self.text(location) == Self.text(status), place)
                    guard status.isDirectory else { continue }
                    listed += 1
                    let names = view.names(path)?.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }.sorted()
                    try #require(names == Self.names(descriptor.raw), place)
                }
            }
        }
        #expect(found > 300 && listed > 100, "the random paths lead nowhere: \(found) found, \(listed) listed")
    }
}
