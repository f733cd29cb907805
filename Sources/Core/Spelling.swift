// Did you mean: the known name nearest to a misspelt one.

/// Edit distance over names: keys of the configuration, labels of containers.
package enum Spelling {
    /// The candidate with the fewest edits, if that is few for the length of the word; else one that begins with
    /// the word. nil for words over 64 bytes.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let letters = Array(word.lowercased().utf8)
        guard (2...64).contains(letters.count) else { return nil }
        var best: (name: String, edits: Int)?
        for candidate in candidates {
            let length = candidate.utf8.count
            let allowed = max(1, min(letters.count, length) / 3)
            guard abs(length - letters.count) <= allowed else { continue }
            let edits = distance(letters, Array(candidate.utf8))
            if edits <= allowed, edits < best?.edits ?? .max { best = (candidate, edits) }
        }
        if let best { return best.name }
        return candidates.first { word.utf8.count >= 4 && $0.hasPrefix(word.lowercased()) }
    }

    /// Insertions, deletions, substitutions and swaps of neighbours that lead from one word to the other
    /// (optimal string alignment).
    package static func distance(_ from: [UInt8], _ to: [UInt8]) -> Int {
        if from.isEmpty || to.isEmpty { return max(from.count, to.count) }
        var beforeLast: [Int] = []
        var last = Array(0...to.count)
        for row in 1..<(from.count + 1) {
            var current = [row]
            for column in 1..<(to.count + 1) {
                let same = from[row - 1] == to[column - 1]
                var edits = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1))
                if row > 1, column > 1, from[row - 1] == to[column - 2], from[row - 2] == to[column - 1] {
                    edits = min(edits, beforeLast[column - 2] + 1)
                }
                current.append(edits)
            }
            beforeLast = last
            last = current
        }
        return last[to.count]
    }
}

/// Text of a user for a message: in quotes, at most 64 characters of it. Not escaped for a terminal.
package func quoted(_ text: some StringProtocol) -> String {
    let head = text.unicodeScalars.prefix(64)
    var shown = String(String.UnicodeScalarView(head))
    if head.endIndex != text.unicodeScalars.endIndex { shown += "…" }
    return "\"\(shown)\""
}
