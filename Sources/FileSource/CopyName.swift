// Which file a copy with a given name may have been made of.

/// Rotation adds a number or a date to a name: behind it, or before its extension.
enum CopyName {
    private static let separators: Set<UInt8> = Set(".-_~@ ".utf8)

    /// What names of copies begin with: the name up to its extension.
    static func stem(_ name: [UInt8]) -> ArraySlice<UInt8> {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return name[...] }
        return name[..<dot]
    }

    /// `name` with something behind it, or a number or date behind its stem: not just another log's name that begins so.
    static func isOfCopy(_ entry: [UInt8], of name: [UInt8]) -> Bool {
        let stem = stem(name)
        guard entry.count > stem.count, entry.starts(with: stem), separators.contains(entry[stem.count]) else {
            return false
        }
        return entry.starts(with: name) || entry.dropFirst(stem.count).contains { (0x30...0x39).contains($0) }
    }

    /// Names of files that `name` may be a copy of: `app.log` for app.log.1, app.log-20260101 and app-20260101.log.
    static func originals(_ name: [UInt8]) -> [[UInt8]] {
        let ends = name.indices.filter { $0 > 0 && separators.contains(name[$0]) }
        guard let last = name.lastIndex(of: UInt8(ascii: ".")) else { return ends.map { Array(name[..<$0]) } }
        let fileExtension = name[last...]
        return ends.flatMap { end in
            end < last ? [Array(name[..<end]), Array(name[..<end] + fileExtension)] : [Array(name[..<end])]
        }
    }
}
