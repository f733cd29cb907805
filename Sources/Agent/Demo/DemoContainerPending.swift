// Stand-in: containers are not followed yet, so the demo starts none.

extension Demo {
    /// The `runtimes` section of the demo's configuration; nil: this build follows no containers.
    static func runtimesText(socket: String) -> String? { nil }
}
