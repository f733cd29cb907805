// What comes of looking for a path in a container.
package import LinuxIO

/// Where a path of a container leads.
package enum Location {
    case found(LocatedFile)
    /// Nothing there, or not to be reached: errno is the kernel's (ENOENT, ENOTDIR, EACCES, ELOOP, …), ESRCH when the
    /// container's root is to be had only while it runs, EAGAIN when a mount changed meanwhile.
    case missing(SystemError)
    /// The rules forbid it: what it is, and what to write instead. Printable.
    case refused(reason: String)
    /// On a network file system: only its own I/O worker may look, with `allowsNetwork`.
    case network(HostMounts.Entry)
}

/// How listing a directory ended.
package enum ListOutcome {
    case listed
    case missing(SystemError)
    case refused(String)
    case network(HostMounts.Entry)
}

/// What is known of one mount.
package enum MountFinding: Hashable, Sendable {
    case local
    case network(type: String)
    case refused(reason: String)
    case unreachable(reason: String)
}

/// Ends a walk early; becomes a `Location`, a `ListOutcome` or a `MountFinding`.
enum Stop: Error {
    case missing(SystemError)
    case refused(String)
    case network(HostMounts.Entry)

    /// A system call that failed on `place`, a path in the container.
    static func missing(_ error: SystemError, at place: RawPath) -> Stop {
        .missing(SystemError(error.operation, printable(place.orRoot), errno: error.errno))
    }

    static func missing(_ errno: Int32, at place: RawPath) -> Stop {
        .missing(SystemError("open", printable(place.orRoot), errno: errno))
    }
}
