// What the writers did: every file with all its contents, beside the real directory they are in.
import CLinux
import Core
import Glibc
import LinuxIO
import TestSupport

/// One content of a file, from creation or truncation to its end.
struct ModelContent {
    var bytes: [UInt8] = []
    /// Steps in which it began and ended.
    let began: Int
    var ended: Int?
    /// So much was there to be read at a moment the engine looked.
    var due = 0
    /// From here on nothing can tell that it was cut off: it had grown beyond what was known when the engine looked again.
    var untold = Int.max
    /// The file it was copied from, and in which step: when that is cut off afterwards, the copy may count as the rest of
    /// it.
    var origin: (key: ModelFile.Key, step: Int)?
    /// Older files that were overwritten with this content, and in which step. Nothing tells such a pair from an original
    /// and the copy that was made of it: when the older one is cut off afterwards, this one may count as the rest of it.
    var twins: [(key: ModelFile.Key, step: Int)] = []
}

/// One inode. Contents follow each other in it.
final class ModelFile {
    /// Inode and birth time: what the kernel tells. An inode that is given again in the same tick is the same file.
    struct Key: Hashable {
        let inode: UInt64
        let born: Int64
    }

    let key: Key
    var names: Set<String> = []
    var contents: [ModelContent]
    /// The engine follows it.
    var isFollowed = false
    /// It got a declared name since the engine looked.
    var isMade = false
    /// Written where no event tells of it: the next slow walk does.
    var isQuiet = false
    var wasCut = false
    var wasLinked = false
    var wasLetGo = false
    var wasNameless = false
    /// Contents that were cut off at a length and may regrow unnoticed: their number, the length.
    var cuts: [(content: Int, length: Int)] = []

    init(_ key: Key, step: Int) {
        self.key = key
        contents = [ModelContent(began: step)]
    }

    var last: Int { contents.count - 1 }
    var size: Int { contents[last].bytes.count }

    /// A new content begins with the first `length` bytes of the old one.
    func cut(to length: Int, step: Int) {
        let kept = Array(contents[last].bytes.prefix(length))
        if length < size || length == 0 && size > 0 { wasCut = true }
        contents[last].ended = step
        cuts.append((last, length))
        contents.append(ModelContent(bytes: kept, began: step))
        // What is left of a copy is one still.
        if length > 0 { contents[last].origin = contents[last - 1].origin }
    }
}

/// A real directory and what is in it.
final class ModelDirectory {
    let directory: TemporaryDirectory
    let setting: ModelSetting
    private(set) var files: [ModelFile] = []
    /// Names in use.
    private(set) var file: [String: ModelFile] = [:]
    private var byKey: [ModelFile.Key: ModelFile] = [:]
    private var held: (descriptor: Int32, file: ModelFile)?
    private var next = 0
    /// Directories that were made since the engine looked: no event tells what happened in them.
    var fresh: Set<String> = []
    /// Number of the present step.
    var step = 0

    init(_ setting: ModelSetting) throws {
        self.setting = setting
        directory = try TemporaryDirectory()
        for name in setting.directories { try directory.makeDirectory(name) }
    }

    deinit { if let held { close(held.descriptor) } }

    /// Does a step of the writers; false when it is one of the engine's.
    func apply(_ step: ModelStep) throws -> Bool {
        switch step {
        case .append(let name, let lines, let ends): try append(name, lines, ends)
        case .hold(let name): hold(name)
        case .writeHeld(let lines): try writeHeld(lines)
        case .releaseHeld: releaseHeld()
        case .rename(let old, let new): move(old, new)
        case .rotate(let name, let depth):
            for number in stride(from: depth, to: 1, by: -1) { move("\(name).\(number - 1)", "\(name).\(number)") }
            move(name, name + ".1")
        case .truncate(let name, let percent): truncate(name, percent)
        case .copy(let old, let new): try copy(old, new)
        case .copyTruncate(let old, let new, let late):
            guard try copy(old, new) else { return true }
            if late > 0 { try append(old, late, true) }
            truncate(old, 0)
        case .link(let old, let new): link(old, new)
        case .delete(let name): delete(name)
        case .removeDirectory(let name): removeDirectory(name)
        case .renameDirectory(let old, let new): moveDirectory(old, new)
        default: return false
        }
        return true
    }

