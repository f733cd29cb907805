// Places in declared patterns: what the entries of one directory are matched against.

/// A place in a pattern: entries of a directory are matched against component `component`.
struct PatternState: Hashable {
    /// Place in the list of declarations that the state is used with.
    let declaration: Int32
    let pattern: Int32
    let component: Int32

    var next: PatternState {
        PatternState(declaration: declaration, pattern: pattern, component: component + 1)
    }
}

extension [FileDeclaration] {
    func component(_ state: PatternState) -> PatternComponent {
        self[Int(state.declaration)].patterns[Int(state.pattern)].components[Int(state.component)]
    }

    func isLast(_ state: PatternState) -> Bool {
        Int(state.component) == self[Int(state.declaration)].patterns[Int(state.pattern)].components.count - 1
    }

    /// `**` fits no directory too: a state on it implies the state behind it.
    func closure(_ states: [PatternState]) -> [PatternState] {
        var all: [PatternState] = []
        for var state in states {
            while true {
                if !all.contains(state) { all.append(state) }
                guard component(state) == .anyDepth, !isLast(state) else { break }
                state = state.next
            }
        }
        return all
    }

    /// The states of a pattern behind the directories `names`, none when it does not lead there.
    func states(after names: [ArraySlice<UInt8>], from first: PatternState) -> [PatternState] {
        var states = closure([first])
        for name in names {
            let further = name.withUnsafeBufferPointer { match(states, $0) }
            let deeper = further.spread + further.deeper
            guard !deeper.isEmpty else { return [] }
            states = closure(deeper)
        }
        return states
    }

    /// What the entry `name` of a directory with these states is: a file for the declarations `wanting`, a directory to go on in by name
    /// (`deeper`), or one that a `**` spreads into.
    func match(_ states: [PatternState], _ name: UnsafeBufferPointer<UInt8>)
        -> (wanting: [Int32], deeper: [PatternState], spread: [PatternState])
    {
        var (wanting, deeper, spread) = ([Int32](), [PatternState](), [PatternState]())
        for state in states where component(state).matches(name) {
            if component(state) == .anyDepth { spread.append(state) }
            if isLast(state) {
                if !wanting.contains(state.declaration) { wanting.append(state.declaration) }
            } else if component(state) != .anyDepth {
                deeper.append(state.next)
            }
        }
        return (wanting, deeper, spread)
    }
}
