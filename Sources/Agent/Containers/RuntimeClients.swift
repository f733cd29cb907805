// Which client speaks to which runtime.
internal import Discovery

extension Agent {
    /// Makes the client of a runtime.
    static var runtimeMaker: ContainerSupervisor.RuntimeMaker {
        { settings in settings.name == "docker" ? DockerRuntime(name: settings.name, socket: settings.socket) : nil }
    }
}
