// Loads the configuration: the file, conf.d beside it, the environment.
internal import Glibc

/// What a load ends with.
package enum ConfigurationOutcome: Sendable, Equatable {
    case loaded(Configuration)
    /// Every problem, in the order of files, lines and columns; never empty.
    case refused([Diagnostic])
}

/// Reads, merges, expands and validates. Stateless; blocks on local files.
package enum ConfigurationLoader {
    package static let defaultPath = "/etc/longshore/longshore.yaml"
    /// Bytes of one file.
    package static let largestFile = 4 << 20

    /// Loads `path` (nil: `defaultPath`) and then the `conf.d/*.yaml` beside it, in the order of their names: maps
    /// merge, lists append, of two scalars the later wins. `environment` gives `${VAR}` its values.
    package static func load(path: String?, environment: [String: String]) -> ConfigurationOutcome {
        load(main: path ?? defaultPath, environment: environment, hostName: systemHostName())
    }

    static func load(main: String, environment: [String: String], hostName: String) -> ConfigurationOutcome {
        let problems = Problems()
        let beginning = Position(file: main, line: 1, column: 1)
        if SmallFile.isMissing(main) {
            problems.add(beginning, "there is no configuration file", missing(main))
            return .refused(problems.list)
        }
        let fragments = fragments(beside: main, problems)
        let files = [main] + (fragments ?? [])
        var complete = fragments != nil
        var root = YAMLNode.null(beginning)
        for file in files {
            if let tree = parse(file, problems) {
                root = root.merged(with: tree, path: "", problems: problems)
            } else {
                complete = false
            }
        }
        // While a file is missing in the tree, nobody can tell what else is wrong from what that file says.
        if complete {
            let expanded = Interpolation(environment: environment, problems: problems).expanded(root)
            let decoder = ConfigurationDecoder(problems: problems, hostName: hostName)
            let configuration = decoder.decode(expanded, fallback: beginning)
            if problems.list.isEmpty { return .loaded(configuration) }
        }
        return .refused(problems.sorted(by: files))
    }

    private static func parse(_ file: String, _ problems: Problems) -> YAMLNode? {
        switch SmallFile.read(file, limit: largestFile) {
        case .success(let bytes): return YAMLReader.read(bytes, file: file, problems: problems)
        case .failure(let objection):
            problems.add(Position(file: file, line: 1, column: 1), objection.message, objection.remedy)
            return nil
        }
    }

    private static func fragments(beside main: String, _ problems: Problems) -> [String]? {
        let directory = main.lastIndex(of: "/").map { String(main[...$0]) } ?? ""
        switch SmallFile.names(in: directory + "conf.d", suffix: ".yaml") {
        case .success(let names): return names.map { directory + "conf.d/" + $0 }
        case .failure(let objection):
            problems.add(Position(file: directory + "conf.d", line: 1, column: 1), objection.message, objection.remedy)
            return nil
        }
    }

    private static func missing(_ file: String) -> String {
        let example = "kafka: {brokers: [\"k1:9092\"]} and files: [{name: app, paths: [\"/var/log/app/*.log\"]}]"
        return file == defaultPath
            ? "create it with at least \(example), or name another file with --config FILE"
            : "create it with at least \(example), or correct --config"
    }

    /// gethostname(2); "localhost" where the kernel has none.
    private static func systemHostName() -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let failed = buffer.withUnsafeMutableBytes { gethostname($0.bindMemory(to: CChar.self).baseAddress!, 255) != 0 }
        let name = String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
        return failed || name.isEmpty ? "localhost" : name
    }
}
