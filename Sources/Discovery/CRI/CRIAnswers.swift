// What a CRI runtime answers, as values of this room: version, lists, status of containers and sandboxes.
internal import Core

/// The answers of `runtime.v1.RuntimeService` (https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto)
/// and of containerd's snapshotters. Only broken structure throws; a field that is absent or of another type leaves its
/// default. Numbers of fields are the protocol's.
enum CRIAnswers {
    /// The runtime's name and version: `containerd`, `1.6.20`.
    static func version(_ bytes: [UInt8]) throws(ProtobufFailure) -> (name: String, version: String) {
        var found = (name: "", version: "")
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            switch field.number {
            case 2: found.name = field.text ?? ""
            case 3: found.version = field.text ?? ""
            default: break
            }
        }
        return found
    }

    /// All listed containers, as much as a list tells: no pod, no mounts, no process id, no times but the creation.
    static func list(_ bytes: [UInt8], runtime: String) throws(ProtobufFailure) -> [ContainerRecord] {
        var records: [ContainerRecord] = []
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            guard field.number == 1, let record = try listed(field, runtime) else { return }
            records.append(record)
            if records.count > ProtobufReader.Field.manyLimit { throw ProtobufFailure(byte: 0) }
        }
        return records
    }

    private static func listed(
        _ field: ProtobufReader.Field, _ runtime: String
    ) throws(ProtobufFailure) -> ContainerRecord? {
        var record = ContainerRecord(id: "", runtime: runtime)
        try field.message { field throws(ProtobufFailure) in
            switch field.number {
            case 1: record.id = field.text ?? ""
            case 3: record.name = try metadata(field).name
            case 4: record.image = try image(field)
            case 6: record.status = status(field.integer ?? 0)
            case 7: record.created = instant(field.integer)
            case 8: try field.entry(into: &record.labels)
            default: break
            }
        }
        return DockerAnswers.isContainerID(record.id) ? record : nil
    }

    /// One container, and what only the runtime's own account of it tells.
    struct Inspected {
        var record: ContainerRecord
        var details = CRIDetails()
    }

    /// `ContainerStatus` with `verbose`; nil without a valid id.
    static func container(_ bytes: [UInt8], runtime: String) throws(ProtobufFailure) -> Inspected? {
        var found = Inspected(record: ContainerRecord(id: "", runtime: runtime))
        var annotations: [String: String] = [:]
        var information: [String: String] = [:]
        var attempt: Int64 = 0
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            switch field.number {
            case 1: try fill(&found.record, field, &annotations, &attempt)
            case 2: try field.entry(into: &information)
            default: break
            }
        }
        guard DockerAnswers.isContainerID(found.record.id) else { return nil }
        found.details = CRIDetails(information["info"] ?? "")
        if found.record.status == .running { found.record.processID = found.details.processID }
        found.record.restartCount =
            annotations["io.kubernetes.container.restartCount"].flatMap { Int($0) }
            ?? Int(clamping: max(0, attempt))
        found.record.mounts.sort { $0.destination < $1.destination }
        return found
    }

    private static func fill(
        _ record: inout ContainerRecord, _ field: ProtobufReader.Field, _ annotations: inout [String: String],
        _ attempt: inout Int64
    ) throws(ProtobufFailure) {
        var exitCode: Int64 = 0
        try field.message { field throws(ProtobufFailure) in
            switch field.number {
            case 1: record.id = field.text ?? ""
            case 2: (record.name, attempt) = try metadata(field)
            case 3: record.status = status(field.integer ?? 0)
            case 4: record.created = instant(field.integer)
            case 5: record.started = instant(field.integer)
            case 6: record.finished = instant(field.integer)
            case 7: exitCode = field.integer ?? 0
            case 8: record.image = try image(field)
            case 10: record.isOutOfMemory = field.text == "OOMKilled"
            case 12: try field.entry(into: &record.labels)
            case 13: try field.entry(into: &annotations)
            case 14: if let mount = try mount(field) { record.mounts.append(mount) }
            case 15: record.logPath = field.text.flatMap(DockerAnswers.absolutePath) ?? ""
            default: break
            }
            if record.mounts.count > ProtobufReader.Field.manyLimit { throw ProtobufFailure(byte: 0) }
        }
        record.logFormat = record.logPath.isEmpty ? .none : .cri
        // Exit code 0 stands for a container that has not ended, too.
        record.exitCode = record.finished.isEmpty ? nil : Int32(exactly: exitCode)
    }

    /// A mount without its place in the container is none.
    private static func mount(_ field: ProtobufReader.Field) throws(ProtobufFailure) -> ContainerRecord.Mount? {
        var mount = ContainerRecord.Mount(kind: .bind, destination: "")
        try field.message { field throws(ProtobufFailure) in
            switch field.number {
            case 1: mount.destination = field.text.flatMap(DockerAnswers.absolutePath) ?? ""
            case 2: mount.source = field.text ?? ""
            default: break
            }
        }
        // An image that is mounted (KEP-4639) has no source on the host.
        if mount.source.isEmpty { mount.kind = .other }
        return mount.destination.isEmpty ? nil : mount
    }

    /// The pod of a sandbox from `PodSandboxStatus`; nil without a name.
    static func pod(_ bytes: [UInt8]) throws(ProtobufFailure) -> ContainerRecord.Pod? {
        var pod = ContainerRecord.Pod()
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            guard field.number == 1 else { return }
            try field.message { field throws(ProtobufFailure) in
                switch field.number {
                case 2:
                    try field.message { field throws(ProtobufFailure) in
                        switch field.number {
                        case 1: pod.name = field.text ?? ""
                        case 2: pod.uid = field.text ?? ""
                        case 3: pod.namespace = field.text ?? ""
                        default: break
                        }
                    }
                case 7: try field.entry(into: &pod.labels)
                case 8: try field.entry(into: &pod.annotations)
                default: break
                }
            }
        }
        return pod.name.isEmpty ? nil : pod
    }

    /// What containerd's CRI plugin says a container of containerd's is: `container`, `sandbox`; empty: not its own.
    static func kind(_ bytes: [UInt8]) throws(ProtobufFailure) -> String {
        var labels: [String: String] = [:]
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            guard field.number == 1 else { return }
            try field.message { field throws(ProtobufFailure) in
                if field.number == 2 { try field.entry(into: &labels) }
            }
        }
        return labels["io.cri-containerd.kind"] ?? ""
    }

    /// Layers from `containerd.services.snapshots.v1.Snapshots/Mounts`: the upper one first; none where the snapshotter
    /// makes something else than an overlay or a plain directory.
    static func layers(_ bytes: [UInt8]) throws(ProtobufFailure) -> [String] {
        var layers: [String] = []
        var count = 0
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            guard field.number == 1 else { return }
            var type = ""
            var source = ""
            var options: [String] = []
            try field.message { field throws(ProtobufFailure) in
                switch field.number {
                case 1: type = field.text ?? ""
                case 2: source = field.text ?? ""
                case 4: if options.count < 1024 { options.append(field.text ?? "") }
                default: break
                }
            }
            count += 1
            layers = type == "overlay" ? overlay(options) : type == "bind" ? [source] : []
        }
        return count == 1 ? layers.filter { $0.utf8.first == 0x2F } : []
    }

    private static func overlay(_ options: [String]) -> [String] {
        func value(_ name: String) -> Substring? {
            options.first { $0.utf8.starts(with: name.utf8) }.map { Substring($0.utf8.dropFirst(name.utf8.count)) }
        }
        guard let upper = value("upperdir=") else { return [] }
        let lower = (value("lowerdir=") ?? "").utf8.split(separator: UInt8(ascii: ":"))
        return [String(upper)] + lower.map { String(Substring($0)) }
    }

    // MARK: - Parts

    private static func metadata(
        _ field: ProtobufReader.Field
    ) throws(ProtobufFailure) -> (name: String, attempt: Int64) {
        var found = (name: "", attempt: Int64(0))
        try field.message { field throws(ProtobufFailure) in
            switch field.number {
            case 1: found.name = field.text ?? ""
            case 2: found.attempt = field.integer ?? 0
            default: break
            }
        }
        return found
    }

    private static func image(_ field: ProtobufReader.Field) throws(ProtobufFailure) -> String {
        var image = ""
        try field.message { field throws(ProtobufFailure) in if field.number == 1 { image = field.text ?? "" } }
        return image
    }

    /// One whose state the runtime does not know may well run: it is followed until that is known.
    private static func status(_ state: Int64) -> ContainerRecord.Status {
        switch state {
        case 0: .created
        case 2: .exited
        default: .running
        }
    }

    private static func instant(_ nanoseconds: Int64?) -> String {
        guard let nanoseconds, nanoseconds > 0 else { return "" }
        return "\(Timestamp(nanoseconds: nanoseconds))"
    }
}

/// What the runtime's own account of a container tells (`info` of a verbose status): JSON that is no part of CRI.
struct CRIDetails: Equatable {
    var sandbox = ""
    var processID: Int32 = 0
    /// Of containerd: where the root file system is.
    var snapshotter = ""
    var snapshot = ""

    init() {}

    /// Text that is no JSON tells nothing.
    init(_ text: String) {
        var reader = JSONReader(Array(text.utf8))
        var found = CRIDetails()
        let isObject = try? reader.object { key, reader throws(JSONFailure) in
            switch key {
            case "sandboxID": found.sandbox = try reader.string() ?? ""
            case "pid": found.processID = max(0, Int32(exactly: try reader.integer() ?? 0) ?? 0)
            case "snapshotter": found.snapshotter = try reader.string() ?? ""
            case "snapshotKey": found.snapshot = try reader.string() ?? ""
            default: break
            }
        }
        if isObject == true { self = found }
    }
}
