// The node tree of a YAML file, with the position of every key and value.
internal import Core

/// One value of a YAML file. At most 64 levels deep, so recursion over it is safe.
struct YAMLNode: Sendable {
    /// Keys in the order of the file; no key twice.
    struct Entry: Sendable {
        let key: String
        let keyPosition: Position
        var value: YAMLNode
    }

    /// A scalar: `source` as the file has it, `text` with variables replaced by the environment's values.
    struct Scalar: Sendable {
        let source: String
        var text: String
        /// Nothing, `~` or `null` without quotes: the key counts as left out.
        let isNull: Bool
    }

    enum Content: Sendable {
        case scalar(Scalar)
        case sequence([YAMLNode])
        case mapping([Entry])
        /// Something the reader has already refused with a diagnostic (an alias); nobody complains about it again.
        case refused
    }

    let position: Position
    var content: Content

    /// The kind of value in words, for messages.
    var kind: String {
        switch content {
        case .scalar(let scalar): scalar.isNull ? "nothing" : quoted(scalar.source)
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .refused: "something refused"
        }
    }

    /// True for what counts as left out: null, and what was refused already.
    var isAbsent: Bool {
        switch content {
        case .scalar(let scalar): scalar.isNull
        case .refused: true
        case .sequence, .mapping: false
        }
    }

    static func null(_ position: Position) -> YAMLNode {
        YAMLNode(position: position, content: .scalar(Scalar(source: "", text: "", isNull: true)))
    }
}

extension YAMLNode {
    /// This tree with a later file's tree laid over it: maps merge, lists append, of two scalars the later wins.
    /// A null changes nothing in a map or a list; different kinds under one key are a problem.
    func merged(with later: YAMLNode, path: String, problems: Problems) -> YAMLNode {
        switch (content, later.content) {
        case (.mapping(let mine), .mapping(let theirs)):
            return YAMLNode(
                position: position, content: .mapping(merge(mine, theirs, path: path, problems: problems)))
        case (.sequence(let mine), .sequence(let theirs)):
            return YAMLNode(position: position, content: .sequence(mine + theirs))
        case (.scalar(let mine), _) where mine.isNull: return later
        case (.refused, _): return later
        case (.mapping, .scalar(let theirs)) where theirs.isNull: return self
        case (.sequence, .scalar(let theirs)) where theirs.isNull: return self
        case (_, .refused): return self
        case (.scalar, .scalar): return later
        default:
            let name = path.isEmpty ? "the file" : path
            problems.add(
                later.position,
                "\(name) is \(later.kind) here but \(kind) at \(position.file):\(position.line):\(position.column)",
                "write the same kind of value in both files, or keep only one of them")
            return self
        }
    }

    private func merge(_ mine: [Entry], _ theirs: [Entry], path: String, problems: Problems) -> [Entry] {
        var merged = mine
        var places: [String: Int] = [:]
        for (index, entry) in mine.enumerated() { places[entry.key] = index }
        for entry in theirs {
            guard let place = places[entry.key] else {
                places[entry.key] = merged.count
                merged.append(entry)
                continue
            }
            let value = merged[place].value.merged(
                with: entry.value, path: dotted(path, entry.key), problems: problems)
            let moved = value.position == entry.value.position
            merged[place] = Entry(
                key: entry.key, keyPosition: moved ? entry.keyPosition : merged[place].keyPosition, value: value)
        }
        return merged
    }
}

/// `section.key`, or the key alone at the top.
func dotted(_ section: String, _ key: String) -> String { section.isEmpty ? key : "\(section).\(key)" }
