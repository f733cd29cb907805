// What Docker's API answers, as values of this room: inspect, list, version.
internal import Core

/// The answers of `GET /containers/ID/json`, `/containers/json` and `/version`. Only broken JSON throws; a field that is
/// absent or of another type leaves its default. The API: https://docs.docker.com/reference/api/engine/
enum DockerAnswers {
    /// An inspected container; nil without a valid Id.
    static func container(
        _ bytes: [UInt8], runtime: String, isPodman: Bool = false
    ) throws(JSONFailure) -> ContainerRecord? {
        var record = ContainerRecord(id: "", runtime: runtime)
        var state = State()
        var tmpfs: [String] = []
        var reader = JSONReader(bytes)
        try reader.object { key, reader throws(JSONFailure) in
            switch key {
            case "Id": record.id = try reader.string() ?? ""
            case "Name": record.name = plainName(try reader.string() ?? "")
            case "Created": record.created = instant(try reader.string())
            case "RestartCount": record.restartCount = Int(try reader.integer() ?? 0)
            case "State": state = try State(&reader)
            case "Mounts": record.mounts = try mounts(&reader)
            case "GraphDriver": record.layers = try layers(&reader)
            case "LogPath": record.logPath = try reader.string().flatMap(absolutePath) ?? ""
            case "HostConfig":
                try reader.object { key, reader throws(JSONFailure) in
                    switch key {
                    case "Tmpfs": tmpfs = try reader.texts().keys.sorted()
                    case "LogConfig": record.logDriver = try logDriver(&reader)
                    default: break
                    }
                }
            case "Config":
                try reader.object { key, reader throws(JSONFailure) in
                    switch key {
                    case "Image": record.image = try reader.string() ?? ""
                    case "Labels": record.labels = try reader.texts()
                    default: break
                    }
                }
            default: break
            }
        }
        try reader.end()
        guard isContainerID(record.id) else { return nil }
        state.fill(&record)
        record.logFormat = logFormat(record, isPodman)
        let mounted = Set(record.mounts.map { Array($0.destination.utf8) })
        for destination in tmpfs.compactMap(absolutePath) where !mounted.contains(Array(destination.utf8)) {
            record.mounts.append(ContainerRecord.Mount(kind: .tmpfs, destination: destination))
        }
        record.mounts.sort { $0.destination < $1.destination }
        return record
    }

    /// All listed containers, as much as a list tells: no layers, no process id, no times but the creation.
    static func list(_ bytes: [UInt8], runtime: String) throws(JSONFailure) -> [ContainerRecord] {
        var records: [ContainerRecord] = []
        var reader = JSONReader(bytes)
        let isArray = try reader.array { reader throws(JSONFailure) in
            if let record = try listed(&reader, runtime) { records.append(record) }
        }
        try reader.end()
        if !isArray { throw JSONFailure(byte: 0) }
        return records
    }

    /// `Version` and `ApiVersion` of `GET /version`, and whether the engine among its components is Podman's.
    static func version(
        _ bytes: [UInt8]
    ) throws(JSONFailure) -> (version: String, api: String, isPodman: Bool) {
        var found = (version: "", api: "", isPodman: false)
        var reader = JSONReader(bytes)
        try reader.object { key, reader throws(JSONFailure) in
            switch key {
            case "Version": found.version = try reader.string() ?? ""
            case "ApiVersion": found.api = try reader.string() ?? ""
            case "Components":
                try reader.array { reader throws(JSONFailure) in
                    try reader.object { key, reader throws(JSONFailure) in
                        if key == "Name", try reader.string() == "Podman Engine" { found.isPodman = true }
                    }
                }
            default: break
            }
        }
        return found
    }

    private static func listed(
        _ reader: inout JSONReader, _ runtime: String
    ) throws(JSONFailure) -> ContainerRecord? {
        var record = ContainerRecord(id: "", runtime: runtime)
        try reader.object { key, reader throws(JSONFailure) in
            switch key {
            case "Id": record.id = try reader.string() ?? ""
            case "Names": record.name = try ownName(&reader)
            case "Image": record.image = try reader.string() ?? ""
            case "Labels": record.labels = try reader.texts()
            case "State": record.status = status(try reader.string() ?? "") ?? .created
            case "Mounts": record.mounts = try mounts(&reader).sorted { $0.destination < $1.destination }
            case "Created":
                if let seconds = try reader.integer(), 0..<(1 << 33) ~= seconds {
                    record.created = "\(Timestamp(nanoseconds: seconds * nanosecondsPerSecond))"
                }
            default: break
            }
        }
        return isContainerID(record.id) ? record : nil
    }

    /// Besides its own name `/web` a container has those that links gave it: `/other/alias`.
    private static func ownName(_ reader: inout JSONReader) throws(JSONFailure) -> String {
        var name = ""
        try reader.array { reader throws(JSONFailure) in
            let candidate = plainName(try reader.string() ?? "")
            if name.isEmpty || !candidate.contains("/") { name = candidate }
        }
        return name
    }

