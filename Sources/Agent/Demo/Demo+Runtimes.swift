// What the demo's configuration says about runtimes.

extension Demo {
    /// The `runtimes` section of the demo's configuration; nil: this build follows no containers.
    static func runtimesText(socket: String) -> String? { "runtimes: {docker: {enabled: true, socket: \"\(socket)\"}}" }
}
