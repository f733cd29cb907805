// Files that get other names: rename and create, chains, dated names behind a link, rename over, hard links, moves.
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Rotation", .played(RotationHistory.all))
    enum Rotation {}
}

extension RotationHistory {
    static let all = names + contents + ends

    static let names = [
        renameAndCreate, renameInsideThePattern, chain, declaredChain, movingLink, movingLinkAndDatedNames, renameOver,
        lateWriter, hardLink, movedFile, rapidRotation,
    ]

    static let renameAndCreate = RotationHistory(
        name: "rename-create", before: { try $0.write("app.log", "one|") },
        steps: [rotation], shipped: ["app.log#0 one|two|late|", "app.log#1 three|"])

    static let renameInsideThePattern = RotationHistory(
        name: "rename-declared", paths: ["app.log*"], before: { try $0.write("app.log", "one|") },
        steps: [rotation], shipped: ["app.log#0 one|two|late|", "app.log#1 three|"])

    private static let rotation: Step = { files in
        try files.append("app.log", "two|")
        try files.rename("app.log", "app.log.1")
        try files.append("app.log.1", "late|")
        try files.write("app.log", "three|")
    }

    private static let generations = (0...6).map { "app.log#\($0) generation \($0)|" }

    /// Of the two that were born and deleted between two looks only that they existed is known; of those born and rotated
    /// while the daemon was down not even that, because rotated names are not declared.
    static let chain = RotationHistory(
        name: "chain", before: { try $0.write("app.log", "generation 0|") },
        steps: (1...6).map { number in { try $0.shift("app.log", last: 3, "generation \(number)|") } },
        shipped: generations,
        paused: [
            "app.log#0 generation 0|", "app.log#1 generation 3|", "app.log#2 generation 4|", "app.log#3 generation 5|",
            "app.log#4 generation 6|", "gap app.log#? 0-? deleted", "gap app.log#? 0-? deleted",
        ],
        down: ["app.log#0 generation 0|", "app.log#1 generation 6|", "gap app.log#0 13-? deleted"])

    static let declaredChain = RotationHistory(
        name: "chain-declared", paths: ["app.log*"], before: { try $0.write("app.log", "generation 0|") },
        steps: (1...6).map { number in { try $0.shift("app.log", last: 3, "generation \(number)|") } },
        shipped: generations, paused: chain.paused,
        down: [
            "app.log#0 generation 0|", "app.log#1 generation 6|", "app.log.1#0 generation 5|",
            "app.log.2#0 generation 4|", "app.log.3#0 generation 3|", "gap app.log#0 13-? deleted",
        ])

    static let movingLink = RotationHistory(
        name: "link", paths: ["current.log"],
        before: { files in
            try files.write("21.log", "one|")
            try files.point("current.log", at: "21.log")
        },
        steps: datedRotation(in: ""),
        shipped: ["current.log#0 one|two|late|", "current.log#1 three|four|", "interleaved current.log"],
        paused: ["current.log#0 one|two|late|", "current.log#1 three|four|"],
        down: ["current.log#0 one|two|late|", "current.log#1 three|four|"])

    /// A file's stream has the name it was met by first: at a walk that is the link, whose directory is looked at before
    /// the one below; while it runs the file's own, which is made before the link moves.
    static let movingLinkAndDatedNames = RotationHistory(
        name: "link-and-dates", paths: ["dated/*.log", "current.log"],
        before: { files in
            try files.makeDirectory("dated")
            try files.write("dated/21.log", "one|")
            try files.point("current.log", at: "dated/21.log")
        },
        steps: datedRotation(in: "dated/"),
        shipped: ["current.log#0 one|two|late|", "dated/22.log#0 three|four|"],
        down: ["current.log#0 one|two|late|", "current.log#1 three|four|"])

    private static func datedRotation(in folder: String) -> [Step] {
        [
            { files in
                try files.append("\(folder)21.log", "two|")
                try files.write("\(folder)22.log", "three|")
                try files.point("current.log", at: "\(folder)22.log")
            },
            { files in
                try files.append("\(folder)22.log", "four|")
                try files.append("\(folder)21.log", "late|")
            },
        ]
    }

    static let renameOver = RotationHistory(
        name: "rename-over", before: { try $0.write("app.log", "old|") },
        steps: [
            { files in
                try files.append("app.log", "unread|")
                try files.write("app.log.tmp", "new|")
                try files.rename("app.log.tmp", "app.log")
            }
        ],
        shipped: ["app.log#0 old|unread|", "app.log#1 new|"],
        down: ["app.log#0 old|", "app.log#1 new|", "gap app.log#0 4-? deleted"])

