// Reads one YAML file through libyaml's event API into a node tree with positions.
internal import CYAML
internal import Core

/// Turns the bytes of one file into a `YAMLNode`. Refuses what a configuration has no use for: duplicate keys, aliases,
/// anchors, tags, several documents, more than 64 levels, NUL. With `YAMLAliases` it puts aliases in place instead,
/// merges `<<`, and takes no notice of tags. Lives on one thread; `read` is the only entrance.
struct YAMLReader {
    static let deepest = 64

    /// Stops the reading after the problem was recorded.
    private struct Stop: Error {}

    private let file: String
    private let problems: Problems
    private let bytes: [UInt8]
    private let aliases: YAMLAliases?
    /// yaml_parser_t points into itself, so it stays at one address.
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// The tree of the only document; null at 1:1 for an empty file; nil when the text is not YAML. Every problem is
    /// recorded, with its position.
    static func read(
        _ content: [UInt8], file: String, problems: Problems, aliases: YAMLAliases? = nil
    ) -> YAMLNode? {
        // libyaml takes a byte order mark for text once the encoding is set.
        let bytes = content.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(content.dropFirst(3)) : content
        if String(validating: bytes, as: UTF8.self) == nil {
            let (line, column) = invalidUTF8(in: bytes)
            problems.add(
                Position(file: file, line: line, column: column), "a byte here is not valid UTF-8",
                "save the file as UTF-8")
            return nil
        }
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else { fatalError("libyaml: out of memory") }
        defer { yaml_parser_delete(parser) }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        return bytes.withUnsafeBufferPointer { buffer in
            yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
            let reader = YAMLReader(file: file, problems: problems, bytes: bytes, aliases: aliases, parser: parser)
            return try? reader.stream()
        }
    }

