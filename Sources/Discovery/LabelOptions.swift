// Which labels the operator lets containers declare logs with.

/// The `labels` section as the reader needs it. Prefixes are [a-z0-9._-]+ without a dot at the ends.
package struct LabelOptions: Sendable, Hashable {
    /// `<prefix>.<name>.path` and the other keys of the contract.
    package var prefix = "longshore.logs"
    /// Prefixes that are read as log-pilot's (`aliyun.logs`): `<prefix>.<name>`, `.tags`, `.target`, `.format`.
    package var compatible: [String] = []
    /// Key of the platform's own label that holds a directory, or several separated by `;`.
    package var directory: String?
    /// Key of the platform's own label that holds file extensions: `.log;out`.
    package var extensions: String?

    package init() {}
}

/// What the labels of one container say. Declarations are sorted by name, and so are the problems of declarations.
package struct LabelReading: Sendable, Hashable {
    package var declarations: [LabelDeclaration]
    package var problems: [LabelProblem]
}

/// Bounds of what one container may declare. Beyond each of them there is a problem, and the rest is left out.
enum LabelLimits {
    static let declarations = 64
    /// Paths of one declaration, patterns of one `include` or `exclude`, labels of one `labels`.
    static let items = 32
    /// Patterns of one declaration, paths and `include` multiplied.
    static let patterns = 256
    /// Bytes of a path or pattern (PATH_MAX of limits.h).
    static let path = 4096
    /// Bytes of a topic's name (Kafka's limit).
    static let topic = 249
    /// Bytes of a container's name; Kubernetes takes 63.
    static let container = 253
    /// Problems of one container.
    static let problems = 100
    /// Bytes of a key or value in a problem.
    static let shown = 200
}
