// What the configuration says about containers, as the supervisor needs it.
package import Discovery
package import Resolver

/// One runtime to watch.
package struct RuntimeSettings: Hashable, Sendable {
    package var name: String
    package var socket: String
    /// `enabled: true`: its absence is a problem; else it is watched for, now and later.
    package var isRequired: Bool

    package init(name: String, socket: String, isRequired: Bool = false) {
        self.name = name
        self.socket = socket
        self.isRequired = isRequired
    }
}

/// Whose stdout and stderr are collected: `labels.stdout`.
package enum OutputRule: Sendable {
    case all, declared, none
}

/// The operator's rules for containers. Immutable; a reload makes new ones.
package struct ContainerRules: Sendable {
    package var runtimes: [RuntimeSettings] = []
    package var labels = LabelOptions()
    /// `labels.record`: keys of labels that are copied into records.
    package var recorded: [String] = []
    package var route: @Sendable (ContainerRecord, LabelDeclaration) -> TopicRoute
    package var output = OutputRule.declared
    /// The default of `start`.
    package var startsAtEnd = false
    /// Nanoseconds; 0: none.
    package var ignoreOlder: Int64 = 0
    package var policy = ResolverPolicy()

    package init(route: @escaping @Sendable (ContainerRecord, LabelDeclaration) -> TopicRoute) { self.route = route }
}
