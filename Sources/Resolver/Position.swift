// A place in a container with what is open for it.
internal import CLinux
internal import LinuxIO

/// What stands at one place of a container. Lives during one call only.
struct Position {
    enum Base: Equatable {
        case mount(Int)
        case layers
        case process
    }

    /// The directory or file in one layer of the root; elsewhere there is one part, of layer 0.
    struct Part {
        let handle: PathDescriptor
        let layer: Int
    }

    /// Top layer first; several for a directory that is merged from layers.
    var parts: [Part]
    var base: Base
    /// Of the first part.
    var status: clinux_stat
    /// Of the first part, as this process names it, for mounts below it; nil: no mount is expected below.
    var hostPath: RawPath?

    init(parts: [Part], base: Base, status: clinux_stat, hostPath: RawPath?) {
        self.parts = parts
        self.base = base
        self.status = status
        self.hostPath = hostPath
    }

    init(_ handle: PathDescriptor, _ status: clinux_stat, _ base: Base, hostPath: RawPath?) {
        self.init(parts: [Part(handle: handle, layer: 0)], base: base, status: status, hostPath: hostPath)
    }

    var top: PathDescriptor { parts[0].handle }

    var mount: Int? {
        if case .mount(let index) = base { index } else { nil }
    }
}
