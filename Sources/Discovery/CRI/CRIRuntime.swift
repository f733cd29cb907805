// containerd, CRI-O and whatever else speaks CRI, as a container runtime.
internal import Synchronization

/// One runtime behind a CRI socket.
package struct CRIRuntime: ContainerRuntime, WatchedRuntime {
    package let name: String
    package let socket: String
    let options: RuntimeOptions
    /// Connections of which the events were of no use: from then on there are only lists.
    private let state = State()

    /// The defaults of the daemon: probed every 30 seconds; a second list soon after the first, since nothing tells when
    /// exactly a subscription stands, and no event is kept.
    package static var usualOptions: RuntimeOptions {
        var options = RuntimeOptions()
        options.probeInterval = .seconds(30)
        options.firstReconcile = .seconds(1)
        return options
    }

    package init(
        name: String = "containerd", socket: String = "/run/containerd/containerd.sock",
        options: RuntimeOptions = CRIRuntime.usualOptions
    ) {
        self.name = name
        self.socket = socket
        self.options = options
    }

    /// Runs until its task is cancelled. For one task at a time.
    package func watch(_ sink: @Sendable (ContainerChange) async -> Void) async {
        var watch = RuntimeWatch(self, since: nil)
        await watch.run(sink)
    }

    package func list() async throws -> [ContainerRecord] {
        let api = try await connect()
        return await api.inspectAll(try await api.list())
    }

    func connect() async throws(RuntimeFailure) -> CRIAPI {
        let client = GRPCUnixClient(socket: socket, deadline: options.deadline)
        return try await CRIAPI(client, isPolled: state.isPolled.withLock { $0 }) { [state] in
            state.isPolled.withLock { $0 = true }
        }
    }

    func advance(to time: Int64?) {}

    /// Shared by the copies of this value.
    private final class State: Sendable { let isPolled = Mutex(false) }
}
