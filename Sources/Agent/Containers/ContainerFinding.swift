// What the file system says about a container's mounts and declared directories.
internal import Core
internal import FileSource
internal import LinuxIO

/// Names in a directory of a container, or why there are none.
enum DirectoryListing: Sendable, Equatable {
    struct Name: Sendable, Equatable {
        let bytes: RawPath
        let isDirectory: Bool
    }
    /// Regular files and directories; 1,000 at most.
    case names([Name])
    case missing
    case unreachable(String)
}

/// Mounts of one container, and what is where its declarations look. Made by blocking calls; a value.
struct ContainerFinding: Sendable {
    var mounts: [MountReport] = []
    /// By the declaration's name: files that fit, where no engine was asked.
    var matches: [String: [String]] = [:]
    /// By the declaration's name: what to do about a pattern that nothing fits.
    var hints: [String: String] = [:]
}

/// Looks for files by a pattern, one directory after the other. `list` is asked with paths in the container.
struct ContainerSearch {
    let list: (RawPath) -> DirectoryListing
    private static let matchLimit = 100
    private static let directoryLimit = 500
    /// Directories that a hint looks into.
    private static let placeLimit = 32

    /// Paths of files that fit `pattern`, sorted; at most 100, from at most 500 directories.
    func matches(_ pattern: PathPattern, excludes: [ExcludePattern]) -> [RawPath] {
        var found: [RawPath] = []
        var directories = [ContainerSearch.literalDirectory(pattern)]
        var visited = 0
        while let directory = directories.popLast(), visited < ContainerSearch.directoryLimit {
            visited += 1
            guard case .names(let names) = list(directory) else { continue }
            for name in names {
                let path = (directory == [0x2F] ? [] : directory) + [0x2F] + name.bytes
                if name.isDirectory {
                    if mayLead(path, to: pattern) { directories.append(path) }
                } else if pattern.matches(path: path), !isExcluded(path, name.bytes, excludes) {
                    found.append(path)
                    if found.count == ContainerSearch.matchLimit { return found }
                }
            }
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// What is there instead of a file that fits one of `patterns`, as advice; nil when one fits. `key` and `excludeKey` are
    /// the labels to write.
    func hint(
        _ patterns: [PathPattern], excludes: [ExcludePattern] = [], key: String, excludeKey: String = "exclude"
    ) -> String? {
        var places: [RawPath] = []
        for place in patterns.map(ContainerSearch.literalDirectory) where !places.contains(place) {
            places.append(place)
        }
        let listings = places.prefix(ContainerSearch.placeLimit).map { (place: $0, listing: list($0)) }
        let fitting = listings.flatMap { files(fitting: patterns, in: $0.place, $0.listing) }
        guard fitting.isEmpty else {
            guard fitting.allSatisfy({ isExcluded($0.path, $0.name.bytes, excludes) }) else { return nil }
            return "what fits is left out by \(excludeKey): \(ContainerSearch.some(fitting.map(\.name)))"
        }
        // Of a path that may be a file or a directory the directory says more than the one above.
        let deepest = listings.filter { place, _ in !places.contains { ContainerSearch.isBelow($0, place) } }
        for case (let place, .names(let names)) in deepest { return instead(place, names, key) }
        for case (_, .unreachable(let reason)) in deepest { return reason }
        return deepest.first.flatMap { missing($0.place, key) }
    }

    private func files(
        fitting patterns: [PathPattern], in place: RawPath, _ listing: DirectoryListing
    ) -> [(path: RawPath, name: DirectoryListing.Name)] {
        guard case .names(let names) = listing else { return [] }
        return names.filter { !$0.isDirectory }.compactMap { name in
            let path = (place == [0x2F] ? [] : place) + [0x2F] + name.bytes
            return patterns.contains { $0.matches(path: path) } ? (path, name) : nil
        }
    }

    private func instead(_ directory: RawPath, _ names: [DirectoryListing.Name], _ key: String) -> String {
        let place = printable(directory)
        let files = names.filter { !$0.isDirectory }
        if names.isEmpty { return "\(place) is there and empty: the application has written nothing" }
        if files.isEmpty { return "\(place) has directories only: \(ContainerSearch.some(names))" }
        return "files in \(place) now: \(ContainerSearch.some(files))" + advice(directory, files, key)
    }

    private func advice(_ directory: RawPath, _ files: [DirectoryListing.Name], _ key: String) -> String {
        guard directory != [0x2F], let glob = ContainerSearch.commonGlob(files) else { return "" }
        return ". To collect them write \(key): \(printable(directory))/\(glob)"
    }

    /// The nearest directory above that is there.
    private func missing(_ directory: RawPath, _ key: String) -> String? {
        var above = directory
        while above.count > 1 {
            above = Array(above[..<(above.lastIndex(of: 0x2F) ?? 0)])
            if above.isEmpty { above = [0x2F] }
            guard case .names(let names) = list(above) else { continue }
            let there = names.isEmpty ? "is empty" : "has \(ContainerSearch.some(names))"
            return "there is no \(printable(directory)) in the container; \(printable(above)) \(there)"
                + advice(above, names.filter { !$0.isDirectory }, key)
        }
        return nil
    }

    private static func isBelow(_ path: RawPath, _ directory: RawPath) -> Bool {
        path != directory && path.starts(with: directory == [0x2F] ? directory : directory + [0x2F])
    }

    private func mayLead(_ path: RawPath, to pattern: PathPattern) -> Bool {
        for (component, name) in zip(pattern.components, path.split(separator: 0x2F)) {
            if component == .anyDepth { return true }
            if !name.withUnsafeBufferPointer(component.matches) { return false }
        }
        return path.split(separator: 0x2F).count < pattern.components.count
    }

    private func isExcluded(_ path: RawPath, _ name: RawPath, _ excludes: [ExcludePattern]) -> Bool {
        name.withUnsafeBufferPointer { name in excludes.contains { $0.matches(path: path, name: name) } }
    }

    /// The directory before the first wildcard and before the file's name.
    static func literalDirectory(_ pattern: PathPattern) -> RawPath { literal(pattern.components.dropLast()) }

    /// The path before the first wildcard.
    static func literalPath(_ pattern: PathPattern) -> RawPath { literal(pattern.components[...]) }

    private static func literal(_ components: ArraySlice<PatternComponent>) -> RawPath {
        var path: RawPath = []
        for component in components {
            guard case .literal(let name) = component else { break }
            path += [0x2F] + name
        }
        return path.isEmpty ? [0x2F] : path
    }

    /// The first names, for people.
    private static func some(_ names: [DirectoryListing.Name]) -> String {
        let sorted = names.map { printable($0.bytes) + ($0.isDirectory ? "/" : "") }.sorted()
        let shown = sorted.prefix(8).map { $0.count <= 60 ? $0 : $0.prefix(57) + "..." }.joined(separator: ", ")
        return sorted.count > 8 ? "\(shown) and \(sorted.count - 8) more" : shown
    }

    /// `*.out`, when the files have one extension of letters and digits in common.
    private static func commonGlob(_ files: [DirectoryListing.Name]) -> String? {
        let extensions = Set(
            files.map { file -> RawPath in
                guard let dot = file.bytes.lastIndex(of: 0x2E), dot > 0 else { return [] }
                return Array(file.bytes[(dot + 1)...])
            })
        guard extensions.count == 1, let common = extensions.first, !common.isEmpty, common.count <= 10 else {
            return nil
        }
        let isPlain = common.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        return isPlain ? "*." + String(decoding: common, as: UTF8.self) : nil
    }
}