    static let lateWriter = RotationHistory(
        name: "late-writer", before: { try $0.write("app.log", "one|") },
        steps: [
            { files in
                try files.rename("app.log", "app.log.1")
                try files.write("app.log", "two|")
            },
            { try $0.append("app.log.1", "late|") },
            { files in
                try files.rename("app.log.1", "app.log.2")
                try files.append("app.log.2", "later|")
            },
        ],
        shipped: ["app.log#0 one|late|later|", "app.log#1 two|", "interleaved app.log"],
        paused: ["app.log#0 one|late|later|", "app.log#1 two|"],
        down: ["app.log#0 one|late|later|", "app.log#1 two|"])

    static let hardLink = RotationHistory(
        name: "hard-link", paths: ["*.log"], before: { try $0.write("a.log", "one|") },
        steps: [
            { files in
                try files.link("a.log", "b.log")
                try files.append("b.log", "two|")
            },
            { try $0.delete("a.log") },
            { try $0.append("b.log", "three|") },
        ],
        shipped: ["a.log#0 one|two|three|"])

    static let movedFile = RotationHistory(
        name: "moved", paths: ["in/*.log", "out/*.log"],
        before: { files in
            try files.makeDirectory("in")
            try files.makeDirectory("out")
            try files.write("in/app.log", "one|")
        },
        steps: [
            { try $0.rename("in/app.log", "out/moved.log") },
            { try $0.append("out/moved.log", "two|") },
            { try $0.write("in/app.log", "three|") },
        ],
        shipped: ["in/app.log#0 one|two|", "in/app.log#1 three|"])

    static let rapidRotation = RotationHistory(
        name: "rapid", paths: ["*.log"],
        before: { files in for name in "abc" { try files.write("\(name).log", "before \(name)|") } },
        steps: [
            { files in
                for name in "abc" {
                    try files.rename("\(name).log", "\(name).log.1")
                    try files.write("\(name).log", "new \(name)|")
                    try files.append("\(name).log.1", "old \(name)|")
                }
            }
        ],
        shipped: "abc".flatMap { ["\($0).log#0 before \($0)|old \($0)|", "\($0).log#1 new \($0)|"] })
}

extension DaemonTests.Rotation {
    @Suite struct Names {
        @Test("Rename and create: what the old file still gets comes first", arguments: RotationMode.allCases)
        func renameAndCreate(mode: RotationMode) throws { try expectOutcome(.renameAndCreate, mode) }

        @Test("The same where the rotated name is declared too: nothing comes twice", arguments: RotationMode.allCases)
        func renameInsideThePattern(mode: RotationMode) throws { try expectOutcome(.renameInsideThePattern, mode) }

        @Test("A chain of three with deletion at its end", arguments: RotationMode.allCases)
        func chain(mode: RotationMode) throws { try expectOutcome(.chain, mode) }

        @Test("A chain whose rotated names are declared too", arguments: RotationMode.allCases)
        func declaredChain(mode: RotationMode) throws { try expectOutcome(.declaredChain, mode) }

        @Test("Dated names behind a link that moves", arguments: RotationMode.allCases)
        func movingLink(mode: RotationMode) throws { try expectOutcome(.movingLink, mode) }

        @Test("Dated names and the link that moves, both declared: each file once", arguments: RotationMode.allCases)
        func movingLinkAndDatedNames(mode: RotationMode) throws { try expectOutcome(.movingLinkAndDatedNames, mode) }

        @Test("A file renamed over the log: the old one is read to its end", arguments: RotationMode.allCases)
        func renameOver(mode: RotationMode) throws { try expectOutcome(.renameOver, mode) }

        @Test("A rotated file is followed for as long as it is there", arguments: RotationMode.allCases)
        func lateWriter(mode: RotationMode) throws { try expectOutcome(.lateWriter, mode) }

        @Test("A hard link is shipped once, also when the first name goes", arguments: RotationMode.allCases)
        func hardLink(mode: RotationMode) throws { try expectOutcome(.hardLink, mode) }

        @Test("A file moved to another watched directory stays what it is", arguments: RotationMode.allCases)
        func movedFile(mode: RotationMode) throws { try expectOutcome(.movedFile, mode) }

        @Test("Three files rotated at once, the old ones still written to", arguments: RotationMode.allCases)
        func rapidRotation(mode: RotationMode) throws { try expectOutcome(.rapidRotation, mode) }
    }
}
