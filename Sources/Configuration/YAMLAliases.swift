// Anchors, aliases and merge keys of a YAML file that is not a configuration of ours, within bounds.
internal import Core

/// What the anchors of one file stand for. An alias is replaced by a copy of its anchor's value; all copies together
/// stay within a budget of bytes and nodes, and within the reader's depth, so that no file can grow beyond that. An alias
/// inside of its own anchor is unknown: there are no cycles. Owned by one reading, on its thread.
final class YAMLAliases {
    private struct Anchor {
        let node: YAMLNode
        /// Nodes and bytes of texts.
        let size: Int
        /// Levels, 1 for a scalar.
        let height: Int
    }

    private var anchors: [String: Anchor] = [:]
    private var budget: Int

    init(budget: Int = 1 << 20) { self.budget = budget }

    func define(_ name: String, _ node: YAMLNode) {
        let (size, height) = YAMLAliases.measure(node)
        anchors[name] = Anchor(node: node, size: size, height: height)
    }

    /// The value of an alias that stands `depth` levels deep.
    func value(of name: String, depth: Int) -> Result<YAMLNode, Objection> {
        guard let anchor = anchors[name] else {
            return .failure(Objection("there is no anchor &\(name) before this", "write the value out"))
        }
        if depth + anchor.height > YAMLReader.deepest {
            return .failure(
                Objection("more than \(YAMLReader.deepest) levels of nesting with *\(name)", "write a flatter file"))
        }
        if anchor.size > budget {
            return .failure(Objection("too much text comes from aliases", "write a smaller file"))
        }
        budget -= anchor.size
        return .success(anchor.node)
    }

    /// The entries with those of `<<` among them, which count only where the mapping has no such key itself; of several
    /// mappings the first that has a key counts (yaml.org/type/merge.html).
    func merged(_ entries: [YAMLNode.Entry], problems: Problems) -> [YAMLNode.Entry] {
        guard let merge = entries.first(where: { $0.key == "<<" }) else { return entries }
        var result = entries.filter { $0.key != "<<" }
        var keys = Set(result.map(\.key))
        let sources = if case .sequence(let items) = merge.value.content { items } else { [merge.value] }
        for source in sources {
            switch source.content {
            case .mapping(let others):
                for entry in others where keys.insert(entry.key).inserted { result.append(entry) }
            case .refused: continue
            case .scalar, .sequence:
                problems.add(source.position, "<< takes mappings, got \(source.kind)", "write <<: *name of a mapping")
            }
        }
        return result
    }

    private static func measure(_ node: YAMLNode) -> (size: Int, height: Int) {
        var size = 1
        var height = 0
        func add(_ child: YAMLNode) {
            let inner = measure(child)
            size += inner.size
            height = max(height, inner.height)
        }
        switch node.content {
        case .scalar(let scalar): size += scalar.source.utf8.count
        case .refused: break
        case .sequence(let items): for item in items { add(item) }
        case .mapping(let entries):
            for entry in entries {
                size += entry.key.utf8.count
                add(entry.value)
            }
        }
        return (size, height + 1)
    }
}
