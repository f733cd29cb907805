// Docker Engine as a container runtime, and whatever speaks its API.
internal import Synchronization

/// One Docker Engine behind a unix socket. Podman's compatible API is one too: `name` and `socket` say so.
package struct DockerRuntime: ContainerRuntime, WatchedRuntime {
    package typealias Options = RuntimeOptions

    package let name: String
    package let socket: String
    let options: Options
    private let since: Int64?
    private let newest = Newest()

    /// `since`: what `newestEvent` was when the last process ended: what happened in between is told, as far as the
    /// runtime still knows it (Docker Engine keeps 256 events in memory).
    package init(
        name: String = "docker", socket: String = "/var/run/docker.sock", since: Int64? = nil,
        options: Options = Options()
    ) {
        self.name = name
        self.socket = socket
        self.since = since
        self.options = options
    }

    /// All events up to this time were handed to the sink of `watch`, and it has returned; nanoseconds since 1970 on the
    /// runtime's clock. nil: not connected yet.
    package var newestEvent: Int64? { newest.time.withLock { $0 } }

    /// Runs until its task is cancelled. For one task at a time.
    package func watch(_ sink: @Sendable (ContainerChange) async -> Void) async {
        var watch = RuntimeWatch(self, since: newestEvent ?? since)
        await watch.run(sink)
    }

    package func list() async throws -> [ContainerRecord] {
        let api = try await connect()
        return await api.inspectAll(try await api.list())
    }

    func connect() async throws(RuntimeFailure) -> DockerAPI {
        try await DockerAPI(HTTPUnixClient(socket: socket, deadline: options.deadline), runtime: name)
    }

    func advance(to time: Int64?) { newest.time.withLock { $0 = time } }

    /// Shared by the copies of this value.
    private final class Newest: Sendable { let time = Mutex<Int64?>(nil) }
}
