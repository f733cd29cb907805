// Which containers `longshore explain CONTAINER` means, and whether they are well.
package import Core

extension ContainersReport {
    /// Only the containers of that name, else those of that service, else those whose id begins with it.
    package func selecting(_ container: String) -> ContainersReport {
        var selected = self
        selected.containers = containers.filter { $0.name == container }
        if selected.containers.isEmpty, !container.isEmpty {
            selected.containers = containers.filter { $0.service == container }
        }
        if selected.containers.isEmpty, !container.isEmpty {
            selected.containers = containers.filter { $0.id.hasPrefix(container) }
        }
        return selected
    }

    /// A declaration is not shipped and somebody has to do something about it, or a label was not obeyed.
    package var hasProblems: Bool {
        containers.contains { container in
            !container.problems.isEmpty
                || container.declarations.contains { ContainersText.grade($0) == .bad }
        }
    }
}
