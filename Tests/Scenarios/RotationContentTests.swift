// The same name and file, other content: truncation, copytruncate, equal beginnings, small and empty files.
import TestSupport
import Testing

extension RotationHistory {
    static let contents = [
        truncatedToZero, truncatedShorter, regrown, copyTruncate, readCopy, declaredCopy, regrownAfterCopy, staleWriter,
        equalFiles, tinyFiles,
        emptyFiles, discovered, excluded,
    ]

    static let truncatedToZero = RotationHistory(
        name: "truncate-zero", before: { try $0.write("app.log", "one|two|") },
        steps: [{ try $0.truncate("app.log") }, { try $0.append("app.log", "three|") }],
        shipped: ["app.log#0 one|two|", "app.log#1 three|"],
        down: ["app.log#0 one|two|", "app.log#1 three|", "gap app.log#0 8-? truncated"])

    static let truncatedShorter = RotationHistory(
        name: "truncate-shorter", before: { try $0.write("app.log", "one|two|") },
        steps: [{ try $0.truncate("app.log", to: 4) }, { try $0.append("app.log", "3|") }],
        shipped: ["app.log#0 one|two|", "app.log#1 one|3|"],
        down: ["app.log#0 one|two|", "app.log#1 one|3|", "gap app.log#0 8-? truncated"])

    static let regrown = RotationHistory(
        name: "regrow", before: { try $0.write("app.log", "one|two|") },
        steps: [
            { files in
                try files.truncate("app.log")
                try files.append("app.log", "more than there was before|")
            }
        ],
        shipped: ["app.log#0 one|two|", "app.log#1 more than there was before|"],
        down: [
            "app.log#0 one|two|", "app.log#1 more than there was before|", "gap app.log#0 8-? replaced",
        ])

    private static let copyAndTruncate: [Step] = [
        { files in
            try files.append("app.log", "two|")
            try files.copy("app.log", to: "app.log.1")
            try files.truncate("app.log")
            try files.append("app.log", "three|")
        },
        { files in
            try files.append("app.log", "four|")
            try files.rename("app.log.1", "app.log.2")
            try files.copy("app.log", to: "app.log.1")
            try files.truncate("app.log")
            try files.append("app.log", "five|")
        },
    ]

    /// In the daemon's absence the copy tells what was unread, and where it ended.
    static let copyTruncate = RotationHistory(
        name: "copytruncate", before: { try $0.write("app.log", "one|") }, steps: copyAndTruncate,
        shipped: ["app.log#0 one|two|", "app.log#1 three|four|", "app.log#2 five|"],
        paused: ["app.log#0 one|two|", "app.log#1 five|"], down: ["app.log#0 one|two|", "app.log#1 five|"])

    static let declaredCopy = RotationHistory(
        name: "copy-declared", paths: ["app.log*"], before: { try $0.write("app.log", "one|") },
        steps: [copyAndTruncate[0]], shipped: ["app.log#0 one|two|", "app.log#1 three|"])

    static let readCopy = RotationHistory(
        name: "copy-read", before: { try $0.write("app.log", "one|") },
        steps: [
            { files in
                try files.copy("app.log", to: "app.log.1")
                try files.truncate("app.log")
                try files.append("app.log", "two|")
            }
        ],
        shipped: ["app.log#0 one|", "app.log#1 two|"])

    static let regrownAfterCopy = RotationHistory(
        name: "copy-regrow", before: { try $0.write("app.log", "one|") },
        steps: [
            { files in
                try files.append("app.log", "two|")
                try files.copy("app.log", to: "app.log.1")
                try files.truncate("app.log")
                try files.append("app.log", "a line that makes it longer than it was|")
            }
        ],
        shipped: ["app.log#0 one|two|", "app.log#1 a line that makes it longer than it was|"])

    /// The hole it leaves is told as skipped.
    static let staleWriter = RotationHistory(
        name: "stale-writer", before: { try $0.write("app.log", "before 1|before 2|") },
        steps: [
            { files in
                try files.copy("app.log", to: "app.log.1")
                try files.truncate("app.log")
            },
            { try $0.write("app.log", at: 18, "after|") },
        ],
        shipped: ["app.log#0 before 1|before 2|", "app.log#1 ~18~after|"])

    private static let head = String(repeating: "the same first lines|", count: 100)

    static let equalFiles = RotationHistory(
        name: "equal", paths: ["*.log"],
        before: { files in for name in "ab" { try files.write("\(name).log", head) } },
        steps: [
            { files in for name in "ab" { try files.append("\(name).log", "\(name)|") } },
            { try $0.write("c.log", head + "a|") },
        ],
        shipped: ["a.log#0 \(head)a|", "b.log#0 \(head)b|", "c.log#0 \(head)a|"])

