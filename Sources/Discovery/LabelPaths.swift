// The paths of one declaration together: which are good, and the patterns they give.
internal import Core

/// Items of a path label, read.
struct LabelPaths {
    private(set) var paths: [LabelPath] = []
    private var flaws: [LabelFlaw] = []

    init(_ items: [String], isDirectory: Bool) {
        for item in items {
            if item == "stdout", !isDirectory {
                flaws.append(
                    LabelFlaw(message: "stdout stands among paths", remedy: "give stdout a declaration of its own"))
                continue
            }
            switch LabelPath.parse(item, isDirectory: isDirectory) {
            case .success(let path): paths.append(path)
            case .failure(let flaw): flaws.append(flaw)
            }
        }
    }

    /// Sets the declaration's paths, and adds what is wrong with them. False when there are none: then it is fatal.
    func apply(
        to declaration: inout LabelDeclaration, include: [String], isCut: Bool, label: LabelEntry, example: String,
        _ problems: inout LabelProblems
    ) -> Bool {
        let name = declaration.name
        for flaw in flaws { problems.add(name, label, flaw.message, flaw.remedy, isFatal: paths.isEmpty) }
        if paths.isEmpty, flaws.isEmpty { problems.add(name, label, "the path is empty", example, isFatal: true) }
        if isCut {
            problems.add(
                name, label, "more than \(LabelLimits.items) paths: the rest is left out",
                "write at most \(LabelLimits.items), or a pattern")
        }
        if !setPatterns(of: &declaration, include) {
            problems.add(
                name, label, "more than \(LabelLimits.patterns) paths with their include: the rest is left out",
                "write fewer, or a pattern")
        }
        return !paths.isEmpty
    }

    /// Every pattern once, in the order of the label; false when there are too many.
    private func setPatterns(of declaration: inout LabelDeclaration, _ include: [String]) -> Bool {
        // By their bytes: names that only Unicode takes for the same are of different files.
        var seen: Set<[UInt8]> = []
        for path in paths {
            for pattern in path.patterns(include: include) where seen.insert(Array(pattern.utf8)).inserted {
                if declaration.paths.count == LabelLimits.patterns { return false }
                declaration.paths.append(pattern)
            }
        }
        return true
    }
}
