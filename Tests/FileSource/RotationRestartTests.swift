// Identity over time: an inode that is given again, an unfinished line that is finished an hour later.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct RotationRestartTests {
    let directory = try! TemporaryDirectory()

    /// ext4 and xfs give a freed inode again; tmpfs and btrfs do not.
    private static let inodesAreGivenAgain: Bool = {
        guard let directory = try? TemporaryDirectory() else { return false }
        return (try? giveAgain("probe", "", in: directory)) != nil
    }()

    /// Deletes the file and makes it again until it has its former inode; throws when it never does.
    private static func giveAgain(_ name: String, _ text: String, in directory: TemporaryDirectory) throws {
        if access(directory.path(name), F_OK) != 0 { try directory.write("", to: name) }
        let former = inode(directory.path(name))
        // Other tests make files in the meantime: the inode may be theirs for a while.
        for _ in 0..<50_000 {
            directory.delete(name)
            try directory.write(text, to: name)
            if inode(directory.path(name)) == former { return }
        }
        throw FixtureError("inode \(former) was not given again")
    }

    private static func inode(_ path: String) -> UInt64 {
        var status = stat()
        precondition(stat(path, &status) == 0, path)
        return UInt64(status.st_ino)
    }

    @Test(
        "Deleted and made again with the same inode, name, size and content while the daemon is down: another file",
        .enabled(if: inodesAreGivenAgain))
    func sameInodeWhileDown() throws {
        try directory.write("one\n", to: "app.log")
        let records = try TestEngine([files(directory.path("app.log"))]).records()
        try Self.giveAgain("app.log", "one\n", in: directory)
        #expect(Self.inode(directory.path("app.log")) == records[0].identity.inode)
        let engine = try TestEngine([files(directory.path("app.log"), isKnown: true)], known: records)
        #expect(engine.allText == ["one\n"] && engine.generations[0].isNew)
        #expect(engine.vanished.map(\.reason) == [.deleted] && engine.vanished[0].record.file == records[0].file)
    }

    @Test(
        "The same while it runs, whose descriptor is given up for others meanwhile",
        .enabled(if: inodesAreGivenAgain))
    func sameInodeWhileRunning() throws {
        try directory.write("one\n", to: "app.log")
        let former = Self.inode(directory.path("app.log"))
        let engine = try TestEngine([files(directory.path("*.log"))]) { $0.openLimit = 1 }
        try directory.write("other\n", to: "other.log")
        engine.pump()
        try Self.giveAgain("app.log", "one\n", in: directory)
        #expect(Self.inode(directory.path("app.log")) == former)
        engine.pump()
        engine.advance(seconds: 10)
        let found = engine.generations(of: directory.path("app.log"))
        #expect(found.first?.text == "one\n" && found.last?.text == "one\n" && found.count >= 2)
        #expect(found.dropFirst().dropLast().allSatisfy { $0.text.isEmpty })
    }

    @Test("A line that is finished an hour later is read from where it was left, by the same generation")
    func finishedAnHourLater() throws {
        try directory.write("one\npar", to: "app.log")
        let engine = try TestEngine([files(directory.path("*.log"))]) { $0.openLimit = 1 }
        try directory.write("other\n", to: "other.log")
        engine.pump()
        for _ in 0..<60 { engine.advance(seconds: 60) }
        #expect(engine.text(directory.path("app.log")) == "one\npar")
        try directory.append("tial\ntwo\n", to: "app.log")
        engine.pump()
        let found = engine.generations(of: directory.path("app.log"))
        #expect(found.map(\.text) == ["one\npartial\ntwo\n"] && !found[0].hasEnded)
        let again = try TestEngine([files(directory.path("*.log"), isKnown: true)], known: engine.records())
        #expect(again.allText.allSatisfy(\.isEmpty) && again.generations.allSatisfy { !$0.isNew })
    }
}
