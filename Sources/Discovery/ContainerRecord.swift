// What a runtime tells about one container: captured at create, kept until its last record is acknowledged.

/// One container as its runtime describes it, persisted as JSON beside the checkpoint. Every text is untrusted.
package struct ContainerRecord: Codable, Hashable, Sendable {
    package enum Status: String, Codable, Hashable, Sendable {
        case created, running, paused, restarting, exited, dead, removing
    }

    package struct Mount: Codable, Hashable, Sendable {
        package enum Kind: String, Codable, Hashable, Sendable { case bind, volume, tmpfs, other }
        package var kind: Kind
        /// Name of a volume; empty for others.
        package var name: String
        /// Host path; empty for a tmpfs.
        package var source: String
        /// Path in the container.
        package var destination: String
        /// Storage driver of a volume: `local`, …
        package var driver: String

        package init(kind: Kind, name: String = "", source: String = "", destination: String, driver: String = "") {
            self.kind = kind
            self.name = name
            self.source = source
            self.destination = destination
            self.driver = driver
        }
    }

    /// The pod of a container that CRI made: Kubernetes' words about it.
    package struct Pod: Codable, Hashable, Sendable {
        package var name: String
        package var namespace: String
        /// Names its directories below the kubelet's.
        package var uid: String
        package var labels: [String: String]
        /// Here an app team declares its logs.
        package var annotations: [String: String]

        package init(
            name: String = "", namespace: String = "", uid: String = "", labels: [String: String] = [:],
            annotations: [String: String] = [:]
        ) {
            self.name = name
            self.namespace = namespace
            self.uid = uid
            self.labels = labels
            self.annotations = annotations
        }
    }

    /// How the file at `logPath` is written.
    package enum LogFormat: String, Codable, Hashable, Sendable {
        /// Docker's driver json-file: an object with `log`, `stream` and `time` in each line.
        case jsonFile
        /// `TIME STREAM TAG TEXT`: containerd's and CRI-O's, and Podman's k8s-file.
        case cri
        /// None that can be read as a file.
        case none
    }

    /// Full id.
    package var id: String
    /// `docker`, `podman`, `containerd`, `cri-o`: container.runtime.name.
    package var runtime: String
    /// Without the slash Docker puts before it.
    package var name: String
    package var image: String
    /// Of the container; with Docker and Podman those of its image are merged in.
    package var labels: [String: String]
    package var mounts: [Mount]
    /// UpperDir first, then LowerDirs from top to bottom; empty where the storage driver or snapshotter tells none.
    package var layers: [String]
    package var status: Status
    /// First process, in the runtime's pid namespace; 0 while it does not run.
    package var processID: Int32
    /// Of the last run.
    package var exitCode: Int32?
    package var isOutOfMemory: Bool
    /// RFC 3339 as the runtime gave them; empty: not yet.
    package var created: String
    package var started: String
    package var finished: String
    package var restartCount: Int
    /// Absolute host path of the file that the runtime writes stdout and stderr to; empty where there is none.
    package var logPath: String
    /// As the runtime calls it: `json-file`, `local`, `journald`, `none`, …; empty where it has no drivers.
    package var logDriver: String
    package var logFormat: LogFormat
    /// nil: it is in none.
    package var pod: Pod?

    package init(id: String, runtime: String = "docker", name: String = "", image: String = "") {
        self.id = id
        self.runtime = runtime
        self.name = name
        self.image = image
        labels = [:]
        mounts = []
        layers = []
        status = .created
        processID = 0
        isOutOfMemory = false
        created = ""
        started = ""
        finished = ""
        restartCount = 0
        logPath = ""
        logDriver = ""
        logFormat = .none
    }
}

extension ContainerRecord {
    /// Records of earlier versions have fewer fields, never others: what came later may be absent.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(id: try fields.decode(String.self, forKey: .id))
        runtime = try fields.decode(String.self, forKey: .runtime)
        name = try fields.decode(String.self, forKey: .name)
        image = try fields.decode(String.self, forKey: .image)
        labels = try fields.decode([String: String].self, forKey: .labels)
        mounts = try fields.decode([Mount].self, forKey: .mounts)
        layers = try fields.decode([String].self, forKey: .layers)
        status = try fields.decode(Status.self, forKey: .status)
        processID = try fields.decode(Int32.self, forKey: .processID)
        exitCode = try fields.decodeIfPresent(Int32.self, forKey: .exitCode)
        isOutOfMemory = try fields.decode(Bool.self, forKey: .isOutOfMemory)
        created = try fields.decode(String.self, forKey: .created)
        started = try fields.decode(String.self, forKey: .started)
        finished = try fields.decode(String.self, forKey: .finished)
        restartCount = try fields.decode(Int.self, forKey: .restartCount)
        logPath = try fields.decodeIfPresent(String.self, forKey: .logPath) ?? ""
        logDriver = try fields.decodeIfPresent(String.self, forKey: .logDriver) ?? ""
        logFormat = try fields.decodeIfPresent(LogFormat.self, forKey: .logFormat) ?? .none
        pod = try fields.decodeIfPresent(Pod.self, forKey: .pod)
    }
}
