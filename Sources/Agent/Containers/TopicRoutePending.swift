// Stand-in for the outcome of topic routing.
package import Discovery

/// Where one declaration's records go.
package struct TopicRoute: Sendable, Hashable {
    package var topic: String
    /// Why it is another one than the label asks for; never fatal.
    package var reason: LabelProblem?

    package init(topic: String, reason: LabelProblem? = nil) {
        self.topic = topic
        self.reason = reason
    }
}
