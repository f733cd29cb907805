// Lines of a test's configuration about runtimes: a machine's own must not have a say.

extension Daemon {
    private static let off = "{enabled: false}"

    /// No containers at all.
    package static let noContainers = "runtimes: {docker: \(off), cri: \(off), podman: \(off)}"

    /// The Docker Engine behind this socket, and no other runtime.
    package static func dockerOnly(_ socket: String) -> String {
        "runtimes: {docker: {enabled: true, socket: \"\(socket)\"}, cri: \(off), podman: \(off)}"
    }

    /// The runtime behind a CRI socket, and no other one.
    package static func criOnly(_ socket: String) -> String {
        "runtimes: {docker: \(off), cri: {enabled: true, socket: \"\(socket)\"}, podman: \(off)}"
    }

    /// The Podman behind this socket, and no other runtime.
    package static func podmanOnly(_ socket: String) -> String {
        "runtimes: {docker: \(off), cri: \(off), podman: {enabled: true, socket: \"\(socket)\"}}"
    }
}