    /// Line and column of the first byte that is no UTF-8.
    private static func invalidUTF8(in bytes: [UInt8]) -> (line: Int, column: Int) {
        var place = (line: 1, column: 1)
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue("\n"): place = (place.line + 1, 1)
            case .scalarValue: place.column += 1
            case .emptyInput, .error: return place
            }
        }
    }

    private func stream() throws(Stop) -> YAMLNode {
        var root: YAMLNode?
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
            case YAML_STREAM_END_EVENT: return root ?? .null(Position(file: file, line: 1, column: 1))
            case YAML_DOCUMENT_START_EVENT:
                if root != nil {
                    problems.add(
                        position(event.start_mark), "a second document begins here",
                        "write one document per file, without ---, or a further file in conf.d")
                    throw Stop()
                }
                var first = try next()
                defer { yaml_event_delete(&first) }
                root = try node(first, depth: 1)
            default: fatalError("libyaml: event \(event.type.rawValue) outside of a document")
            }
        }
    }

    private func node(_ event: yaml_event_t, depth: Int) throws(Stop) -> YAMLNode {
        let position = position(event.start_mark)
        switch event.type {
        case YAML_ALIAS_EVENT: return alias(event.data.alias.anchor, position, depth: depth)
        case YAML_SCALAR_EVENT:
            refuse(anchor: event.data.scalar.anchor, tag: event.data.scalar.tag, position)
            return defined(event.data.scalar.anchor, scalar(event, position))
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            refuse(anchor: start.anchor, tag: start.tag, position)
            let items = try sequence(position, depth: depth)
            return defined(start.anchor, YAMLNode(position: position, content: .sequence(items)))
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            refuse(anchor: start.anchor, tag: start.tag, position)
            let entries = try mapping(position, depth: depth)
            return defined(start.anchor, YAMLNode(position: position, content: .mapping(entries)))
        default: fatalError("libyaml: event \(event.type.rawValue) inside a document")
        }
    }

    private func alias(_ name: UnsafeMutablePointer<yaml_char_t>?, _ position: Position, depth: Int) -> YAMLNode {
        guard let aliases, let name else {
            problems.add(position, "aliases (*name) are refused", "write the value out")
            return YAMLNode(position: position, content: .refused)
        }
        switch aliases.value(of: String(cString: name), depth: depth) {
        case .success(let node): return node
        case .failure(let objection):
            problems.add(position, objection.message, objection.remedy)
            return YAMLNode(position: position, content: .refused)
        }
    }

    /// `node`, known by the name of its anchor from now on.
    private func defined(_ anchor: UnsafeMutablePointer<yaml_char_t>?, _ node: YAMLNode) -> YAMLNode {
        if let aliases, let anchor { aliases.define(String(cString: anchor), node) }
        return node
    }

    private func scalar(_ event: yaml_event_t, _ position: Position) -> YAMLNode {
        let raw = UnsafeBufferPointer(start: event.data.scalar.value, count: event.data.scalar.length)
        let text = String(decoding: raw, as: UTF8.self)
        if raw.contains(0) {
            problems.add(position, "this text contains a NUL character", "remove the \\0")
            return YAMLNode(position: position, content: .refused)
        }
        let plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
        let isNull = plain && ["", "~", "null", "Null", "NULL"].contains(text)
        return YAMLNode(position: position, content: .scalar(.init(source: text, text: text, isNull: isNull)))
    }

    private func sequence(_ position: Position, depth: Int) throws(Stop) -> [YAMLNode] {
        try refuseDepth(depth, position)
        var items: [YAMLNode] = []
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            if event.type == YAML_SEQUENCE_END_EVENT { return items }
            items.append(try node(event, depth: depth + 1))
        }
    }

    private func mapping(_ position: Position, depth: Int) throws(Stop) -> [YAMLNode.Entry] {
        try refuseDepth(depth, position)
        var entries: [YAMLNode.Entry] = []
        var seen: [String: Position] = [:]
        while true {
            var keyEvent = try next()
            defer { yaml_event_delete(&keyEvent) }
            if keyEvent.type == YAML_MAPPING_END_EVENT {
                return aliases?.merged(entries, problems: problems) ?? entries
            }
            let key = try node(keyEvent, depth: depth + 1)
            var valueEvent = try next()
            defer { yaml_event_delete(&valueEvent) }
            let value = try node(valueEvent, depth: depth + 1)
            guard case .scalar(let name) = key.content else {
                if case .refused = key.content { continue }
                problems.add(key.position, "a key is \(key.kind)", "write a name followed by a colon")
                continue
            }
            if let first = seen[name.source] {
                problems.add(
                    key.position, "the key \(quoted(name.source)) is there twice, first in line \(first.line)",
                    "keep one of the two")
                continue
            }
            seen[name.source] = key.position
            entries.append(.init(key: name.source, keyPosition: key.position, value: value))
        }
    }

    private func refuseDepth(_ depth: Int, _ position: Position) throws(Stop) {
        if depth <= YAMLReader.deepest { return }
        problems.add(position, "more than \(YAMLReader.deepest) levels of nesting", "write a flatter file")
        throw Stop()
    }

    private func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, _ position: Position
    ) {
        if aliases != nil { return }
        if anchor != nil { problems.add(position, "anchors (&name) are refused", "write the value where it is needed") }
        if tag != nil { problems.add(position, "tags (!name) are refused", "write the value without the tag") }
    }

    /// The next event, to be given to yaml_event_delete by the caller.
    private func next() throws(Stop) -> yaml_event_t {
        var event = yaml_event_t()
        if yaml_parser_parse(parser, &event) == 1 { return event }
        reportSyntaxError()
        throw Stop()
    }

    private func position(_ mark: yaml_mark_t) -> Position {
        Position(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}

extension YAMLReader {
    /// Says what libyaml objected to, in words for people who write configuration.
    private func reportSyntaxError() {
        let parser = parser.pointee
        if parser.error == YAML_MEMORY_ERROR { fatalError("libyaml: out of memory") }
        let problem = parser.problem.map { String(cString: $0) } ?? "unknown problem"
        let context = parser.context.map { String(cString: $0) } ?? ""
        if parser.error == YAML_READER_ERROR {
            problems.add(
                position(ofByte: Int(parser.problem_offset)), "a character here is not allowed in YAML (\(problem))",
                "remove it, or write it as an escape such as \"\\x1b\" in double quotes")
            return
        }
        let place = position(parser.problem_mark)
        if byte(at: place) == UInt8(ascii: "\t") {
            problems.add(place, "a tab is used for indentation", "indent with spaces")
        } else if context == "while scanning a quoted scalar" {
            problems.add(
                position(parser.context_mark), "the quoted text that begins here never ends", "close the quote")
        } else {
            let remedy =
                line(at: place).contains("${")
                ? "put ${...} into quotes inside of {} and []"
                : "check the indentation, colons, quotes and brackets here and in the lines above"
            problems.add(place, "not valid YAML: \(problem)" + (context.isEmpty ? "" : " \(context)"), remedy)
        }
    }

    private func line(at place: Position) -> String {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: place.line, omittingEmptySubsequences: false)
        return place.line <= lines.count ? String(decoding: lines[place.line - 1], as: UTF8.self) : ""
    }

    /// Line and column of a byte offset.
    private func position(ofByte offset: Int) -> Position {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return Position(file: file, line: line, column: column)
    }

    /// The byte at a position, if that position is inside the file.
    private func byte(at place: Position) -> UInt8? {
        let scalars = line(at: place).unicodeScalars.dropFirst(place.column - 1)
        return scalars.first.flatMap { UInt8(exactly: $0.value) }
    }
}
