// What is kept of files whose containers are gone.
import Core
import Testing

@testable import FileSource

struct OrphanListTests {
    private func record(_ file: FileID, _ inode: UInt64) -> GenerationRecord {
        GenerationRecord(
            file: file, stream: StreamID(Identifier128(high: 0, low: inode)), container: "c", declaration: "app",
            path: [0x2F], identity: FileIdentity(fileSystem: Identifier128(high: 0, low: 0), inode: inode, born: 0),
            evidence: FileEvidence(), counts: LedgerCounts(), opened: 0, detached: 1)
    }

    @Test func theOldestGoFirstAndAFileThatCameBackIsYoung() {
        var list = OrphanList()
        let files = (0..<4).map { _ in FileID.random() }
        #expect(list.add(record(files[0], 0), capacity: 3).isEmpty)
        #expect(list.add(record(files[1], 1), capacity: 3).isEmpty)
        // It was followed and left again: its first place does not count any more.
        #expect(list.add(record(files[0], 0), capacity: 3).isEmpty)
        #expect(list.add(record(files[2], 2), capacity: 3).isEmpty)
        #expect(list.add(record(files[3], 3), capacity: 3).map(\.file) == [files[1]])
    }

    @Test func oneFileThatIsLeftForEverIsNeverDropped() {
        var list = OrphanList()
        let file = FileID.random()
        for _ in 0..<100 { #expect(list.add(record(file, 1), capacity: 3).isEmpty) }
    }
}
