// Whether the logs of one declaration arrive, why not, and what to do.
internal import Core
internal import Discovery
internal import FileSource
internal import Glibc
internal import LinuxIO

/// `DeclarationReport.state`.
enum DeclarationState: String, CaseIterable {
    case active
    case noMatch = "no match yet"
    case notReachable = "not reachable"
    case refused
    case badValue = "bad value"
    case disabled, drained
}

/// Judges one declaration by what the engine and the file system say of it. Pure.
struct DeclarationVerdict {
    let state: DeclarationState
    var reason: String?
    var remedy: String?

    /// What the verdict is made from.
    struct Evidence {
        let record: ContainerRecord
        let isRemoved: Bool
        /// What the engine says of the declaration's files; nil when no engine was asked.
        let files: [FileReport]?
        let finding: ContainerFinding?
    }

    init(_ state: DeclarationState, _ reason: String? = nil, _ remedy: String? = nil) {
        self.state = state
        self.reason = reason
        self.remedy = remedy
    }

    static func judge(_ declaration: LabelDeclaration, _ evidence: Evidence) -> DeclarationVerdict {
        if !declaration.isEnabled {
            let key = declaration.keys.first { $0.hasSuffix(".enabled") } ?? declaration.pathKey
            return DeclarationVerdict(.disabled, "switched off by \(key)", "remove that label to switch it on")
        }
        if let container = declaration.container, !evidence.record.isMeant(by: declaration) {
            let key = declaration.keys.first { $0.hasSuffix(".container") } ?? "container"
            return DeclarationVerdict(
                .disabled, "\(key) limits it to the container \(container), and this is \(evidence.record.name)")
        }
        if let files = evidence.files, let verdict = byFiles(files, evidence) { return verdict }
        if let found = evidence.finding?.matches[declaration.name], !found.isEmpty, evidence.files == nil {
            return DeclarationVerdict(.active, "these files fit; no daemon was asked whether they are shipped")
        }
        if declaration.isStdout { return nothingWritten(evidence) }
        if let verdict = byMounts(declaration, evidence) { return verdict }
        return nothingFits(declaration, evidence)
    }

    /// By the files the engine knows; nil when it knows none.
    private static func byFiles(_ files: [FileReport], _ evidence: Evidence) -> DeclarationVerdict? {
        guard !files.isEmpty else { return nil }
        let followed = files.filter { $0.state != "refused" && $0.state != "unreadable" }
        let left = files.filter { $0.state == "refused" || $0.state == "unreadable" }
        guard !followed.isEmpty else {
            let isRefused = left.contains { $0.state == "refused" }
            let said = left.first { $0.reason != nil }?.reason
            let (why, advice) = said.map(parts) ?? ("its files cannot be read", nil)
            return DeclarationVerdict(
                isRefused ? .refused : .notReachable, why,
                advice ?? remedy(isRefused: isRefused))
        }
        let hasEnded = evidence.isRemoved || !evidence.record.isLiving
        if hasEnded, left.isEmpty, followed.allSatisfy({ $0.unread == 0 && $0.offset >= $0.size }) {
            return DeclarationVerdict(.drained, "the container has ended, and all of it has arrived")
        }
        if let hanging = followed.first(where: { $0.state == "hanging" }) {
            return DeclarationVerdict(
                .notReachable, hanging.reason ?? "its volume does not answer",
                "check the server of that file system; all that is written meanwhile is shipped when it answers")
        }
        if let parked = followed.first(where: { $0.state == "parked" }) {
            return DeclarationVerdict(
                .active, "waits: \(parked.reason ?? "the topic takes no records")",
                "nothing is lost by waiting; the operator sees more in longshore status")
        }
        guard !left.isEmpty else { return DeclarationVerdict(.active) }
        return DeclarationVerdict(
            .active, "\(left.count) of \(files.count) files cannot be shipped: \(left[0].reason ?? left[0].state)")
    }

    private static func remedy(isRefused: Bool) -> String {
        isRefused
            ? "let the application write to a regular file of its own in the container, and declare that"
            : "let the file be readable for root, and check the volume it is on"
    }

