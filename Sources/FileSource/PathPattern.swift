// Declared paths as patterns: literal components, globs and `**`, matched one directory level at a time.

/// One component of a pattern, matched against one file name (raw bytes).
package enum PatternComponent: Hashable, Sendable {
    case literal([UInt8])
    /// `*` any run, `?` any byte, `[a-z]` and `[!a-z]` classes. As in a shell, a leading dot is matched only literally.
    case glob([UInt8])
    /// `**`: any number of directories, none included. Links to directories are not followed below it.
    case anyDepth

    /// True when `name` fits this component; `anyDepth` fits every name that does not begin with a dot.
    package func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        switch self {
        case .literal(let bytes): return bytes.count == name.count && bytes.elementsEqual(name)
        case .anyDepth: return name.first != 0x2E
        case .glob(let pattern):
            if name.first == 0x2E, pattern.first != 0x2E { return false }
            return pattern.withUnsafeBufferPointer { globMatches($0, name) }
        }
    }
}

/// An absolute path with wildcards, split at slashes.
package struct PathPattern: Hashable, Sendable {
    package let components: [PatternComponent]

    /// Splits `text`; the caller has validated that it is absolute. Empty and `.` components vanish.
    package init(_ text: [UInt8]) {
        components = text.split(separator: 0x2F).filter { $0 != [0x2E] }.map { part in
            if part.elementsEqual([0x2A, 0x2A]) { return .anyDepth }
            let isGlob = part.contains { $0 == 0x2A || $0 == 0x3F || $0 == 0x5B }
            return isGlob ? .glob(Array(part)) : .literal(Array(part))
        }
    }

    package init(_ text: String) { self.init(Array(text.utf8)) }

    /// An absolute path, taken literally, and every file beside it whose name goes on behind it.
    package init(rotationsOf path: [UInt8]) {
        let names = path.split(separator: 0x2F)
        // In brackets every character stands for itself.
        let name = (names.last ?? []).flatMap { [0x2A, 0x3F, 0x5B].contains($0) ? [0x5B, $0, 0x5D] : [$0] }
        components = names.dropLast().map { .literal(Array($0)) } + [.glob(name + [0x2A])]
    }

    /// The literal components before the first wildcard, without the last one: the directory that holds all it can fit.
    var literalPrefix: [[UInt8]] {
        var names: [[UInt8]] = []
        for component in components.dropLast() {
            guard case .literal(let name) = component else { break }
            names.append(name)
        }
        return names
    }

    /// True when the pattern begins with the literal directory `path` and goes on below it.
    func isBelow(_ path: [UInt8]) -> Bool {
        let names = path.split(separator: 0x2F)
        return names.count < components.count
            && zip(names, components).allSatisfy { name, component in component == .literal(Array(name)) }
    }

    /// True when the pattern fits the whole of an absolute path. As in `globMatches`, only the last `**` is ever tried
    /// again: at most components x names steps.
    package func matches(path: [UInt8]) -> Bool {
        let names = path.split(separator: 0x2F)
        var place = 0
        var name = 0
        var anyDepth = -1
        var resumeAt = 0
        while name < names.count {
            if place < components.count, components[place] == .anyDepth {
                anyDepth = place
                resumeAt = name
                place += 1
            } else if place < components.count, fits(components[place], names[name]) {
                place += 1
                name += 1
            } else if anyDepth >= 0, fits(.anyDepth, names[resumeAt]) {
                resumeAt += 1
                name = resumeAt
                place = anyDepth + 1
            } else {
                return false
            }
        }
        return components[place...].allSatisfy { $0 == .anyDepth }
    }

    private func fits(_ component: PatternComponent, _ name: ArraySlice<UInt8>) -> Bool {
        name.withUnsafeBufferPointer(component.matches)
    }
}

/// Leaves files out: a pattern with a slash fits the whole path, one without fits the file's name.
package struct ExcludePattern: Hashable, Sendable {
    private let path: PathPattern?
    private let name: PatternComponent?

    package init(_ text: String) {
        if text.utf8.contains(0x2F) {
            path = PathPattern(text)
            name = nil
        } else {
            path = nil
            name = .glob(Array(text.utf8))
        }
    }

    package func matches(path whole: [UInt8], name leaf: UnsafeBufferPointer<UInt8>) -> Bool {
        if let path { return path.matches(path: whole) }
        return name!.matches(leaf)
    }
}

/// Matches one name against one glob, bytewise, with one point to fall back to: linear in practice, no recursion, so
/// that a hostile pattern or name cannot make it slow beyond pattern x name.
private func globMatches(_ pattern: UnsafeBufferPointer<UInt8>, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
    var inPattern = 0
    var inName = 0
    var star = -1
    var starName = 0
    while inName < name.count {
        if inPattern < pattern.count, pattern[inPattern] == 0x2A {
            star = inPattern
            starName = inName
            inPattern += 1
        } else if inPattern < pattern.count,
            let next = matchOne(pattern, at: inPattern, name[inName])
        {
            inPattern = next
            inName += 1
        } else if star >= 0 {
            starName += 1
            inName = starName
            inPattern = star + 1
        } else {
            return false
        }
    }
    while inPattern < pattern.count, pattern[inPattern] == 0x2A { inPattern += 1 }
    return inPattern == pattern.count
}

/// Matches one byte against `?`, a class or a literal; the place in the pattern behind it, or nil.
private func matchOne(_ pattern: UnsafeBufferPointer<UInt8>, at start: Int, _ byte: UInt8) -> Int? {
    if pattern[start] == 0x3F { return start + 1 }
    guard pattern[start] == 0x5B else { return pattern[start] == byte ? start + 1 : nil }
    var place = start + 1
    let negated = place < pattern.count && (pattern[place] == 0x21 || pattern[place] == 0x5E)
    if negated { place += 1 }
    var found = false
    var isFirst = true
    while place < pattern.count, pattern[place] != 0x5D || isFirst {
        isFirst = false
        let low = pattern[place]
        if place + 2 < pattern.count, pattern[place + 1] == 0x2D, pattern[place + 2] != 0x5D {
            if low <= byte, byte <= pattern[place + 2] { found = true }
            place += 3
        } else {
            if low == byte { found = true }
            place += 1
        }
    }
    // A bracket that is never closed stands for itself.
    guard place < pattern.count else { return byte == 0x5B ? start + 1 : nil }
    return found != negated ? place + 1 : nil
}
