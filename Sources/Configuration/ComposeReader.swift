// Reads a Compose file: which services there would be, with their labels and mounts.
internal import Core
internal import Glibc

/// Reads the services of one file (compose-spec.io), as `explain --compose` needs them. The file is not trusted: its size,
/// depth and aliases are bounded, and keys of no concern are ignored. Profiles, `extends` and further files are not
/// followed. Blocks on local files: the Compose file and `.env` beside it.
package enum ComposeReader {
    /// Bytes of a Compose file.
    package static let largestFile = 1 << 20

    package static func read(path: String, environment: [String: String]) -> ComposeReading {
        let problems = Problems()
        let beginning = Position(file: path, line: 1, column: 1)
        var root: YAMLNode?
        switch SmallFile.read(path, limit: largestFile) {
        case .success(let bytes):
            root = YAMLReader.read(bytes, file: path, problems: problems, aliases: YAMLAliases())
        case .failure(let objection): problems.add(beginning, objection.message, objection.remedy)
        }
        guard let root else { return ComposeReading(services: [], problems: problems.sorted(by: [path])) }
        let directory = directory(of: path)
        let dotEnv = (try? SmallFile.read(directory + "/.env", limit: 1 << 16).get()) ?? []
        let variables = ComposeVariables(environment: environment, dotEnv: dotEnv)
        let decoder = ComposeDecoder(root, variables: variables, directory: directory, problems: problems)
        return ComposeReading(services: decoder.services(), problems: problems.sorted(by: [path]))
    }

    /// Absolute and without links.
    private static func directory(of path: String) -> String {
        let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard let resolved = realpath(parent, nil) else { return parent }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// From the tree of one file to its services.
struct ComposeDecoder {
    private let root: [String: YAMLNode]
    private let rootPosition: Position
    let variables: ComposeVariables
    /// Where relative paths begin.
    let directory: String
    let problems: Problems
    private let project: String
    /// Entries of the top-level `volumes`.
    private let declaredVolumes: [String: YAMLNode]

    init(_ root: YAMLNode, variables: ComposeVariables, directory: String, problems: Problems) {
        self.root = ComposeDecoder.members(of: root)
        rootPosition = root.position
        declaredVolumes = self.root["volumes"].map { ComposeDecoder.members(of: $0) } ?? [:]
        self.variables = variables
        self.directory = directory
        self.problems = problems
        var named: String?
        if case .scalar(let scalar) = self.root["name"]?.content { named = variables.expand(scalar.source).text }
        let base = String(directory.split(separator: "/").last ?? "default")
        project = ComposeDecoder.projectName(variables.values["COMPOSE_PROJECT_NAME"] ?? named ?? base)
    }

    func services() -> [ComposeService] {
        if let include = root["include"] {
            problems.add(include.position, "include is not followed", "explain those files one by one")
        }
        guard let node = root["services"], case .mapping(let entries) = node.content else {
            let remedy = "write services: and the services below it"
            problems.add(root["services"]?.position ?? rootPosition, "there are no services", remedy)
            return []
        }
        return entries.compactMap { service($0) }
    }

    private func service(_ entry: YAMLNode.Entry) -> ComposeService? {
        guard case .mapping = entry.value.content else {
            problems.add(
                entry.value.position, "services.\(entry.key): expected a mapping, got \(entry.value.kind)",
                "write image: and what else the service needs below it")
            return nil
        }
        let members = ComposeDecoder.members(of: entry.value)
        if let extends = members["extends"] {
            problems.add(
                extends.position, "extends is not followed", "labels and volumes of the other service are missing here")
        }
        var labels = labels(members["labels"])
        labels["com.docker.compose.project"] = project
        labels["com.docker.compose.service"] = entry.key
        return ComposeService(
            name: entry.key, containerName: text(members["container_name"]) ?? "\(project)-\(entry.key)-1",
            image: text(members["image"]) ?? "\(project)-\(entry.key)", labels: labels,
            mounts: volumes(members["volumes"]) + temporary(members["tmpfs"]), position: entry.keyPosition)
    }

    /// A scalar with its variables replaced; nil for nothing or an empty text.
    private func text(_ node: YAMLNode?) -> String? {
        guard let node, !node.isAbsent else { return nil }
        guard case .scalar(let scalar) = node.content else {
            problems.add(node.position, "expected a text, got \(node.kind)", "write one value")
            return nil
        }
        let (text, objections) = variables.expand(scalar.source)
        for objection in objections { problems.add(node.position, objection.message, objection.remedy) }
        return text.isEmpty ? nil : text
    }

    /// `{k: v}` or `[k=v]`.
    private func labels(_ node: YAMLNode?) -> [String: String] {
        var labels: [String: String] = [:]
        switch node?.content {
        case .mapping(let entries): for entry in entries { labels[entry.key] = text(entry.value) ?? "" }
        case .sequence(let items):
            for item in items {
                guard let text = text(item) else { continue }
                let end = text.utf8.firstIndex(of: UInt8(ascii: "=")) ?? text.endIndex
                labels[String(text[..<end])] = String(text[end...].utf8.dropFirst()) ?? ""
            }
        case .scalar where node?.isAbsent == false:
            problems.add(node!.position, "labels: expected a mapping, got \(node!.kind)", "write key: value")
        case .scalar, .refused, nil: break
        }
        return labels
    }

    private static func members(of node: YAMLNode) -> [String: YAMLNode] {
        guard case .mapping(let entries) = node.content else { return [:] }
        return Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
    }

    /// Lower case, without what a project's name cannot hold.
    private static func projectName(_ text: String) -> String {
        let bytes = text.lowercased().utf8.filter { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "_-".utf8.contains(byte)
        }
        return String(decoding: bytes.drop { "_-".utf8.contains($0) }, as: UTF8.self)
    }
}

extension ComposeDecoder {
    private func volumes(_ node: YAMLNode?) -> [ComposeMount] {
        guard let node, !node.isAbsent else { return [] }
        guard case .sequence(let items) = node.content else {
            problems.add(node.position, "volumes: expected a list, got \(node.kind)", "write - ./logs:/var/log/app")
            return []
        }
        return items.compactMap { item in
            if case .mapping = item.content { return long(ComposeDecoder.members(of: item), item.position) }
            return text(item).flatMap { short($0, item.position) }
        }
    }

    /// `SOURCE:DESTINATION[:OPTIONS]`, or a destination alone.
    private func short(_ text: String, _ position: Position) -> ComposeMount? {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        if parts.count == 1, text.hasPrefix("/") { return ComposeMount(kind: .volume, source: "", destination: text) }
        guard (2...3).contains(parts.count), !parts[0].isEmpty, parts[1].hasPrefix("/") else {
            problems.add(position, "\(quoted(text)) is no volume", "write SOURCE:/path/in/container")
            return nil
        }
        let isPath = ["/", ".", "~"].contains { parts[0].hasPrefix($0) }
        return ComposeMount(
            kind: isPath ? .bind : .volume, source: isPath ? absolute(parts[0]) : volumeName(parts[0]),
            destination: parts[1])
    }

    /// `{type: bind, source: , target: }`
    private func long(_ members: [String: YAMLNode], _ position: Position) -> ComposeMount? {
        let type = text(members["type"]) ?? "volume"
        guard let kind = ComposeMount.Kind(rawValue: type) else { return nil }
        guard let target = text(members["target"]), target.hasPrefix("/") else {
            problems.add(position, "a volume without a target", "write target: /path/in/container")
            return nil
        }
        let source = text(members["source"]) ?? ""
        return switch kind {
        case .bind: ComposeMount(kind: kind, source: absolute(source), destination: target)
        case .volume: ComposeMount(kind: kind, source: source.isEmpty ? "" : volumeName(source), destination: target)
        case .tmpfs: ComposeMount(kind: kind, source: "", destination: target)
        }
    }

    /// `tmpfs: /run` or a list; what follows a colon are options.
    private func temporary(_ node: YAMLNode?) -> [ComposeMount] {
        guard let node, !node.isAbsent else { return [] }
        let items = if case .sequence(let items) = node.content { items } else { [node] }
        return items.compactMap { item in
            guard let text = text(item) else { return nil }
            let destination = text.utf8.prefix { $0 != UInt8(ascii: ":") }
            return ComposeMount(kind: .tmpfs, source: "", destination: String(Substring(destination)))
        }
    }

    /// The name of a volume as the runtime knows it: its own `name`, the key alone when it is external, else
    /// PROJECT_KEY.
    private func volumeName(_ key: String) -> String {
        guard let node = declaredVolumes[key] else { return "\(project)_\(key)" }
        let volume = ComposeDecoder.members(of: node)
        if let name = text(volume["name"]) { return name }
        return text(volume["external"]) == "true" ? key : "\(project)_\(key)"
    }

    /// Relative to the file's directory, `~` to the home directory; without `.`, `..` and `//`.
    private func absolute(_ path: String) -> String {
        var whole = path
        if path == "~" || path.hasPrefix("~/") {
            whole = (variables.values["HOME"] ?? "/") + path.dropFirst()
        } else if !path.hasPrefix("/") {
            whole = directory + "/" + path
        }
        return normalizedPath(whole)
    }
}
