// What an inspected container is, taken from a whole tree of values.
internal import Core
@testable internal import Discovery
internal import TestSupport

/// Reads `GET /containers/ID/json` (https://docs.docker.com/reference/api/engine/) without a care for time and memory.
struct InspectModel {
    private let value: JSONValue
    /// Nil without a valid id.
    private(set) var record: ContainerRecord?

    init(_ value: JSONValue) {
        self.value = value
        guard let id = value["Id"]?.string, DockerAnswers.isContainerID(id) else { return }
        var record = ContainerRecord(id: id, runtime: "docker")
        record.name = InspectModel.withoutSlash(value["Name"]?.string ?? "")
        record.image = value["Config"]?["Image"]?.string ?? ""
        record.labels = InspectModel.texts(value["Config"]?["Labels"])
        record.created = InspectModel.time(value["Created"])
        record.restartCount = Int(InspectModel.integer(value["RestartCount"]) ?? 0)
        self.record = record
        addState()
        addMounts()
        addLayers()
        addLog()
    }

    private mutating func addLog() {
        record!.logPath = value["LogPath"]?.string.flatMap(InspectModel.normal) ?? ""
        record!.logDriver = value["HostConfig"]?["LogConfig"]?["Type"]?.string ?? ""
        let isFile = !record!.logPath.isEmpty
        if isFile, record!.logDriver == "json-file" { record!.logFormat = .jsonFile }
        if isFile, record!.logDriver == "k8s-file" { record!.logFormat = .cri }
    }

    private mutating func addState() {
        let state = value["State"]
        record!.started = InspectModel.time(state?["StartedAt"])
        record!.finished = InspectModel.time(state?["FinishedAt"])
        record!.isOutOfMemory = state?["OOMKilled"]?.bool ?? false
        record!.processID = Int32(clamping: InspectModel.integer(state?["Pid"]) ?? 0)
        if Int64(record!.processID) != InspectModel.integer(state?["Pid"]) || record!.processID < 0 {
            record!.processID = 0
        }
        let code = InspectModel.integer(state?["ExitCode"]).flatMap { Int32(exactly: $0) }
        record!.exitCode = record!.finished.isEmpty ? nil : code
        let running: ContainerRecord.Status? = state?["Running"]?.bool == true ? .running : nil
        let paused: ContainerRecord.Status? = state?["Paused"]?.bool == true ? .paused : nil
        record!.status =
            state?["Status"]?.string.flatMap { ContainerRecord.Status(rawValue: $0) } ?? paused ?? running
            ?? (record!.started.isEmpty ? .created : .exited)
    }

    private mutating func addMounts() {
        var mounts: [ContainerRecord.Mount] = []
        for item in value["Mounts"]?.array ?? [] {
            let kind = item["Type"]?.string.flatMap { ContainerRecord.Mount.Kind(rawValue: $0) }
            guard let place = item["Destination"]?.string.flatMap(InspectModel.normal) else { continue }
            mounts.append(
                ContainerRecord.Mount(
                    kind: kind ?? .other, name: item["Name"]?.string ?? "", source: item["Source"]?.string ?? "",
                    destination: place, driver: item["Driver"]?.string ?? ""))
        }
        let known = Set(mounts.map { Array($0.destination.utf8) })
        for place in InspectModel.texts(value["HostConfig"]?["Tmpfs"]).keys.sorted().compactMap(InspectModel.normal)
        where !known.contains(Array(place.utf8)) {
            mounts.append(ContainerRecord.Mount(kind: .tmpfs, destination: place))
        }
        // Stable, so that of several at one place the order stays.
        let order = mounts.indices.sorted { (mounts[$0].destination, $0) < (mounts[$1].destination, $1) }
        record!.mounts = order.map { mounts[$0] }
    }

    private mutating func addLayers() {
        let data = value["GraphDriver"]?["Data"]
        let lower = (data?["LowerDir"]?.string ?? "").utf8.split(separator: 0x3A).map { String(Substring($0)) }
        record!.layers = ([data?["UpperDir"]?.string ?? ""] + lower).filter { $0.utf8.first == 0x2F }
    }
}

extension InspectModel {
    private static func texts(_ value: JSONValue?) -> [String: String] {
        (value?.object ?? [:]).compactMapValues(\.string)
    }

    private static func integer(_ value: JSONValue?) -> Int64? {
        if case .number(let text) = value { Int64(text) } else { nil }
    }

    private static func time(_ value: JSONValue?) -> String {
        guard let text = value?.string, !text.utf8.starts(with: "0001-01-01".utf8) else { return "" }
        return text
    }

    private static func withoutSlash(_ name: String) -> String {
        name.utf8.first == 0x2F ? String(Substring(name.utf8.dropFirst())) : name
    }

    /// An absolute path without `//`, `.` and `..`, byte by byte; nil for another.
    private static func normal(_ path: String) -> String? {
        guard path.utf8.first == 0x2F else { return nil }
        var names: [Substring] = []
        for name in path.utf8.split(separator: 0x2F).map({ Substring($0) }) {
            if name.utf8.elementsEqual("..".utf8) {
                _ = names.popLast()
            } else if !name.utf8.elementsEqual(".".utf8) {
                names.append(name)
            }
        }
        return "/" + names.joined(separator: "/")
    }
}
