// Stand-in for the clients of the runtimes: there is none yet.
internal import Discovery
internal import Logging

extension Agent {
    /// Makes the client of a runtime. `logger` nil: nobody reads what it logs.
    static func runtimeMaker(_ logger: Logger? = nil) -> ContainerSupervisor.RuntimeMaker { { _ in nil } }
}
