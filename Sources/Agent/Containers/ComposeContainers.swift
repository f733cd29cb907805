// The services of a Compose file as containers that do not exist yet.
internal import Configuration
internal import Discovery

/// What a Compose file would become.
struct ComposeContainers {
    let records: [ContainerRecord]
    /// As FILE:LINE:COLUMN: error: what; what to write instead. With problems the records are what could be understood.
    let problems: [String]

    /// Blocks on local files.
    init(path: String) {
        let reading = ComposeReader.read(path: path, environment: ProcessEnvironment.current())
        records = reading.services.map(ContainerRecord.init)
        problems = reading.problems.map(\.description)
    }
}

extension ContainerRecord {
    fileprivate init(_ service: ComposeService) {
        self.init(id: "", name: service.containerName, image: service.image)
        labels = service.labels
        mounts = service.mounts.map { mount in
            switch mount.kind {
            case .bind: Mount(kind: .bind, source: mount.source, destination: mount.destination)
            case .volume: Mount(kind: .volume, name: mount.source, destination: mount.destination)
            case .tmpfs: Mount(kind: .tmpfs, destination: mount.destination)
            }
        }
    }
}
