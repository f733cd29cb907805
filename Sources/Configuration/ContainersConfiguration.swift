// Containers: the runtimes to ask, what of the host they may reach, the labels they declare logs with.

/// The `runtimes` section.
package struct RuntimesConfiguration: Equatable, Sendable {
    package let docker: RuntimeConfiguration
    /// containerd or CRI-O.
    package let cri: RuntimeConfiguration
    package let podman: RuntimeConfiguration
    /// Where the host's file system is seen; absolute, without a slash at the end unless it is `/`.
    package let hostRoot: String

    /// Containers may be there.
    package var isAnyFollowed: Bool { [docker, cri, podman].contains { $0.enabled != .never } }
}

/// One container runtime.
package struct RuntimeConfiguration: Equatable, Sendable {
    /// The raw values are the ones of the file.
    package enum Enabled: String, Sendable, CaseIterable {
        /// Followed wherever its socket answers, now or later.
        case auto
        /// Its absence is a problem.
        case always = "true"
        case never = "false"
    }
    package let enabled: Enabled
    /// Absolute path, at most 107 bytes (sun_path of unix(7)), not below `hostRoot`.
    package let socket: String
}

/// The `paths` section: the operator's rules for mount sources.
package struct PathsConfiguration: Equatable, Sendable {
    /// What to do with volumes on network file systems.
    package enum NetworkVolumes: String, Sendable, CaseIterable {
        case collect, refuse
    }
    /// Bind sources that are refused by rule and allowed nevertheless, with all below them: absolute paths, never `/`.
    package let allowMountSources: [String]
    package let networkVolumes: NetworkVolumes
}

/// The `labels` section.
package struct LabelsConfiguration: Equatable, Sendable {
    /// Whose stdout and stderr are collected.
    package enum Stdout: String, Sendable, CaseIterable {
        case all, declared, none
    }
    /// [a-z0-9._-]+ without a dot at the ends, as are `compatible`, all different.
    package let prefix: String
    /// Prefixes that are read as log-pilot's.
    package let compatible: [String]
    /// Key of the platform's label that holds directories.
    package let directory: String?
    /// Key of the platform's label that holds extensions; never without `directory`.
    package let extensions: String?
    package let stdout: Stdout
    /// Keys of container labels that are copied into records, all different even with dots as `_`.
    package let record: [String]
}
