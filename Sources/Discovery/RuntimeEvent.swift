// Something that happened to one container, as a runtime tells it.

/// An event of any runtime.
struct RuntimeEvent: Hashable, Sendable {
    enum Action: Hashable, Sendable {
        case create, look, kill, outOfMemory, die, destroy
    }

    var id: String
    var action: Action
    /// Nanoseconds since 1970 on the runtime's clock; 0 where it told none.
    var time: Int64
    /// Of Docker: labels with `image`, `name`, `exitCode` and their like among them; a label of such a name overwrites
    /// what the runtime says, so none of them is proof.
    var attributes: [String: String]
    /// It is about a container, and says enough of it to know it by. False: only an inspection tells what it is about.
    var tellsContainer = true

    var exitCode: Int32? { (attributes["exitCode"] ?? attributes["containerExitCode"]).flatMap { Int32($0) } }

    /// The container as far as the event tells: its mounts are unknown.
    func record(runtime: String) -> ContainerRecord? {
        guard tellsContainer else { return nil }
        var record = ContainerRecord(
            id: id, runtime: runtime, name: DockerAnswers.plainName(attributes["name"] ?? ""),
            image: attributes["image"] ?? "")
        record.labels = attributes.filter { !RuntimeEvent.known.contains($0.key) }
        record.status = action == .create ? .created : .exited
        return record
    }

    /// Attributes that the runtime adds to the labels.
    private static let known: Set<String> = [
        "image", "name", "exitCode", "signal", "execDuration", "oldName", "containerExitCode", "execID",
    ]
}