    /// Lines `#number:xxx`; no two are the same.
    private func text(_ lines: Int, _ ends: Bool) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<lines {
            next += 1
            text += Array("#\(next):".utf8) + [UInt8](repeating: 0x78, count: next * 7 % 40) + [0x0A]
        }
        if !ends { text.removeLast() }
        return text
    }

    private func append(_ name: String, _ lines: Int, _ ends: Bool) throws {
        let place = directory.path(name)
        let isNew = file[name] == nil
        if isNew { try makeDirectory(split(name).directory) }
        let descriptor = open(place, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        precondition(descriptor >= 0, "open \(place): \(errno)")
        defer { close(descriptor) }
        if isNew { made(name) }
        try write(text(lines, ends), descriptor, file[name]!, through: name)
    }

    /// A name was made: the kernel says for which file.
    private func made(_ name: String) {
        guard case .success(let status) = FileSystem.status(Array(directory.path(name).utf8)) else {
            preconditionFailure("status \(name)")
        }
        let key = ModelFile.Key(inode: status.inode, born: status.born_ns)
        if let known = byKey[key] {
            if known.names.isEmpty {
                known.wasCut = true
                known.cut(to: 0, step: step)
            }
            name_(known, name)
        } else {
            let new = ModelFile(key, step: step)
            byKey[key] = new
            files.append(new)
            name_(new, name)
        }
    }

    private func name_(_ file: ModelFile, _ name: String) {
        if let old = self.file[name] { unname(old, name) }
        file.names.insert(name)
        self.file[name] = file
        if fresh.contains(split(name).directory) {
            file.isMade = false
        } else if setting.isDeclared(name) {
            file.isMade = true
        }
    }

    private func unname(_ file: ModelFile, _ name: String) {
        file.names.remove(name)
        self.file[name] = nil
        if !isInSight(file) { file.wasNameless = true }
    }

    /// It has a name of which events tell.
    func isInSight(_ file: ModelFile) -> Bool { file.names.contains { setting.isWatched(split($0).directory) } }
    func isDeclared(_ file: ModelFile) -> Bool { file.names.contains { setting.isDeclared($0) } }

    private func write(_ bytes: [UInt8], _ descriptor: Int32, _ file: ModelFile, through name: String?) throws {
        try writeAll(bytes, to: descriptor)
        file.contents[file.last].bytes += bytes
        if file.names.count > 1 || name.map({ !setting.isWatched(split($0).directory) }) ?? true { file.isQuiet = true }
    }

    private func hold(_ name: String) {
        guard let file = file[name] else { return }
        releaseHeld()
        held = (open(directory.path(name), O_WRONLY | O_APPEND | O_CLOEXEC), file)
    }

    private func writeHeld(_ lines: Int) throws {
        guard let held else { return }
        try write(text(lines, true), held.descriptor, held.file, through: held.file.names.first)
    }

    private func releaseHeld() {
        if let held { close(held.descriptor) }
        held = nil
    }

    private func move(_ old: String, _ new: String) {
        guard let moved = file[old], old != new, file[new] !== moved, isDirectory(split(new).directory) else { return }
        directory.rename(old, new)
        unname(moved, old)
        name_(moved, new)
    }

    private func makeDirectory(_ name: String) throws {
        guard !isDirectory(name) else { return }
        fresh.insert(name)
        try directory.makeDirectory(name)
    }

    private func isDirectory(_ name: String) -> Bool { access(directory.path(name), F_OK) == 0 }

    private func truncate(_ name: String, _ percent: Int) {
        guard let file = file[name] else { return }
        let length = file.size * percent / 100
        guard length < file.size else { return }
        directory.truncate(name, to: length)
        file.cut(to: length, step: step)
        if !setting.isWatched(split(name).directory) || file.names.count > 1 { file.isQuiet = true }
    }

    /// cp: a file that stands at the new name is emptied and written.
    @discardableResult
    private func copy(_ old: String, _ new: String) throws -> Bool {
        guard let source = file[old], file[new] !== source, isDirectory(split(new).directory) else { return false }
        let descriptor = open(directory.path(new), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        precondition(descriptor >= 0, "open \(new): \(errno)")
        defer { close(descriptor) }
        if let target = file[new] {
            if target.size > 0 { target.cut(to: 0, step: step) }
            if target.key.born <= source.key.born { source.contents[source.last].twins.append((target.key, step)) }
        } else {
            made(new)
        }
        try write(source.contents[source.last].bytes, descriptor, file[new]!, through: new)
        file[new]!.contents[file[new]!.last].origin = (source.key, step)
        return true
    }

    private func link(_ old: String, _ new: String) {
        guard let linked = file[old], file[new] == nil, isDirectory(split(new).directory) else { return }
        directory.link(old, new)
        linked.wasLinked = true
        name_(linked, new)
    }

    private func delete(_ name: String) {
        guard let gone = file[name] else { return }
        directory.delete(name)
        unname(gone, name)
        // A hard link that came and went unseen is announced by its name; nothing tells which other name its file has.
        if gone.wasLinked, setting.isDeclared(name), !isDeclared(gone) { gone.isMade = false }
    }

    private func removeDirectory(_ name: String) {
        guard isDirectory(name), !hasDirectoryBelow(name) else { return }
        for entry in file.keys.sorted() where split(entry).directory == name { delete(entry) }
        directory.removeDirectory(name)
    }

    private func hasDirectoryBelow(_ name: String) -> Bool {
        setting.directories.contains { $0.hasPrefix(name + "/") && isDirectory($0) }
    }

    private func moveDirectory(_ old: String, _ new: String) {
        guard isDirectory(old), !isDirectory(new), !new.hasPrefix(old + "/"), !hasDirectoryBelow(old),
            isDirectory(split("/" + new).directory.isEmpty ? "" : String(split("/" + new).directory.dropFirst()))
        else { return }
        directory.rename(old, new)
        fresh.formUnion([old, new])
        for name in file.keys.sorted() where split(name).directory == old {
            let moved = file[name]!
            unname(moved, name)
            name_(moved, new + "/" + split(name).name)
        }
    }
}
