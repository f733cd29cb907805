// Which client speaks to which runtime.
internal import Discovery
internal import Logging

extension Agent {
    /// Makes the client of a runtime. `logger` nil: nobody reads what it logs.
    static func runtimeMaker(_ logger: Logger? = nil) -> ContainerSupervisor.RuntimeMaker {
        { settings in settings.name == "docker" ? DockerRuntime(name: settings.name, socket: settings.socket) : nil }
    }
}
