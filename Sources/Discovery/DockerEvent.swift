// One line of Docker's event stream.

/// A container event. https://docs.docker.com/reference/cli/docker/system/events/
struct DockerEvent: Hashable, Sendable {
    enum Action: Hashable, Sendable {
        case create, look, kill, outOfMemory, die, destroy
    }

    var id: String
    var action: Action
    /// Nanoseconds since 1970 on the runtime's clock; 0 where it told none.
    var time: Int64
    /// Labels with `image`, `name`, `exitCode` and their like among them: a label of such a name overwrites what the
    /// runtime says, so none of them is proof.
    var attributes: [String: String]

    /// What a line means: nil for events that do not matter here. Throws when the line is not an event at all.
    static func parse(_ line: [UInt8]) throws(JSONFailure) -> DockerEvent? {
        var type = "container"
        var action = ""
        var status = ""
        var id = ""
        var actor = ""
        var attributes: [String: String] = [:]
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        var reader = JSONReader(line)
        let isObject = try reader.object { key, reader throws(JSONFailure) in
            switch key {
            case "Type": type = try reader.string() ?? ""
            case "Action": action = try reader.string() ?? ""
            case "status": status = try reader.string() ?? ""
            case "id": id = try reader.string() ?? ""
            case "time": seconds = try reader.integer() ?? 0
            case "timeNano": nanoseconds = try reader.integer() ?? 0
            case "Actor":
                try reader.object { key, reader throws(JSONFailure) in
                    switch key {
                    case "ID": actor = try reader.string() ?? ""
                    case "Attributes": attributes = try reader.texts()
                    default: break
                    }
                }
            default: break
            }
        }
        try reader.end()
        if !isObject { throw JSONFailure(byte: 0) }
        let subject = actor.isEmpty ? id : actor
        guard type == "container", DockerAnswers.isContainerID(subject),
            let meaning = DockerEvent.meaning(action.isEmpty ? status : action)
        else { return nil }
        let time = nanoseconds > 0 ? nanoseconds : seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue
        return DockerEvent(id: subject, action: meaning, time: max(0, time), attributes: attributes)
    }

    /// nil: ignored. Podman says `init` and `remove` for `create` and `destroy`.
    private static func meaning(_ action: String) -> Action? {
        switch action {
        case "create", "init": .create
        case "start", "restart", "unpause", "pause", "rename", "update": .look
        case "kill": .kill
        case "oom": .outOfMemory
        case "die": .die
        case "destroy", "remove": .destroy
        default: nil
        }
    }

    var exitCode: Int32? { (attributes["exitCode"] ?? attributes["containerExitCode"]).flatMap { Int32($0) } }

    /// The container as far as the event tells: its mounts are unknown.
    func record(runtime: String) -> ContainerRecord {
        var record = ContainerRecord(
            id: id, runtime: runtime, name: DockerAnswers.plainName(attributes["name"] ?? ""),
            image: attributes["image"] ?? "")
        record.labels = attributes.filter { !DockerEvent.known.contains($0.key) }
        record.status = action == .create ? .created : .exited
        return record
    }

    /// Attributes that the runtime adds to the labels.
    private static let known: Set<String> = [
        "image", "name", "exitCode", "signal", "execDuration", "oldName", "containerExitCode", "execID",
    ]
}