    static let tinyFiles = RotationHistory(
        name: "tiny", paths: ["*.log"],
        before: { files in for name in "abc" { try files.write("\(name).log", "x|") } },
        steps: [
            { try $0.append("b.log", "y|") },
            { files in
                try files.rename("c.log", "c.old")
                try files.write("c.log", "x|")
            },
        ],
        shipped: ["a.log#0 x|", "b.log#0 x|y|", "c.log#0 x|", "c.log#1 x|"])

    static let emptyFiles = RotationHistory(
        name: "empty", paths: ["*.log"],
        before: { files in for name in "abc" { try files.write("\(name).log", "") } },
        steps: [
            { files in
                try files.append("b.log", "one|")
                try files.rename("c.log", "c.old")
                try files.write("c.log", "two|")
            },
            { try $0.append("c.old", "late|") },
        ],
        shipped: ["b.log#0 one|", "c.log#0 two|", "c.log#1 late|"],
        paused: ["b.log#0 one|", "c.log#0 late|", "c.log#1 two|"],
        down: ["b.log#0 one|", "c.log#0 late|", "c.log#1 two|"])

    static let discovered = RotationHistory(
        name: "discovered", paths: ["*.log"],
        steps: [{ try $0.write("found.log", "one|two|") }, { try $0.append("found.log", "three|") }],
        shipped: ["found.log#0 one|two|three|"])

    static let excluded = RotationHistory(
        name: "excluded", paths: ["*"], options: ", exclude: [\"*.skip\"]",
        before: { files in
            try files.write("keep.log", "one|")
            try files.write("leave.skip", "not this|")
        },
        steps: [
            { files in
                try files.append("keep.log", "two|")
                try files.append("leave.skip", "nor this|")
                try files.write("more.skip", "nor that|")
            }
        ],
        shipped: ["keep.log#0 one|two|"])
}

extension DaemonTests.Rotation {
    @Suite struct Contents {
        @Test("Truncated to zero: what comes then is a new generation", arguments: RotationMode.allCases)
        func truncatedToZero(mode: RotationMode) throws { try expectOutcome(.truncatedToZero, mode) }

        @Test("Truncated to a shorter length: what is left is shipped again", arguments: RotationMode.allCases)
        func truncatedShorter(mode: RotationMode) throws { try expectOutcome(.truncatedShorter, mode) }

        @Test("Truncated and regrown past the old offset", arguments: RotationMode.allCases)
        func regrown(mode: RotationMode) throws { try expectOutcome(.regrown, mode) }

        @Test("copytruncate: what was unread is read in the copy", arguments: RotationMode.allCases)
        func copyTruncate(mode: RotationMode) throws { try expectOutcome(.copyTruncate, mode) }

        @Test("copytruncate into a declared name: the copy is not shipped again", arguments: RotationMode.allCases)
        func declaredCopy(mode: RotationMode) throws { try expectOutcome(.declaredCopy, mode) }

        @Test("copytruncate of a file that was read: nothing comes twice", arguments: RotationMode.allCases)
        func readCopy(mode: RotationMode) throws { try expectOutcome(.readCopy, mode) }

        @Test("copytruncate and regrowth past the old offset", arguments: RotationMode.allCases)
        func regrownAfterCopy(mode: RotationMode) throws { try expectOutcome(.regrownAfterCopy, mode) }

        @Test("copytruncate under a writer without O_APPEND: its hole is no text", arguments: RotationMode.allCases)
        func staleWriter(mode: RotationMode) throws { try expectOutcome(.staleWriter, mode) }

        @Test("Files with the same first lines, and equal files, are all shipped", arguments: RotationMode.allCases)
        func equalFiles(mode: RotationMode) throws { try expectOutcome(.equalFiles, mode) }

        @Test("Files smaller than any fingerprint", arguments: RotationMode.allCases)
        func tinyFiles(mode: RotationMode) throws { try expectOutcome(.tinyFiles, mode) }

        @Test("Empty files", arguments: RotationMode.allCases)
        func emptyFiles(mode: RotationMode) throws { try expectOutcome(.emptyFiles, mode) }

        @Test("Files that appear are read from their beginning", arguments: RotationMode.allCases)
        func discovered(mode: RotationMode) throws { try expectOutcome(.discovered, mode) }

        @Test("Excluded names are left alone", arguments: RotationMode.allCases)
        func excluded(mode: RotationMode) throws { try expectOutcome(.excluded, mode) }
    }
}
