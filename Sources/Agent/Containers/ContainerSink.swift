// What the supervisor of containers wants of an engine.
package import Engine

/// The engine as the supervisor sees it; tests put a fake in its place. Calls return at once.
package protocol ContainerSink: Sendable {
    /// Containers that the store kept from the last run.
    var storedContainers: [(id: String, stored: [UInt8])] { get }
    func attach(_ container: EngineContainer)
    func remove(container id: String)
    func announce(_ event: ContainerEvent, container id: String, name: String)
}

extension Engine: ContainerSink {}
