// What a run of inotify events says about names, before it is compared with what the directories hold now.
internal import LinuxIO

/// A name in a directory node.
struct EntryName: Hashable {
    let directory: Int32
    let name: [UInt8]
}

/// A declared file that was made but not looked at yet: it may have been renamed since.
struct UnseenFile {
    /// The path it was made at, which names its stream.
    let livePath: RawPath
    let declarations: [Int32]
    /// Position among the unseen, oldest first.
    let order: Int
    /// Slots of the file that was made next at the same path, as far as that is known.
    var successors: [Int32] = []
    /// No event told of it: it has the name that its successor was said to be renamed to.
    var isInferred: Bool { order < 0 }
}

/// Connects the two halves of a rename in one view: views that share a directory see it each for itself.
struct MoveKey: Hashable {
    let cookie: UInt32
    let view: Int32
}

/// Events are followed by name only, because the directories are ahead of them: when `app.log` was rotated five times
/// between two looks, only the events tell which of `app.log.1` … `app.log.5` was which. Owned by the tailer; empty
/// between two calls of `handleEvents`.
struct NameChanges {
    /// First halves of renames: the slots and the unseen file that had the name.
    var moves: [MoveKey: (slots: [Int32], unseen: UnseenFile?)] = [:]
    /// Unseen files by the name they have now.
    var unseen: [EntryName: UnseenFile] = [:]
    /// Unseen files that were deleted before they could be looked at.
    var lost: [UnseenFile] = []
    /// Names to be compared with the directory, in the order of their first change.
    private(set) var entries: [EntryName] = []
    private var marked: Set<EntryName> = []
    private var made = 0

    var isEmpty: Bool { entries.isEmpty && moves.isEmpty }

    mutating func mark(_ entry: EntryName) {
        if marked.insert(entry).inserted { entries.append(entry) }
    }

    /// The node is gone: files that were made in it and not looked at are lost.
    mutating func abandon(_ directory: Int32) {
        guard !unseen.isEmpty else { return }
        for (entry, file) in unseen where entry.directory == directory {
            unseen[entry] = nil
            lost.append(file)
        }
    }

    mutating func make(_ path: RawPath, _ declarations: [Int32]) -> UnseenFile {
        made += 1
        return UnseenFile(livePath: path, declarations: declarations, order: made)
    }
}
