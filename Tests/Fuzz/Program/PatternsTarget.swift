// Patterns: they fit what glob(7) says they fit, whatever bytes pattern and path have.
@testable internal import FileSource
internal import Glibc

/// The input is a pattern, a line feed, and a path.
enum PatternsTarget {
    static func check(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        // The slow way takes each `**` in every way.
        let isSmall = bytes.count < 200 && bytes.count { $0 == 0x2A } < 12
        guard parts.count == 2, !bytes.contains(0), isSmall else { return }
        let path = Array(parts[1])
        let pattern = PathPattern(Array(parts[0]))
        let names = path.split(separator: 0x2F).map { Array($0) }
        guard let fits = fits(pattern.components[...], names[...]) else { return }
        expect(pattern.matches(path: path) == fits, "it should be \(fits)")
        // A pattern that is no text is never declared.
        if let text = String(validating: parts[0], as: UTF8.self), text.utf8.first == 0x2F, let name = names.last {
            let excludes = name.withUnsafeBufferPointer { ExcludePattern(text).matches(path: path, name: $0) }
            expect(excludes == fits, "as what is left out it should be \(fits)")
        }
    }

    /// Slowly, with every way to take `**`; nil where glob(7) leaves it open.
    private static func fits(_ pattern: ArraySlice<PatternComponent>, _ names: ArraySlice<[UInt8]>) -> Bool? {
        guard let component = pattern.first else { return names.isEmpty }
        switch component {
        case .anyDepth:
            var answer = fits(pattern.dropFirst(), names)
            if answer == false, let name = names.first, name.first != 0x2E { answer = fits(pattern, names.dropFirst()) }
            return answer
        case .literal(let text):
            guard let name = names.first else { return false }
            return name == text ? fits(pattern.dropFirst(), names.dropFirst()) : false
        case .glob(let glob):
            // POSIX classes, and `]` or `-` in odd places, mean other things to other matchers.
            guard !isOdd(glob) else { return nil }
            guard let name = names.first else { return false }
            guard let rest = fits(pattern.dropFirst(), names.dropFirst()) else { return nil }
            return rest && fnmatch(glob, name)
        }
    }

    private static func isOdd(_ glob: [UInt8]) -> Bool {
        zip(glob, glob.dropFirst()).contains { one, next in
            one == 0x5B && ".:=]![^".utf8.contains(next) || one == 0x2D && next == 0x5D
        } || glob.contains(0x5B) && (glob.contains(0x5C) || glob.contains { $0 >= 0x80 } || isUnclosed(glob))
    }

    private static func isUnclosed(_ glob: [UInt8]) -> Bool {
        var rest = glob[...]
        while let open = rest.firstIndex(of: 0x5B) {
            guard let close = rest[(open + 1)...].firstIndex(of: 0x5D) else { return true }
            let set = Array(rest[(open + 1)..<close])
            if set.isEmpty || set.contains(0x5B) || set.contains(0x2D) && !isPlainRange(set) { return true }
            rest = rest[(close + 1)...]
        }
        return false
    }

    /// `a-z` and nothing else.
    private static func isPlainRange(_ set: [UInt8]) -> Bool {
        set.count == 3 && set[1] == 0x2D && set[0] != 0x2D && set[2] != 0x2D && set[0] <= set[2]
    }

    private static func fnmatch(_ glob: [UInt8], _ name: [UInt8]) -> Bool {
        let (glob, name) = ((glob + [0]).map { CChar(bitPattern: $0) }, (name + [0]).map { CChar(bitPattern: $0) })
        return Glibc.fnmatch(glob, name, FNM_PERIOD | FNM_NOESCAPE) == 0
    }
}
