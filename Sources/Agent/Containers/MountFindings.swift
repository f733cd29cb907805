// Asking file systems that may hang: one thread at a time, with a deadline.
internal import Core
internal import Discovery
internal import FileSource
internal import LinuxIO
internal import Resolver
internal import Synchronization

/// Finds out about containers' mounts and directories. A file system that never answers costs one thread, and the
/// answers of that question; the next question is asked when the thread is back.
final class MountFindings: Sendable {
    private let isBusy = Mutex(false)
    /// Nanoseconds that a question may take.
    private let patience: Int64

    init(patience: Int64) { self.patience = patience }

    /// Findings by container id; nil when there is no answer in time. `hints`: names of the declarations for which to
    /// look what is there instead.
    func find(
        _ containers: [(derived: DerivedContainer, hints: Set<String>)], _ policy: ResolverPolicy,
        matching: Bool = false
    ) async -> [String: ContainerFinding]? {
        let isFree = isBusy.withLock { busy in
            defer { busy = true }
            return !busy
        }
        guard isFree else { return nil }
        return await withCheckedContinuation { continuation in
            let waiting = Mutex<CheckedContinuation<[String: ContainerFinding]?, Never>?>(continuation)
            let answer: @Sendable ([String: ContainerFinding]?) -> Void = { found in
                waiting.withLock { waiting in
                    defer { waiting = nil }
                    return waiting
                }?.resume(returning: found)
            }
            let timer = Task { [patience] in
                try? await Task.sleep(for: .nanoseconds(patience))
                if !Task.isCancelled { answer(nil) }
            }
            do {
                _ = try Thread(name: "mounts") { [self] in
                    var found: [String: ContainerFinding] = [:]
                    let mounts = HostMounts.read()
                    for (derived, hints) in containers {
                        found[derived.record.id] = MountFindings.finding(
                            derived, hints,
                            ContainerFiles(layout: derived.record.layout(), policy: policy, mounts: mounts), matching)
                    }
                    isBusy.withLock { $0 = false }
                    timer.cancel()
                    answer(found)
                }
            } catch {
                isBusy.withLock { $0 = false }
                timer.cancel()
                answer(nil)
            }
        }
    }

    /// Blocks.
    private static func finding(
        _ derived: DerivedContainer, _ hints: Set<String>, _ files: ContainerFiles, _ matching: Bool
    ) -> ContainerFinding {
        var finding = ContainerFinding()
        finding.mounts = derived.record.mounts.enumerated().map { index, mount in
            var report = MountReport(mount)
            (report.state, report.reason) = files.finding(index)
            return report
        }
        let search = ContainerSearch(list: files.list)
        for declared in derived.declared where declared.isShippable {
            let declaration = declared.declaration
            let patterns = declaration.paths.map { PathPattern($0) }
            let excludes = declaration.exclude.map { ExcludePattern($0) }
            var found: Set<String> = []
            if matching {
                for pattern in patterns {
                    found.formUnion(search.matches(pattern, excludes: excludes).map { escapingInvalidUTF8($0) })
                }
                finding.matches[declaration.name] = found.sorted()
            }
            if hints.contains(declaration.name), found.isEmpty {
                let excludeKey = declaration.keys.first { $0.hasSuffix(".exclude") } ?? "exclude"
                finding.hints[declaration.name] = search.hint(
                    patterns, excludes: excludes, key: declaration.pathKey, excludeKey: excludeKey)
            }
        }
        return finding
    }
}

extension MountReport {
    /// Without state: nobody has looked.
    init(_ mount: ContainerRecord.Mount) {
        self.init()
        destination = mount.destination
        kind = mount.kind.rawValue
        source = mount.kind == .volume && !mount.name.isEmpty ? mount.name : mount.source
    }
}

extension LabelDeclaration {
    /// The label that says where its files are.
    var pathKey: String {
        keys.first { $0.hasSuffix(".path") } ?? keys.first { $0.hasSuffix("." + name) } ?? keys.first ?? name
    }
}
