// How files end: deleted, deleted and made again, with their directory; lines completed late or never.
import Core
import Glibc
import TestSupport
import Testing

extension RotationHistory {
    static let ends = [
        deletedUnread, madeAgain, removedDirectory, completedLine, endlessLine, endlessRotatedLine,
    ]

    static let deletedUnread = RotationHistory(
        name: "deleted", before: { try $0.write("app.log", "one|") },
        steps: [
            { files in
                try files.append("app.log", "two|")
                try files.delete("app.log")
            }
        ],
        shipped: ["app.log#0 one|two|"], down: ["app.log#0 one|", "gap app.log#0 4-? deleted"])

    static let madeAgain = RotationHistory(
        name: "made-again", before: { try $0.write("app.log", "one|") },
        steps: [
            { files in
                try files.append("app.log", "two|")
                try files.delete("app.log")
                try files.write("app.log", "one|")
            }
        ],
        shipped: ["app.log#0 one|two|", "app.log#1 one|"],
        down: ["app.log#0 one|", "app.log#1 one|", "gap app.log#0 4-? deleted"])

    static let removedDirectory = RotationHistory(
        name: "directory", paths: ["*/*.log"],
        before: { files in
            try files.makeDirectory("pod")
            for name in "ab" { try files.write("pod/\(name).log", "one|") }
        },
        steps: [
            { files in
                for name in "ab" {
                    try files.append("pod/\(name).log", "two|")
                    try files.delete("pod/\(name).log")
                }
                try files.removeDirectory("pod")
            },
            { files in
                try files.makeDirectory("pod")
                try files.write("pod/a.log", "three|")
            },
        ],
        shipped: ["pod/a.log#0 one|two|", "pod/a.log#1 three|", "pod/b.log#0 one|two|"],
        down: [
            "pod/a.log#0 one|", "pod/a.log#1 three|", "pod/b.log#0 one|", "gap pod/a.log#0 4-? deleted",
            "gap pod/b.log#0 4-? deleted",
        ])

    static let completedLine = RotationHistory(
        name: "completed-line", before: { try $0.write("app.log", "one|par") },
        steps: [{ try $0.append("app.log", "tial") }, { try $0.append("app.log", " line|two|") }],
        shipped: ["app.log#0 one|partial line|two|"])

    static let endlessLine = RotationHistory(
        name: "endless-line", before: { try $0.write("app.log", "one|never") },
        steps: [{ try $0.append("app.log", " ended") }, { try $0.delete("app.log") }],
        shipped: ["app.log#0 one|never ended$"], down: ["app.log#0 one|", "gap app.log#0 4-? deleted"])

    static let endlessRotatedLine = RotationHistory(
        name: "endless-rotated", before: { try $0.write("app.log", "one|never ended") },
        steps: [
            { files in
                try files.rename("app.log", "app.log.1")
                try files.write("app.log", "two|")
            },
            { try $0.delete("app.log.1") },
        ],
        shipped: ["app.log#0 one|never ended$", "app.log#1 two|", "interleaved app.log"],
        down: ["app.log#0 one|", "app.log#1 two|", "gap app.log#0 4-? deleted"])
}

extension DaemonTests.Rotation {
    @Suite struct Ends {
        @Test("Deleted while unread: read to its end", arguments: RotationMode.allCases)
        func deletedUnread(mode: RotationMode) throws { try expectOutcome(.deletedUnread, mode) }

        @Test("Deleted and made again with the same content", arguments: RotationMode.allCases)
        func madeAgain(mode: RotationMode) throws { try expectOutcome(.madeAgain, mode) }

        @Test("A directory removed with everything in it, and made again", arguments: RotationMode.allCases)
        func removedDirectory(mode: RotationMode) throws { try expectOutcome(.removedDirectory, mode) }

        @Test("A line without an end is one record once it is completed", arguments: RotationMode.allCases)
        func completedLine(mode: RotationMode) throws { try expectOutcome(.completedLine, mode) }

        @Test(
            "A last line that is never ended is shipped and marked when its file goes", arguments: RotationMode.allCases
        )
        func endlessLine(mode: RotationMode) throws { try expectOutcome(.endlessLine, mode) }

        @Test("The same in a rotated file that is deleted later", arguments: RotationMode.allCases)
        func endlessRotatedLine(mode: RotationMode) throws { try expectOutcome(.endlessRotatedLine, mode) }
    }
}
