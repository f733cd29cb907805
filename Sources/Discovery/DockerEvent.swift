// One line of Docker's event stream.

/// A container event. https://docs.docker.com/reference/cli/docker/system/events/
extension RuntimeEvent {
    /// What a line means: nil for events that do not matter here. Throws when the line is not an event at all.
    static func parse(_ line: [UInt8]) throws(JSONFailure) -> RuntimeEvent? {
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
            let meaning = RuntimeEvent.meaning(action.isEmpty ? status : action)
        else { return nil }
        let time = nanoseconds > 0 ? nanoseconds : seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue
        return RuntimeEvent(id: subject, action: meaning, time: max(0, time), attributes: attributes)
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
}
