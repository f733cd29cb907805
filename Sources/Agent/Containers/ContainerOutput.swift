// Where a runtime keeps what a container wrote to stdout and stderr, or why it cannot be collected.
internal import Core
internal import Discovery
internal import FileSource
internal import LinuxIO
internal import Pipeline
internal import Resolver

/// The log of one container's outputs, as its runtime tells it.
enum ContainerOutput {
    /// A file that the runtime rotates by renaming, and packs.
    case file(RawPath, EntryFormat)
    /// Not known before the container is started.
    case notYet
    /// The runtime keeps none, or not in a file of text: why, and what to do.
    case none(reason: String, remedy: String)

    init(_ record: ContainerRecord) {
        let format: EntryFormat
        switch record.logFormat {
        case .jsonFile: format = .jsonFile
        case .cri: format = .cri
        case .none:
            self = record.logDriver.isEmpty ? .notYet : ContainerOutput.without(driver: record.logDriver)
            return
        }
        let path = Array(normalizedPath(record.logPath).utf8)
        self = record.logPath.isEmpty || path == [0x2F] ? .notYet : .file(path, format)
    }

    private static func without(driver: String) -> ContainerOutput {
        let why =
            switch driver {
            case "none": "its log driver is none: stdout and stderr are thrown away"
            case "local": "its log driver is local, which keeps them in a form of its own"
            case "journald": "its log driver is journald: they are in the journal, which is not available yet"
            default: "its log driver \(driver) sends them elsewhere"
            }
        return .none(
            reason: why, remedy: "start the container with the driver json-file (docker run --log-driver json-file)")
    }

    /// The directory of the log, at the same place: all that declarations of the output can reach. The runtime keeps it as
    /// it keeps volumes.
    func layout(of container: String) -> ContainerLayout? {
        guard case .file(let path, _) = self, let slash = path.lastIndex(of: 0x2F), slash > 0 else { return nil }
        let directory = Array(path[..<slash])
        return ContainerLayout(
            container: container, mounts: [.init(kind: .volume, destination: directory, source: directory)])
    }

    var path: RawPath? {
        guard case .file(let path, _) = self else { return nil }
        return path
    }

    /// The log, and what it is renamed to: `NAME.1`, `NAME.20060102-150405`.
    var pattern: PathPattern? {
        guard case .file(let path, _) = self else { return nil }
        return PathPattern(rotationsOf: path)
    }

    var format: EntryFormat {
        guard case .file(_, let format) = self else { return .jsonFile }
        return format
    }

    /// What is packed is searched for by what it was before; `.tmp` is a kubelet's archive in the making.
    static let excludes = [ExcludePattern("*.gz"), ExcludePattern("*.tmp")]
}
