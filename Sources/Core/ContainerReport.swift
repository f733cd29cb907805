// What labels were understood to mean and what came of it: the one value behind `explain`.

/// Containers and runtimes as the daemon sees them, or as `explain` finds them without one. Texts of tenants are in it
/// as they are: whoever shows them to a terminal escapes them.
package struct ContainersReport: Codable, Sendable, Equatable {
    package var runtimes: [RuntimeReport] = []
    package var containers: [ContainerReport] = []
    /// `labels.prefix`: what a label of a declaration begins with.
    package var labelPrefix = "longshore.logs"
    /// Where this comes from, when no daemon gave it.
    package var note: String?
    package init() {}
}

/// One runtime.
package struct RuntimeReport: Codable, Sendable, Equatable {
    package var name = ""
    package var socket = ""
    package var isUp = false
    package var version = ""
    /// Why it does not answer.
    package var reason: String?
    /// Its absence is a problem: the configuration asks for it, or it has answered before.
    package var isExpected = false
    package init() {}
}

/// One container.
package struct ContainerReport: Codable, Sendable, Equatable {
    package var id = ""
    package var name = ""
    package var image = ""
    package var runtime = ""
    package var service = ""
    /// Of Kubernetes; nil: it is in no pod.
    package var pod: String?
    package var namespace: String?
    /// created | running | paused | restarting | exited | dead | removing | removed
    package var state = ""
    package var exitCode: Int32?
    package var mounts: [MountReport] = []
    package var declarations: [DeclarationReport] = []
    package var problems: [LabelProblemReport] = []
    package init() {}
}

/// One mount of a container.
package struct MountReport: Codable, Sendable, Equatable {
    package var destination = ""
    /// bind | volume | tmpfs
    package var kind = ""
    package var source = ""
    /// local | network | refused | unreachable
    package var state = ""
    package var reason: String?
    package init() {}
}

/// One declaration: what was declared, and whether its logs arrive.
package struct DeclarationReport: Codable, Sendable, Equatable {
    package var name = ""
    /// Keys of the labels it was made from.
    package var keys: [String] = []
    package var paths: [String] = []
    package var exclude: [String] = []
    package var topic = ""
    /// Why the topic is another one than the label asked for.
    package var topicReason: String?
    /// active | no match yet | not reachable | refused | bad value | disabled | drained
    package var state = ""
    package var reason: String?
    /// What to write or do instead.
    package var remedy: String?
    package var files: [FileReport] = []
    package init() {}
}

/// One file that a declaration matches, or would but for the reason.
package struct FileReport: Codable, Sendable, Equatable {
    /// In the container; the live path of its stream.
    package var path = ""
    /// On the host, where it is known.
    package var resolved: String?
    /// As in SourceStatus.
    package var state = ""
    package var reason: String?
    package var offset: UInt64 = 0
    package var size: UInt64 = 0
    package var unread: UInt64 = 0
    package init() {}
}

/// A label that was not understood or not obeyed.
package struct LabelProblemReport: Codable, Sendable, Equatable {
    package var declaration = ""
    package var key = ""
    package var value = ""
    package var message = ""
    package var remedy = ""
    package init() {}
}
