// Compose files: any bytes give services within bounds, and problems with a place.
@testable internal import Configuration

/// The input is a Compose file, and behind a byte 0xFF the `.env` beside it.
enum ComposeTarget {
    /// What all services together may say, beyond what a small file says itself.
    private static let largest = 8 << 20

    static func check(_ bytes: [UInt8]) {
        let files = bytes.split(separator: 0xFF, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        let path = Scratch.write("compose.yaml", files[0])
        Scratch.write(".env", files.count > 1 ? files[1] : nil)
        let reading = ComposeReader.read(path: path, environment: ["HOME": "/root", "A": "$A", "MARK": "\u{301}"])
        for problem in reading.problems { ConfigurationTarget.check(problem, [path: files[0]]) }
        expect(!reading.services.isEmpty || !reading.problems.isEmpty || isEmptyMapping(files[0]), "nothing to say")
        var size = 0
        for service in reading.services {
            expect(service.labels["com.docker.compose.service"] == service.name, "a label of Compose is another")
            size += service.labels.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
            for mount in service.mounts {
                size += mount.source.utf8.count + mount.destination.utf8.count
                check(mount)
            }
        }
        expect(size <= largest, "\(size) bytes come of a file of \(bytes.count)")
    }

    /// `services: {}` is no problem.
    private static func isEmptyMapping(_ bytes: [UInt8]) -> Bool {
        bytes.contains(0x7B) || bytes.contains(0x2A) || bytes.contains(0x3C)
    }

    private static func check(_ mount: ComposeMount) {
        switch mount.kind {
        case .bind: expect(isNormal(mount.source), "a bind of \(mount.source)")
        case .volume: expect(mount.destination.utf8.first == 0x2F, "a volume at \(mount.destination)")
        case .tmpfs: expect(mount.source.isEmpty, "a tmpfs of \(mount.source)")
        }
    }

    /// Absolute, without empty names, `.` and `..`.
    static func isNormal(_ path: String) -> Bool {
        let names = path.utf8.split(separator: 0x2F, omittingEmptySubsequences: false).dropFirst()
        return path == "/"
            || path.utf8.first == 0x2F
                && names.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
    }
}
