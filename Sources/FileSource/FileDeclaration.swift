// What the tailer is asked to follow.
internal import Core
package import LinuxIO

/// One declared set of files: an entry of `files` in the configuration, or a declaration of a container.
package struct FileDeclaration: Sendable {
    package let name: String
    /// Full id of the container it belongs to; empty for host files.
    package let container: String
    package let patterns: [PathPattern]
    package let excludes: [ExcludePattern]
    /// Files that are there when the daemon sees this declaration for the first time ever begin at their end.
    package let startAtEnd: Bool
    /// Nanoseconds; files last written longer ago at first sight are left alone. 0: none.
    package let ignoreOlder: Int64
    /// The daemon has followed this declaration in an earlier run.
    package var isKnown: Bool
    /// Topic name; two declarations that reach one file with the same route ship it once.
    package let route: String
    /// Its files are this one and what it is renamed to, all of one stream: a runtime's log of a container's output.
    package let log: RawPath?
    /// Where its paths lead: place in the tailer's `views`. Set by the tailer, like all below.
    var view: Int32 = 0
    /// Its first walk is not over: `start: end` and renames while the daemon was down matter then only.
    var isFirstWalk = true
    /// A file of it was found.
    var hasMatched = false
    /// Its container has stopped: what was found by then is drained, nothing more is admitted.
    var isRetired = false

    package init(
        name: String, container: String = "", patterns: [PathPattern], excludes: [ExcludePattern] = [],
        startAtEnd: Bool = false,
        ignoreOlder: Int64 = 0, isKnown: Bool = false, route: String, log: RawPath? = nil
    ) {
        self.name = name
        self.container = container
        self.patterns = patterns
        self.excludes = excludes
        self.startAtEnd = startAtEnd
        self.ignoreOlder = ignoreOlder
        self.isKnown = isKnown
        self.route = route
        self.log = log
    }
}

/// How the tailer works, independent of how it is configured.
package struct TailerOptions: Sendable {
    package var host: String
    /// Nanoseconds between two walks over everything that inotify should have told.
    package var rescanInterval: Int64 = 60 * nanosecondsPerSecond
    /// Nanoseconds of such a walk between two looks at what is ready to be read: with thousands of files it takes long.
    package var rescanBudget: Int64 = 4 * nanosecondsPerMillisecond
    /// Nanoseconds between two looks at directories without a watch, and at files without a name.
    package var pollInterval: Int64 = nanosecondsPerSecond
    /// inotify watches the tailer may use; nil: as many as the kernel gives.
    package var watchLimit: Int?
    /// Descriptors the tailer may hold open for files.
    package var openLimit = 8192
    /// Nothing below these directories is ever followed (the daemon's own state).
    package var refusedDirectories: [RawPath] = []
    /// Files on containers' layers are looked at with every poll: before Linux 6.5 a write through an overlay raises no
    /// event on its upper layer.
    package var pollsLayers = !KernelVersion.current.isAtLeast(6, 5)
    /// Files on network file systems are not followed (`paths.network_volumes: refuse`).
    package var refusesNetwork = false
    /// The daemon's own log, when it is a file: never followed.
    package var ownLog: (device: UInt64, inode: UInt64)?

    package init(host: String) { self.host = host }
}
