// A look at one directory that is made in steps, and the order in which directories have their turns.
internal import Core
internal import LinuxIO

/// A look at one directory, as far as it has come. Between two steps events are handled and files are read, so whatever
/// it remembers may be out of date: names are looked at anew when their turn comes. Owned by the tailer.
final class DirectoryScan {
    enum Phase {
        /// A rescan: is it still this directory, and which slots have their names here?
        case begin
        /// Each of these slots: is its name still this file's?
        case known
        /// Watched, then checked once more.
        case watch
        case list
        /// Generations of the store that were renamed here while the daemon was down, oldest first.
        case renamed
        case entries
        case over
    }

    let directory: Int32
    let view: Int32
    /// Monotonic ns.
    let began = Clock.monotonic()
    var phase: Phase
    /// Something asked for another look while this one was under way; with its known slots too.
    var isAgain = false
    var isAgainKnown = false
    var slots: [Int32] = []
    var nextSlot = 0
    var listing: OpenListing?
    var names = NameList()
    /// Its entries matter; else only `literals` and what was renamed.
    var wantsEntries = true
    var literals: [[UInt8]] = []
    /// Inodes of the store's generations of this directory.
    var inodes: Set<UInt64> = []
    var renamed: [(name: [UInt8], record: GenerationRecord)] = []
    /// One of them had another name already when its turn came; and how often the directory was listed again for that.
    var isStale = false
    var relistings = 0
    static let maximumRelistings = 3
    /// Declared names that were deleted before they were looked at, as events tell.
    var deleted: Set<[UInt8]> = []
    /// Declared names that were listed and not there any more when their turn came; with their inodes.
    var missing: [[UInt8]: UInt64] = [:]

    init(_ directory: Int32, view: Int32, _ phase: Phase) {
        self.directory = directory
        self.view = view
        self.phase = phase
    }

    var isOver: Bool {
        if case .over = phase { return true }
        return false
    }

    /// Names were listed that were not looked at.
    var hasRest: Bool {
        switch phase {
        case .list, .renamed, .entries: true
        default: false
        }
    }
}

/// Directories that are being looked at. Each view has a stack, so that what is below a directory comes before its next
/// entry; one that takes long sinks to its bottom. The views take turns. So a directory or a view that has a hundred
/// thousand files, or makes new directories all the time, does not keep the others waiting. Owned by the tailer.
struct ScanQueue {
    private var stacks: [Int32: [DirectoryScan]] = [:]
    private var turns: [Int32] = []
    private var ofDirectory: [Int32: DirectoryScan] = [:]
    /// Views whose first walk is not over.
    var firstWalks: Set<Int32> = []
    /// Views of stopped containers whose last look is not over.
    var retiring: Set<Int32> = []

    var isEmpty: Bool { turns.isEmpty }
    /// The view whose turn it is.
    var nextView: Int32? { turns.first }

    func isBusy(_ view: Int32) -> Bool { stacks[view] != nil }
    subscript(directory: Int32) -> DirectoryScan? { ofDirectory[directory] }

    mutating func push(_ scan: DirectoryScan) {
        ofDirectory[scan.directory] = scan
        if stacks[scan.view] == nil { turns.append(scan.view) }
        stacks[scan.view, default: []].append(scan)
    }

    /// The scan of a view that is gone on with; nil: there is none any more.
    mutating func top(_ view: Int32) -> DirectoryScan? {
        while let scan = stacks[view]?.last {
            if !scan.isOver { return scan }
            stacks[view]!.removeLast()
        }
        stacks[view] = nil
        turns.removeAll { $0 == view }
        return nil
    }

    /// The scan has used up a turn of its view alone: all others come first.
    mutating func sink(_ scan: DirectoryScan) {
        guard let place = stacks[scan.view]?.lastIndex(where: { $0 === scan }), place > 0 else { return }
        stacks[scan.view]!.remove(at: place)
        stacks[scan.view]!.insert(scan, at: 0)
    }

    /// The view had its turn, and has it again when all others have had theirs.
    mutating func rotate(_ view: Int32) {
        if turns.count > 1, turns[0] == view { turns.append(turns.removeFirst()) }
    }

    /// Nothing more of this scan; it leaves its stack when that comes to it.
    mutating func end(_ scan: DirectoryScan) {
        scan.phase = .over
        scan.listing = nil
        scan.names = NameList()
        if ofDirectory[scan.directory] === scan { ofDirectory[scan.directory] = nil }
    }
}