    private static func mounts(_ reader: inout JSONReader) throws(JSONFailure) -> [ContainerRecord.Mount] {
        var mounts: [ContainerRecord.Mount] = []
        try reader.array { reader throws(JSONFailure) in
            var mount = ContainerRecord.Mount(kind: .other, destination: "")
            try reader.object { key, reader throws(JSONFailure) in
                switch key {
                case "Type": mount.kind = kind(try reader.string() ?? "")
                case "Name": mount.name = try reader.string() ?? ""
                case "Source": mount.source = try reader.string() ?? ""
                case "Destination": mount.destination = try reader.string().flatMap(absolutePath) ?? ""
                case "Driver": mount.driver = try reader.string() ?? ""
                default: break
                }
            }
            if !mount.destination.isEmpty { mounts.append(mount) }
        }
        return mounts
    }

    private static func kind(_ text: String) -> ContainerRecord.Mount.Kind {
        switch text {
        case "bind": .bind
        case "volume": .volume
        case "tmpfs": .tmpfs
        default: .other
        }
    }

    /// UpperDir, then the LowerDirs. `Data` is null with the vfs driver.
    private static func layers(_ reader: inout JSONReader) throws(JSONFailure) -> [String] {
        var data: [String: String] = [:]
        try reader.object { key, reader throws(JSONFailure) in
            if key == "Data" { data = try reader.texts() }
        }
        let lower = (data["LowerDir"] ?? "").utf8.split(separator: UInt8(ascii: ":")).map { String(Substring($0)) }
        return ([data["UpperDir"] ?? ""] + lower).filter { $0.utf8.first == 0x2F }
    }

    private static func logDriver(_ reader: inout JSONReader) throws(JSONFailure) -> String {
        var driver = ""
        try reader.object { key, reader throws(JSONFailure) in
            if key == "Type" { driver = try reader.string() ?? "" }
        }
        return driver
    }

    /// Podman calls its k8s-file `json-file`.
    private static func logFormat(_ record: ContainerRecord, _ isPodman: Bool) -> ContainerRecord.LogFormat {
        switch record.logDriver {
        case _ where record.logPath.isEmpty: .none
        case "json-file": isPodman ? .cri : .jsonFile
        case "k8s-file": .cri
        default: .none
        }
    }

    static func status(_ text: String) -> ContainerRecord.Status? { ContainerRecord.Status(rawValue: text) }

    /// 64 lower-case hexadecimal digits: safe in a path of a request.
    static func isContainerID(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { 0x30...0x39 ~= $0 || 0x61...0x66 ~= $0 }
    }

    static func plainName(_ name: String) -> String {
        name.utf8.first == 0x2F ? String(Substring(name.utf8.dropFirst())) : name
    }

    /// Without `//`, `.`, `..` and a slash at the end; nil for a path that is not absolute.
    static func absolutePath(_ path: String) -> String? {
        path.utf8.first == 0x2F ? normalizedPath(path) : nil
    }

    /// Docker says `0001-01-01T00:00:00Z` for never.
    private static func instant(_ text: String?) -> String {
        guard let text, !text.hasPrefix("0001-01-01") else { return "" }
        return text
    }

    /// The `State` of an inspected container.
    private struct State {
        private var text = ""
        private var isRunning = false
        private var isPaused = false
        private var processID: Int64 = 0
        private var exitCode: Int64?
        private var isOutOfMemory = false
        private var started = ""
        private var finished = ""

        init() {}

        init(_ reader: inout JSONReader) throws(JSONFailure) {
            var state = State()
            try reader.object { key, reader throws(JSONFailure) in
                switch key {
                case "Status": state.text = try reader.string() ?? ""
                case "Running": state.isRunning = try reader.bool() ?? false
                case "Paused": state.isPaused = try reader.bool() ?? false
                case "Pid": state.processID = try reader.integer() ?? 0
                case "ExitCode": state.exitCode = try reader.integer()
                case "OOMKilled": state.isOutOfMemory = try reader.bool() ?? false
                case "StartedAt": state.started = instant(try reader.string())
                case "FinishedAt": state.finished = instant(try reader.string())
                default: break
                }
            }
            self = state
        }

        func fill(_ record: inout ContainerRecord) {
            record.status =
                DockerAnswers.status(text)
                ?? (isPaused ? .paused : isRunning ? .running : started.isEmpty ? .created : .exited)
            record.processID = max(0, Int32(exactly: processID) ?? 0)
            record.started = started
            record.finished = finished
            record.isOutOfMemory = isOutOfMemory
            // Docker says 0 for a container that has not ended yet.
            record.exitCode = finished.isEmpty ? nil : exitCode.flatMap { Int32(exactly: $0) }
        }
    }
}
