// The loop of the pipeline thread: what is ready, in turn, until it is told to stop.
internal import CLinux
internal import Checkpoint
internal import Core
internal import FileSource
internal import Glibc
internal import KafkaSink
internal import LinuxIO
internal import Logging
internal import Pipeline

/// All hot state, mutated in place by one thread. The extensions hold one concern each: Turns (read, frame, encode,
/// produce), Delivery (reports, failures, parking), Checkpoints (store and audit outbox), Sources (beginning and end of
/// generations), Status.
final class PipelineLoop {
    let options: EngineOptions
    let logger: Logger
    let store: Store
    let commands: CommandQueue
    let epoll: Epoll
    /// /proc/self/mountinfo: tells of network volumes before anything touches them. Nil: only the rescan does.
    private let mountTable: OpenMountTable?
    let tailer: Tailer
    let producer: Producer
    let audit: AuditText

    var ledger = Ledger()
    var arenas: ArenaPool
    var encoder: RecordEncoder
    var batch = RecordBatch()
    /// Bytes an encoded record may have whatever its topic takes.
    let recordLimit: Int
    /// Opaque values of one batch.
    let opaques = UnsafeMutablePointer<UInt>.allocate(capacity: RecordBatch.capacity)
    /// One chunk of a file, with the anchor before it and slack behind it.
    let scratch: UnsafeMutablePointer<UInt8>
    let chunkSize: Int
    /// Kafka key of the source whose turn it is: 32 hexadecimal digits.
    let key = UnsafeMutablePointer<UInt8>.allocate(capacity: 32)

    var sources: [SourceState] = []
    /// By the tailer's numbers; those of the host first.
    var declarations: [EngineDeclaration]
    /// Producer's topic of each declaration.
    var topicOfDeclaration: [Int32] = []
    /// Arena that records of a topic are being written to.
    var writers: [TopicWriter] = []
    /// Producer's topics of the outbox's destinations, by their raw values; nil: switched off.
    let outboxTopics: [Int?]

    /// Sources that are ready or parked, by `WaitingPlace`.
    var waiting = SlotLists()
    /// What sources that had caught up have used (ns) since one with a backlog had its turn.
    var quietTime: Int64 = 0
    /// Where the source whose turn it is stood before.
    var turnOffset: UInt64 = 0
    /// Sources that wait for their records in flight: to be rewound, or to be closed.
    var rewinding: [Int32] = []
    /// Sources under suspicion of a record that Kafka refuses, with their topics.
    var suspects: [(slot: Int32, topic: Int32)] = []
    var ending: [Int32] = []
    var retrying: [Int32] = []
    /// Sources whose successors begin once they are acknowledged.
    var handingOver: [Int32] = []

    var containers: [String: ContainerState] = [:]
    /// Containers of the store: their declarations were followed before.
    var knownContainers: Set<String>
    /// Monotonic ns of the next look at containers that are drained; `.max`: there are none.
    var nextDrainCheck: Int64 = .max

    var unseen = UnseenBudget()
    var outbox: AuditOutbox
    var checkpoint = CheckpointState()
    var counters = CounterStatus()
    var problems: [String: String] = [:]
    /// Sources whose ledger did not add up.
    var ledgerProblems: [String] = []
    let started = Clock.monotonic()
    var stopDeadline: Int64?
    var failure: String?
    var nextNamelessCheck: Int64 = 0
    /// Volumes that were said to hang.
    var hanging: Set<String> = []
    /// When the memory of a burst is given back if nothing more is produced; nil: it has been.
    var trimAt: Int64?
    /// Source whose constant fields the encoder holds; -1: none.
    var described = -1
    /// The tailer's `sharingVersion` as of then.
    var describedSharing = 0

    /// How long one source may work before the next has its turn, and all before the loop looks at its descriptors.
    static let turnBudget: Int64 = 2 * nanosecondsPerMillisecond
    static let serveBudget: Int64 = 4 * nanosecondsPerMillisecond
    static let trimAfter: Int64 = 2 * nanosecondsPerSecond

    enum Tag: UInt64 {
        case files, kafka, store, commands, network, mounts
    }

