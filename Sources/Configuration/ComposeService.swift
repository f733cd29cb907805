// What a Compose file says about one service, as far as its logs are concerned.

/// A service as the container that `docker compose up` would make of it. Every text is untrusted.
package struct ComposeService: Sendable, Equatable {
    /// `service.name`.
    package var name: String
    /// `container_name`, or PROJECT-SERVICE-1.
    package var containerName: String
    /// `image`, or PROJECT-SERVICE for one that is built.
    package var image: String
    /// With com.docker.compose.project and com.docker.compose.service, which Compose adds.
    package var labels: [String: String]
    package var mounts: [ComposeMount]
    /// Where it begins.
    package var position: Position
}

/// One mount of a service.
package struct ComposeMount: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable { case bind, volume, tmpfs }
    package var kind: Kind
    /// Absolute host path of a bind; name of a volume as the runtime knows it, empty for one without a name; empty for a
    /// tmpfs.
    package var source: String
    /// Path in the container.
    package var destination: String

    package init(kind: Kind, source: String, destination: String) {
        self.kind = kind
        self.source = source
        self.destination = destination
    }
}

/// A Compose file, read. With problems the services are what could be understood.
package struct ComposeReading: Sendable, Equatable {
    /// In the order of the file.
    package var services: [ComposeService]
    /// In the order of lines and columns.
    package var problems: [Diagnostic]
}
