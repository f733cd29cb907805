// One log as its application writes and rotates it, and what was written: the manifest of a round.
import Glibc
import LinuxIO
import TestSupport

/// One line as its writer knows it.
struct WrittenLine: Sendable {
    enum Kind: Sendable {
        case whole
        /// Longer than `limits.line_total`: only its beginning can arrive.
        case oversize
        /// The broker refuses it for what it is.
        case poison
    }

    /// Which content of the log it is part of: rotation and truncation begin another one.
    let content: UInt32
    /// First byte in that content.
    let offset: UInt64
    /// With its newline.
    let length: UInt32
    let kind: Kind
}

/// A log. Used by one thread at a time; owns the descriptor until `end`.
struct TortureStream: Sendable {
    let number: UInt32
    let rotation: Rotation
    let directory: String
    private(set) var lines: [WrittenLine] = []
    /// Lines that must arrive whole.
    private(set) var wholeLines: UInt64 = 0
    private(set) var content: UInt32 = 0
    /// End of the present content.
    private(set) var size: UInt64 = 0
    /// Rest of a line whose beginning is already in the file.
    private var rest: [UInt8] = []
    private var descriptor: Int32 = -1
    /// Renamed files, oldest first.
    var rotated: [String] = []
    private var rotations = 0
    /// Bursts that still go into the file that was renamed away.
    private var lateBursts = 0

    init(number: UInt32, rotation: Rotation, directory: String) throws {
        self.number = number
        self.rotation = rotation
        self.directory = directory
        descriptor = try open()
    }

    var path: String { rotation == .dated ? "\(directory)/app-\(rotations).log" : "\(directory)/app.log" }
    /// What a file looks like to `status`: its live path.
    var isWhole: Bool { rest.isEmpty }

    mutating func end() {
        close(descriptor)
        descriptor = -1
    }

    // MARK: Writing

    /// Writes `count` lines of random lengths; the last one perhaps only in part, until the next burst.
    mutating func burst(_ count: Int, hasPoison: Bool, _ random: inout SeededGenerator) throws {
        var bytes = rest
        rest = []
        for _ in 0..<count { append(kind(hasPoison, &random), to: &bytes, &random) }
        if count > 0, random.once(in: 20) {
            let cut = random.number(1...min(60, bytes.count - 1))
            rest = Array(bytes.suffix(cut))
            bytes.removeLast(cut)
        }
        try writeAll(bytes, to: descriptor)
        if lateBursts > 0 {
            lateBursts -= 1
            if lateBursts == 0 {
                try finishLine()
                try begin()
            }
        }
    }

    /// The rest of a line that was begun.
    mutating func finishLine() throws {
        try writeAll(rest, to: descriptor)
        rest = []
    }

    /// The first line of the present content that must arrive whole.
    var firstLine: NumberedLine? {
        guard let start = lines.lastIndex(where: { $0.content < content }).map({ $0 + 1 }) ?? lines.indices.first,
            let first = lines[start...].firstIndex(where: { $0.kind == .whole })
        else { return nil }
        return NumberedLine(file: number, sequence: UInt64(first))
    }

    private func kind(_ hasPoison: Bool, _ random: inout SeededGenerator) -> WrittenLine.Kind {
        if random.once(in: 700) { return .oversize }
        return hasPoison && random.once(in: 5000) ? .poison : .whole
    }

    private mutating func append(_ kind: WrittenLine.Kind, to bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let before = bytes.count
        let sequence = UInt64(lines.count)
        let filler: Int
        switch kind {
        case .oversize: filler = random.number(TortureStory.lineTotal + 100...2 * TortureStory.lineTotal)
        case .whole where random.once(in: 200): filler = random.number(TortureStory.lineLimit...24_000)
        case .whole, .poison: filler = random.number(0...320)
        }
        NumberedLines.append(
            file: number, sequence: sequence, filler: filler, from: random.number(0...63),
            mark: kind == .poison ? TortureWorld.poison + " " : "", to: &bytes)
        bytes.append(0x0A)
        let length = bytes.count - before
        lines.append(WrittenLine(content: content, offset: size, length: UInt32(length), kind: kind))
        size += UInt64(length)
        if kind == .whole { wholeLines += 1 }
    }

    // MARK: Rotation

    /// Rotates as the stream's kind does, where that may be now: `allArrived` tells whether every line has come back.
    /// `refill` and `truncate` are steps of their own.
    /// A file that leaves its pattern must have been met before: nobody would look for it elsewhere.
    mutating func rotate(allArrived: Bool, isKnown: Bool) throws {
        guard lateBursts == 0, size > 0, rotation != .renameOut || isKnown else { return }
        switch rotation {
        case .rename, .compress: try moveAway(to: "app.log.\(rotations)")
        case .renameOut: try moveAway(to: "old-app.\(rotations)")
        case .late:
            try move(to: "app.log.\(rotations)")
            lateBursts = 2
        case .chain: try shift()
        case .dated:
            try finishLine()
            rotated.append(path)
            try begin()
        case .copyTruncate: if allArrived || content == 0 { try copyAndTruncate() }
        case .delete:
            guard allArrived else { return }
            try finishLine()
            unlink(path)
            try begin()
        case .refill, .truncate: return
        }
        if allArrived { dropOldest() }
    }

    /// Truncates and writes more than was there.
    mutating func refill(_ random: inout SeededGenerator) throws {
        let former = size
        try truncate()
        while size <= former { try burst(20, hasPoison: false, &random) }
        try finishLine()
    }

    /// Cuts the file to nothing. Lines that were in it and were not read are lost.
    mutating func truncate() throws {
        try finishLine()
        try retryingInterrupts("ftruncate", path) { ftruncate(descriptor, 0) }
        nextContent()
    }

    private mutating func moveAway(to name: String) throws {
        try move(to: name)
        try begin()
    }

    private mutating func move(to name: String) throws {
        try finishLine()
        let target = "\(directory)/\(name)"
        try retryingInterrupts("rename", path) { Glibc.rename(path, target) }
        rotated.append(target)
        rotations += 1
    }

    /// Another file at the live path; the manifest's next content.
    private mutating func begin() throws {
        close(descriptor)
        if rotation == .dated { rotations += 1 }
        if rotation == .delete { rotations += 1 }
        nextContent()
        descriptor = try open()
    }

    private mutating func nextContent() {
        content += 1
        size = 0
    }

    private mutating func shift() throws {
        try finishLine()
        for number in stride(from: rotated.count, to: 0, by: -1) {
            let (from, to) = ("\(directory)/app.log.\(number)", "\(directory)/app.log.\(number + 1)")
            try retryingInterrupts("rename", from) { Glibc.rename(from, to) }
        }
        try retryingInterrupts("rename", path) { Glibc.rename(path, "\(directory)/app.log.1") }
        rotated.insert("\(directory)/app.log.\(rotated.count + 1)", at: 0)
        try begin()
    }

    private mutating func copyAndTruncate() throws {
        try finishLine()
        let target = "\(directory)/app.log.\(rotations)"
        rotations += 1
        let copy = FileDescriptor(
            owning: try retryingInterrupts("open", target) {
                Glibc.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            })
        try writeAll(try readWholeFile(path), to: copy.raw)
        rotated.append(target)
        try truncate()
    }

    /// Old files go, four stay: what they held has arrived.
    private mutating func dropOldest() {
        while rotated.count > 4 { unlink(rotated.removeFirst()) }
    }

    private func open() throws -> Int32 {
        try retryingInterrupts("open", path) { Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) }
    }
}
