// What happens in a CRI runtime, as events of this room: containerd's own stream, and CRI's.

/// Reads events of `containerd.services.events.v1.Events/Subscribe` and of `GetContainerEvents`. nil stands for one that
/// does not matter here; only broken structure throws.
enum CRIEvents {
    /// containerd's namespace of everything that CRI makes; Docker's is `moby`.
    static let namespace = "k8s.io"
    /// What `Subscribe` is asked for.
    static let filter = "topic~=\"/tasks/|/containers/\",namespace==\"\(namespace)\""

    /// An envelope: 1 timestamp, 2 namespace, 3 topic, 4 event {1 type, 2 value}.
    static func containerd(_ bytes: [UInt8]) throws(ProtobufFailure) -> RuntimeEvent? {
        var time: Int64 = 0
        var place = ""
        var type = ""
        var value: [UInt8] = []
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            switch field.number {
            case 1: time = try timestamp(field)
            case 2: place = field.text ?? ""
            case 4:
                try field.message { field throws(ProtobufFailure) in
                    switch field.number {
                    case 1: type = field.text ?? ""
                    case 2: value = field.raw ?? []
                    default: break
                    }
                }
            default: break
            }
        }
        guard place == namespace, let action = action(type) else { return nil }
        return try event(value, action, time)
    }

    /// A type's name is bare, or the end of a URL.
    private static func action(_ type: String) -> RuntimeEvent.Action? {
        switch type.utf8.split(separator: 0x2F).last.map({ String(Substring($0)) }) {
        case "containerd.events.ContainerCreate": .create
        case "containerd.events.TaskStart", "containerd.events.TaskPaused", "containerd.events.TaskResumed": .look
        case "containerd.events.TaskOOM": .outOfMemory
        case "containerd.events.TaskExit": .die
        case "containerd.events.ContainerDelete": .destroy
        default: nil
        }
    }

    /// 1 container. Of an exit: 2 process, 4 status; a process besides the container's first one is of an exec.
    private static func event(
        _ value: [UInt8], _ action: RuntimeEvent.Action, _ time: Int64
    ) throws(ProtobufFailure) -> RuntimeEvent? {
        var id = ""
        var process: String?
        var exitCode: Int64 = 0
        try ProtobufReader.read(value) { field throws(ProtobufFailure) in
            switch field.number {
            case 1: id = field.text ?? ""
            case 2: process = field.text
            case 4: exitCode = field.integer ?? 0
            default: break
            }
        }
        guard DockerAnswers.isContainerID(id) else { return nil }
        var event = RuntimeEvent(id: id, action: action, time: time, attributes: [:])
        event.tellsContainer = false
        guard action == .die else { return event }
        if let process, process != id { return nil }
        event.attributes["exitCode"] = "\(exitCode)"
        return event
    }

    private static func timestamp(_ field: ProtobufReader.Field) throws(ProtobufFailure) -> Int64 {
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        try field.message { field throws(ProtobufFailure) in
            switch field.number {
            case 1: seconds = field.integer ?? 0
            case 2: nanoseconds = field.integer ?? 0
            default: break
            }
        }
        guard 0..<(1 << 33) ~= seconds, 0..<1_000_000_000 ~= nanoseconds else { return 0 }
        return seconds * 1_000_000_000 + nanoseconds
    }

    /// `ContainerEventResponse`: 1 container, 2 type, 3 time. How it ended is asked for.
    static func cri(_ bytes: [UInt8]) throws(ProtobufFailure) -> RuntimeEvent? {
        var id = ""
        var type: Int64 = 0
        var time: Int64 = 0
        try ProtobufReader.read(bytes) { field throws(ProtobufFailure) in
            switch field.number {
            case 1: id = field.text ?? ""
            case 2: type = field.integer ?? 0
            case 3: time = field.integer ?? 0
            default: break
            }
        }
        let actions: [Int64: RuntimeEvent.Action] = [0: .create, 1: .look, 2: .die, 3: .destroy]
        guard DockerAnswers.isContainerID(id), let action = actions[type] else { return nil }
        var event = RuntimeEvent(id: id, action: action, time: max(0, time), attributes: [:])
        event.tellsContainer = false
        return event
    }
}