    /// By the mounts that its paths lie in: when all of them are closed.
    private static func byMounts(_ declaration: LabelDeclaration, _ evidence: Evidence) -> DeclarationVerdict? {
        guard let finding = evidence.finding, !declaration.paths.isEmpty else { return nil }
        let closed = declaration.paths.compactMap { path -> MountReport? in
            // The whole path where it has no wildcard: it may be a directory, and the mount itself.
            let place = ContainerSearch.literalPath(PathPattern(path))
            guard let mount = mount(of: place, finding.mounts) else { return nil }
            return mount.state == "refused" || mount.state == "unreachable" ? mount : nil
        }
        guard closed.count == declaration.paths.count, let mount = closed.first else { return nil }
        let lies = "it lies in the mount \(mount.destination): "
        if mount.state == "refused" {
            let (why, advice) = parts(mount.reason ?? mount.state)
            return DeclarationVerdict(
                .refused, lies + why,
                advice ?? "use a named volume, or ask the operator to add \(mount.source) to paths.allow_mount_sources")
        }
        if mount.kind == "tmpfs", !evidence.record.isLiving {
            return DeclarationVerdict(
                .drained, "the container has ended, and what was in memory at \(mount.destination) with it",
                "write logs to a volume: there nothing is lost")
        }
        let why = mount.reason ?? mount.state
        return DeclarationVerdict(.notReachable, lies + why, remedy(unreachable: mount, why, evidence))
    }

    private static func remedy(unreachable mount: MountReport, _ why: String, _ evidence: Evidence) -> String {
        if why.hasSuffix(String(cString: strerror(EACCES))) {
            return evidence.files == nil
                ? "no daemon was asked, and this user may not look: ask as root" : "let the daemon run with more rights"
        }
        return mount.kind == "tmpfs"
            ? "write logs to a volume: what is in memory is gone with the container"
            : "check that the source of the mount is there and answers"
    }

    /// The resolver says what it is and what to write instead, with a colon between.
    private static func parts(_ reason: String) -> (why: String, advice: String?) {
        let words = Array(reason.utf8)
        guard let colon = words.lastIndex(of: 0x3A), colon + 2 < words.count, words[colon + 1] == 0x20 else {
            return (reason, nil)
        }
        return (
            String(decoding: words[..<colon], as: UTF8.self), String(decoding: words[(colon + 2)...], as: UTF8.self)
        )
    }

    private static func mount(of directory: RawPath, _ mounts: [MountReport]) -> MountReport? {
        mounts.filter { mount in
            let place = Array(mount.destination.utf8)
            return directory.starts(with: place) && (directory.count == place.count || directory[place.count] == 0x2F)
        }.max { $0.destination.utf8.count < $1.destination.utf8.count }
    }

    private static func nothingWritten(_ evidence: Evidence) -> DeclarationVerdict {
        if evidence.files == nil, !evidence.record.logPath.isEmpty {
            return DeclarationVerdict(
                .active,
                "its runtime writes it to \(evidence.record.logPath); no daemon was asked whether it is shipped")
        }
        if evidence.isRemoved { return DeclarationVerdict(.drained, "the container was removed") }
        if !evidence.record.isLiving {
            return DeclarationVerdict(.drained, "the container has ended, nothing of its output is left to read")
        }
        return DeclarationVerdict(
            .noMatch, "the container has written nothing to stdout and stderr yet",
            "it is followed once there is some: check that the application logs to stdout")
    }

    private static func nothingFits(_ declaration: LabelDeclaration, _ evidence: Evidence) -> DeclarationVerdict {
        let paths = declaration.paths.joined(separator: ", ")
        let hint = evidence.finding?.hints[declaration.name]
        let record = evidence.record
        if evidence.isRemoved { return DeclarationVerdict(.drained, "the container was removed") }
        if !record.isLiving {
            let code = record.exitCode.map { " (exit code \($0)\(record.isOutOfMemory ? ", out of memory" : ""))" }
            let left = evidence.files == nil ? "nothing fits \(paths)" : "nothing of it is left to read"
            return DeclarationVerdict(.drained, "the container has ended\(code ?? ""), \(left)", hint)
        }
        if record.status == .created {
            return DeclarationVerdict(
                .noMatch, "the container has not been started yet", hint ?? "its files are followed once they appear")
        }
        return DeclarationVerdict(
            .noMatch, "nothing fits \(paths) in the container yet",
            hint ?? "its files are followed once they appear: check that the application writes there")
    }
}
