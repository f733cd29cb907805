// What labels were understood to mean.

/// One declaration of a container, validated but for what only the file system and the operator's rules can tell.
package struct LabelDeclaration: Hashable, Sendable, Codable {
    package enum Start: String, Hashable, Sendable, Codable { case beginning, end }

    /// [a-z0-9_-]{1,32}, unique in its container.
    package var name: String
    /// Absolute patterns in the container, normalized: directory and include joined. Empty when `isStdout`.
    package var paths: [String]
    /// Patterns without a slash fit a file's name, absolute ones the whole path in the container.
    package var exclude: [String] = []
    /// It asks for the container's stdout and stderr.
    package var isStdout = false
    /// As the label asks; whether the operator allows it is decided later.
    package var topic: String?
    package var start: Start?
    /// `labels.<k>` of the records.
    package var labels: [String: String] = [:]
    /// The only container of the pod that it is for; nil: each.
    package var container: String?
    /// False: switched off by its label.
    package var isEnabled = true
    /// Keys of the labels it was made from, sorted.
    package var keys: [String] = []

    package init(name: String, paths: [String]) {
        self.name = name
        self.paths = paths
    }
}

/// A label that was not understood or not obeyed. Texts are untrusted and not escaped yet.
package struct LabelProblem: Hashable, Sendable, Codable {
    /// Name of the declaration it belongs to; empty when there is none.
    package var declaration: String
    package var key: String
    /// At most 200 bytes of it.
    package var value: String
    package var message: String
    package var remedy: String
    /// False: the declaration is followed all the same, without this label.
    package var isFatal: Bool

    package init(
        declaration: String, key: String, value: String, message: String, remedy: String, isFatal: Bool = false
    ) {
        self.declaration = declaration
        self.key = key
        self.value = value
        self.message = message
        self.remedy = remedy
        self.isFatal = isFatal
    }
}