    init(
        _ options: EngineOptions, store: Store, state: StoreState, commands: CommandQueue, logger: Logger
    ) throws {
        self.options = options
        self.store = store
        self.commands = commands
        self.logger = logger
        audit = AuditText(host: options.host)
        epoll = try Epoll()
        mountTable = OpenMountTable()
        producer = try Producer(options.kafka)
        do {
            tailer = try Tailer(
                options.tailer, declarations: PipelineLoop.declarations(options, state), known: state.generations)
            try epoll.add(tailer.descriptor, tag: Tag.files.rawValue)
            if let mountTable { try epoll.add(mountTable: mountTable.raw, tag: Tag.mounts.rawValue) }
            try epoll.add(tailer.networkDescriptor, tag: Tag.network.rawValue)
            try epoll.add(producer.ready.raw, tag: Tag.kafka.rawValue)
            try epoll.add(store.completionsReady.raw, tag: Tag.store.rawValue)
            try epoll.add(commands.ready.raw, tag: Tag.commands.rawValue)
        } catch {
            producer.close()
            throw error
        }
        chunkSize = max(256 << 10, options.line + (64 << 10))
        let scratchSize = Tailer.anchorSize + chunkSize + JSONEscaper.slack
        scratch = .allocate(capacity: scratchSize)
        arenas = ArenaPool(limit: options.memoryLimit - scratchSize)
        recordLimit = min(producer.maximumMessageBytes, arenas.limit / 4) - PipelineLoop.framingOverhead
        encoder = RecordEncoder(
            nodeMembers: options.nodeMembers,
            limits: FramingLimits(line: options.line, lineTotal: options.lineTotal, record: recordLimit))
        let producer = self.producer
        declarations = options.declarations
        knownContainers = Set(state.containers.map(\.id))
        topicOfDeclaration = options.declarations.map { Int32(producer.openTopic($0.topic)) }
        outboxTopics = AuditDestination.allCases.map { destination in
            options.topic(of: destination).map { producer.openTopic($0, forControl: true) }
        }
        arenas.share(among: producer.dataTopicCount)
        outbox = AuditOutbox(
            enabled: Set(AuditDestination.allCases.filter { options.topic(of: $0) != nil }), stored: state.outbox,
            host: options.host)
        writers = Array(repeating: TopicWriter(), count: producer.topics.count)
        checkpoint.declared = options.declarations.map(\.files.name).filter { !state.declarations.contains($0) }
        let orphans = state.generations.filter { !$0.container.isEmpty && !knownContainers.contains($0.container) }
        checkpoint.closed = tailer.adoptOrphans(orphans.sorted { $0.detached < $1.detached })
        if let recovery = state.recovery { announce(recovery) }
    }

    /// The declarations, each with whether an earlier run has followed it.
    private static func declarations(_ options: EngineOptions, _ state: StoreState) -> [FileDeclaration] {
        options.declarations.map { declaration in
            var files = declaration.files
            files.isKnown = state.declarations.contains(files.name)
            return files
        }
    }

    deinit {
        opaques.deallocate()
        scratch.deallocate()
        key.deallocate()
    }

    /// Key, headers and batch framing that count against message.max.bytes beside the value.
    static let framingOverhead = 512

    /// The body of the pipeline thread.
    func run() {
        tailer.start(now: Clock.monotonic())
        collectNews(Clock.monotonic())
        while !isDone {
            waitForEvents()
            counters.wakeups &+= 1
            let now = Clock.monotonic()
            runTimers(now)
            collectNews(now)
            serve()
            sendAudit(Clock.monotonic())
            submitCheckpoint(Clock.monotonic())
        }
        finish()
    }

    private func waitForEvents() {
        let timeout: Int32
        if hasReady && stopDeadline == nil {
            timeout = 0
        } else {
            let wait = nextDeadline - Clock.monotonic()
            timeout = Int32(clamping: max(0, (wait + nanosecondsPerMillisecond - 1) / nanosecondsPerMillisecond))
        }
        let count = epoll.wait(milliseconds: timeout)
        let now = Clock.monotonic()
        for index in 0..<count {
            switch Tag(rawValue: epoll.tag(index))! {
            case .files: tailer.handleEvents(now: now)
            case .mounts: tailer.refreshMounts(now)
            case .network: tailer.takeNetworkAnswers(now: now)
            case .kafka: takeReports(now)
            case .store: takeCompletions(now)
            case .commands: obeyCommands(now)
            }
        }
    }

