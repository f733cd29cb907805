// Stand-in for the reader of Compose files.
internal import Discovery

extension OfflineContainers {
    /// Each service as the container that Compose would make of it.
    static func composeRecords(path: String) throws(AgentFailure) -> [ContainerRecord] {
        throw AgentFailure(message: "reading Compose files is not available yet: \(path)")
    }
}
