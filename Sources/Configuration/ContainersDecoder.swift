// The sections `runtimes`, `paths` and `labels`.
internal import Core

/// Decodes what concerns containers.
struct ContainersDecoder {
    let problems: Problems

    func runtimes(_ section: Section) -> RuntimesConfiguration {
        RuntimesConfiguration(
            docker: runtime(section.section("docker"), socket: "/var/run/docker.sock"),
            cri: runtime(section.section("cri"), socket: "/run/containerd/containerd.sock"),
            podman: runtime(section.section("podman"), socket: "/run/podman/podman.sock"),
            hostRoot: section.text("host_root", default: "/", check: PathPattern.objection(toPlainPath:)))
    }

    private func runtime(_ section: Section, socket: String) -> RuntimeConfiguration {
        RuntimeConfiguration(
            enabled: section.choice("enabled", default: .auto),
            socket: section.text("socket", default: socket, check: objection(toSocket:)))
    }

    func paths(_ section: Section) -> PathsConfiguration {
        let sources = section.texts("allow_mount_sources", example: "/srv/logs") { path in
            path == "/"
                ? Objection(
                    "/ would let containers reach every file of the host", "name the directories they may reach")
                : PathPattern.objection(toPlainPath: path)
        }
        return PathsConfiguration(
            allowMountSources: sources, networkVolumes: section.choice("network_volumes", default: .collect))
    }

    func labels(_ section: Section) -> LabelsConfiguration {
        let prefix = section.text("prefix", default: "longshore.logs", check: objection(toPrefix:))
        var prefixes: Set<String> = [prefix]
        let compatible = section.texts("compatible", example: "aliyun.logs") { text in
            if let objection = objection(toPrefix: text) { return objection }
            return prefixes.insert(text).inserted
                ? nil : Objection("\(quoted(text)) is a prefix already", "write every prefix once")
        }
        let directory = key("directory", section)
        let extensions = key("extensions", section)
        if let extensions, extensions == directory {
            section.add(
                "extensions", "this is labels.directory", "write the key of the label that holds the extensions")
        } else if extensions != nil, directory == nil, !section.wasRefused("directory") {
            section.add("extensions", "extensions need a directory", "write labels.directory, or leave it out")
        }
        return LabelsConfiguration(
            prefix: prefix, compatible: compatible, directory: directory, extensions: extensions,
            stdout: section.choice("stdout", default: .declared), record: record(section))
    }

    private func objection(toSocket path: String) -> Objection? {
        if path.utf8.count > 107 {
            return Objection("the path has \(path.utf8.count) bytes", "write one of at most 107 (unix(7))")
        }
        if path.hasPrefix("unix://") {
            return Objection("this is a URL", "write the path alone: \(path.dropFirst(7))")
        }
        return PathPattern.objection(toPlainPath: path)
    }

    private func objection(toPrefix text: String) -> Objection? {
        let legal = text.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "._-".utf8.contains(byte)
        }
        if legal, text.utf8.count <= 128, !text.hasPrefix("."), !text.hasSuffix(".") { return nil }
        return Objection(
            "\(quoted(text)) is no prefix of labels", "write a-z, 0-9, '.', '_' and '-' without a dot at the ends")
    }

    private func objection(toKey text: String) -> Objection? {
        isPrintable(text, limit: 255) && !text.contains(" ")
            ? nil
            : Objection("\(quoted(text)) is no key of a label", "write the label's key, such as com.example.logdir")
    }

    private func key(_ name: String, _ section: Section) -> String? {
        let text = section.text(name, default: "", check: objection(toKey:))
        return text.isEmpty ? nil : text
    }

    private func record(_ section: Section) -> [String] {
        var names: Set<String> = []
        return section.texts("record", example: "team") { text in
            if let objection = objection(toKey: text) { return objection }
            let name = String(text.map { $0 == "." ? "_" : $0 })
            return names.insert(name).inserted
                ? nil : Objection("container.labels.\(name) is in the records already", "leave one of them out")
        }
    }
}