    /// Obeys what waits, in order; after some milliseconds the sources have their turns before the rest, so that many
    /// containers that come at once do not stop delivery.
    private func obeyCommands(_ now: Int64) {
        commands.ready.drain()
        let end = Clock.monotonic() + PipelineLoop.serveBudget
        while let command = commands.takeFirst() {
            obey(command, now)
            if Clock.monotonic() >= end { return commands.ready.signal() }
        }
    }

    private func obey(_ command: EngineCommand, _ now: Int64) {
        switch command {
        case .status(let detail, let continuation): continuation.resume(returning: status(detail, now))
        case .ping(let continuation): continuation.resume(returning: true)
        case .stop(let drain): stopDeadline = min(stopDeadline ?? Int64.max, now + drain)
        case .attach(let container): attach(container, now)
        case .remove(let id): remove(container: id, now)
        case .announce(let event, let id, let name): announce(event, container: id, name: name)
        }
    }

    /// The listed timers, and nothing else, wake an idle pipeline thread: the tailer's rescan (and polls where needed),
    /// a due checkpoint, a parked topic's next try, the next producer after a fatal error, partitions that do not
    /// acknowledge, files without a name, failed reads, containers that are let go, the
    /// giving back of memory, the end of draining.
    private var nextDeadline: Int64 {
        var next = tailer.nextDeadline
        if let due = checkpointDue { next = min(next, due) }
        if let due = producer.nextUnpark { next = min(next, due) }
        if let due = producer.nextRebuilding { next = min(next, due) }
        if let due = producer.nextPartitionCheck { next = min(next, due) }
        if !tailer.nameless.isEmpty { next = min(next, nextNamelessCheck) }
        for slot in retrying { next = min(next, sources[Int(slot)].retryAt) }
        if let trimAt { next = min(next, trimAt) }
        next = min(next, nextDrainCheck)
        if let stopDeadline { next = min(next, stopDeadline) }
        return next
    }

    private func runTimers(_ now: Int64) {
        tailer.tick(now: now)
        noteHanging(now)
        noteFloods()
        trim(now)
        if now >= nextDrainCheck { checkDrains(now) }
        let writable = producer.unpark(now: now)
        for topic in writable { unpark(topic) }
        if !writable.isEmpty { wakePartitions(now) }
        advanceRebuilding(now)
        producer.checkPartitions(now: now)
        if !tailer.nameless.isEmpty, now >= nextNamelessCheck {
            nextNamelessCheck = now + nanosecondsPerSecond
            checkNameless(now)
        }
        if !retrying.isEmpty {
            let due = retrying.filter { sources[Int($0)].retryAt <= now }
            retrying.removeAll { due.contains($0) }
            for slot in due {
                sources[Int(slot)].retryAt = 0
                enqueue(Int(slot))
            }
        }
    }

    /// Gives arenas and freed heap back to the system once nothing has been produced for a while.
    private func trim(_ now: Int64) {
        guard let due = trimAt, now >= due else { return }
        guard recordsInFlight == 0, !hasReady else {
            trimAt = now + PipelineLoop.trimAfter
            return
        }
        trimAt = nil
        for topic in writers.indices { releaseWriter(topic) }
        arenas.trim()
        clinux_return_heap()
    }

    /// Gives the sources in the queue their turns, for a few milliseconds.
    private func serve() {
        guard stopDeadline == nil else { return }
        serveReady(until: Clock.monotonic() + PipelineLoop.serveBudget)
        settleRewinds(Clock.monotonic())
        collectNews(Clock.monotonic())
    }

    /// True when draining is over: everything acknowledged and stored, or no time left, or a fatal error.
    private var isDone: Bool {
        if failure != nil { return true }
        guard let stopDeadline else { return false }
        if Clock.monotonic() >= stopDeadline { return true }
        return recordsInFlight == 0 && checkpoint.pending == nil && !hasToStore && !outbox.hasInFlight
    }

    var recordsInFlight: Int { producer.topics.reduce(0) { $0 + $1.inFlight } }

    /// The last checkpoint and the end of producer and store.
    private func finish() {
        takeReports(Clock.monotonic())
        verifyWholeLedger()
        let end = EngineEnd(
            unacknowledged: recordsInFlight, failure: failure, ledgerImbalances: ledger.imbalanceCount)
        submitFinalCheckpoint()
        producer.close()
        store.close()
        takeCompletions(Clock.monotonic())
        commands.finish(end)
    }
}

/// Where records of one topic are written: the arena its sources share.
struct TopicWriter {
    var arena: ArenaIndex?
    var space = ArenaSpace.none
}
