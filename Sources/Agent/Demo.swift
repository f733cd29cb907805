// The demo: placeholder that is replaced by the next commit.
package struct Demo {
    package init(limit: Int?, print: @escaping @Sendable (String) -> Void) {}
    package func run() async throws {}
}
