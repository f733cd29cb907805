// One entry of `files`: a declaration of host logs by the operator.

/// Which files are collected, and where to; validated, with the defaults of the whole configuration applied.
package struct FileEntry: Equatable, Sendable {
    /// `log.declaration`: [a-z0-9_-]{1,32}, unique.
    package let name: String
    /// Absolute patterns (`PathPattern`), at least one.
    package let paths: [String]
    /// Patterns without a slash match the file's name, absolute ones the whole path.
    package let exclude: [String]
    /// The entry's own template, or `kafka.topic`.
    package let topic: TopicTemplate
    /// `topic` rendered for this node: every field it may hold is constant per entry. Valid as a topic's name.
    package let topicName: String
    /// `labels.<k>` of the records.
    package let labels: [String: String]
    /// The entry's own, or the default.
    package let start: StartPosition
}
