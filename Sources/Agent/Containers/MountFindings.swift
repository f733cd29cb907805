// Asking file systems that may hang: one thread at a time, with a deadline.
internal import Core
internal import Discovery
internal import FileSource
internal import LinuxIO
internal import Resolver
internal import Synchronization

/// Finds out about containers' mounts and directories. A file system that never answers costs one thread, and the
/// answers of that question; the next question is asked when the thread is back. The thread is an I/O worker's: one that
/// hangs when the daemon ends holds none of its locks and ports.
final class MountFindings: Sendable {
    /// What is to be found out.
    private struct Question: Sendable {
        let containers: [(derived: DerivedContainer, hints: Set<String>)]
        let policy: ResolverPolicy
        let matching: Bool
    }
    private typealias Worker = IOWorker<Question, [String: ContainerFinding]>

    private struct State {
        var isAsked = false
        /// Of the last question.
        var worker: Worker?
    }
    private let state = Mutex(State())
    /// Nanoseconds that a question may take.
    private let patience: Int64
    private static let look = Duration.milliseconds(5)

    init(patience: Int64) { self.patience = patience }

    /// Findings by container id; nil when there is no answer in time. `hints`: names of the declarations for which to
    /// look what is there instead.
    func find(
        _ containers: [(derived: DerivedContainer, hints: Set<String>)], _ policy: ResolverPolicy,
        matching: Bool = false
    ) async -> [String: ContainerFinding]? {
        let isFree = state.withLock { state in
            if state.isAsked || state.worker?.busySince != nil { return false }
            state.isAsked = true
            return true
        }
        guard isFree else { return nil }
        defer { state.withLock { $0.isAsked = false } }
        guard let worker = MountFindings.makeWorker() else { return nil }
        state.withLock { $0.worker = worker }
        // Its thread ends by itself, when the question returns.
        defer { worker.abandon() }
        guard worker.submit(Question(containers: containers, policy: policy, matching: matching)) else { return nil }
        let deadline = Clock.monotonic() + patience
        while Clock.monotonic() < deadline {
            if let found = worker.takeAnswers().first { return found }
            try? await Task.sleep(for: MountFindings.look)
        }
        return nil
    }

    private static func makeWorker() -> Worker? {
        guard let ready = try? EventDescriptor() else { return nil }
        return try? Worker(name: "mounts", capacity: 1, ready: ready) { question in
            var found: [String: ContainerFinding] = [:]
            let mounts = HostMounts.read()
            for (derived, hints) in question.containers {
                let files = ContainerFiles(layout: derived.record.layout(), policy: question.policy, mounts: mounts)
                found[derived.record.id] = finding(derived, hints, files, question.matching)
            }
            return found
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
        for declared in derived.declared where declared.hasFiles {
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
