// A container as the engine ships it: where its files are, what is declared, and what its records say about it.
internal import Core
package import Resolver

/// One container with everything the pipeline needs of it. Attached again whenever something of it changes.
package struct EngineContainer: Sendable {
    /// The runtime's full id.
    package var id: String
    /// What is kept in the store until the container's last record is acknowledged; given back by
    /// `Engine.storedContainers`. The engine does not look into it.
    package var stored: [UInt8]
    /// Members of every record about the container, as `renderMembers` gives them.
    package var members: [UInt8]
    package var layout: ContainerLayout
    /// Where the runtime keeps the container's output: one mount, from a directory of the host to the same place, and
    /// nothing else. Only declarations with a format of a runtime reach it, and they reach nothing else. Nil: nowhere.
    package var logs: ContainerLayout?
    /// Their names are unique in the container. `files.patterns` are paths in the container.
    package var declarations: [EngineDeclaration]
    /// False: its files are drained, then let go.
    package var isRunning: Bool

    package init(
        id: String, stored: [UInt8], members: [UInt8], layout: ContainerLayout,
        logs: ContainerLayout? = nil, declarations: [EngineDeclaration], isRunning: Bool
    ) {
        self.id = id
        self.stored = stored
        self.members = members
        self.layout = layout
        self.logs = logs
        self.declarations = declarations
        self.isRunning = isRunning
    }
}
