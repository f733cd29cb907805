// The rules of the house, read from the sources themselves: who may know whom, no Foundation, one purpose per file.
import Glibc
import TestSupport
import Testing

/// ARCHITECTURE.md draws the graph; here it is checked. Package.swift declares what a room may import, but SwiftPM lets
/// a file import more than that once another target has built it.
struct HouseTests {
    /// A Swift file of `Sources/` with the modules it imports.
    private struct Source: CustomStringConvertible {
        let room: String
        let path: String
        let lines: [String]
        let imports: Set<String>
        var description: String { path }

        init(room: String, path: String, lines: [String]) {
            self.room = room
            self.path = path
            self.lines = lines
            imports = Set(lines.compactMap(importedModule))
        }
    }

    private static let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

    /// Part of the toolchain. FoundationEssentials is for the rooms that read or write JSON on the control plane.
    private static let toolchain: Set<String> = ["Swift", "Glibc", "Synchronization"]
    private static let extra: [String: Set<String>] = [
        "Admin": ["FoundationEssentials"], "Discovery": ["FoundationEssentials"],
    ]

    /// The picture of ARCHITECTURE.md: the rooms that a room may know. Agent and the executable may know every room.
    private static let mayKnow: [String: Set<String>] = [
        "Core": [], "LinuxIO": ["Core"],
        "Configuration": ground, "Telemetry": ground, "Admin": ground,
        "Resolver": ground, "Discovery": ground, "FileSource": ground.union(["Resolver"]), "Pipeline": ground,
        "KafkaSink": ground, "Checkpoint": ground,
        "Verify": ["Core", "KafkaSink"],
        "Engine": ground.union(["Resolver", "FileSource", "Pipeline", "KafkaSink", "Checkpoint"]),
    ]
    private static let ground: Set<String> = ["Core", "LinuxIO"]
    private static let seesAll: Set<String> = ["Agent", "longshore"]

    @Test func everyImportIsDeclaredInThePackage() throws {
        let declared = try Self.declaredDependencies()
        for source in try Self.sources() {
            let allowed = try #require(declared[source.room], "Package.swift has no target \(source.room)")
                .union(Self.toolchain).union(Self.extra[source.room] ?? [])
            let strange = source.imports.subtracting(allowed)
            #expect(strange.isEmpty, "\(source) imports what \(source.room) does not declare: \(strange.sorted())")
        }
    }

    @Test func noDeclaredDependencyIsUnused() throws {
        let sources = try Self.sources()
        for (room, declared) in try Self.declaredDependencies() {
            let used = sources.filter { $0.room == room }.reduce(into: Set<String>()) { $0.formUnion($1.imports) }
            let unused = declared.subtracting(used)
            #expect(unused.isEmpty, "Package.swift lets \(room) know \(unused.sorted()), which it never imports")
        }
    }

    @Test func roomsKnowOnlyTheRoomsBelowThem() throws {
        let declared = try Self.declaredDependencies()
        let rooms = Set(Self.mayKnow.keys).union(Self.seesAll)
        #expect(Set(declared.keys) == rooms, "a room came or went: draw it in ARCHITECTURE.md and here")
        for source in try Self.sources() where !Self.seesAll.contains(source.room) {
            let strange = source.imports.intersection(rooms).subtracting(Self.mayKnow[source.room] ?? [])
            #expect(strange.isEmpty, "\(source): \(source.room) must not know \(strange.sorted())")
        }
        for (room, known) in declared where !Self.seesAll.contains(room) {
            let strange = known.intersection(rooms).subtracting(Self.mayKnow[room] ?? [])
            #expect(strange.isEmpty, "Package.swift: \(room) must not know \(strange.sorted())")
        }
    }

    /// Foundation links ICU: tens of megabytes in every process.
    @Test func nobodyImportsFoundation() throws {
        for source in try Self.sources() {
            let found = source.imports.filter { $0.hasPrefix("Foundation") }
            #expect(found.subtracting(Self.extra[source.room] ?? []).isEmpty, "\(source) imports \(found.sorted())")
        }
    }

    @Test func everyFileBeginsWithItsPurpose() throws {
        for source in try Self.sources() {
            let first = source.lines.first ?? ""
            #expect(first.hasPrefix("// ") && first.utf8.count > 12, "\(source) must begin with a comment: its purpose")
        }
    }

    @Test func noFileIsLongerThan400Lines() throws {
        for source in try Self.sources() {
            #expect(source.lines.count <= 400, "\(source) has \(source.lines.count) lines: split it by concern")
        }
    }

    /// The reader of import lines itself: a form it does not know would make the tests above blind.
    @Test(
        arguments: [
            ("import Core", "Core"), ("internal import Core", "Core"), ("package import Core // why", "Core"),
            ("@testable import Core", "Core"), ("@preconcurrency internal import NIOCore", "NIOCore"),
            ("internal import struct Core.FileID", "Core"), ("  import Foundation", "Foundation"),
            ("@_exported public import Core", "Core"), ("import Foundation.NSString", "Foundation"),
            ("// import Core", nil), ("let importantThing = 1", nil), ("/// They import Core by name.", nil),
        ] as [(String, String?)])
    func importLinesAreUnderstood(line: String, module: String?) { #expect(importedModule(line) == module) }
}

extension HouseTests {
    private static func sources() throws -> [Source] {
        var found: [Source] = []
        for path in try files(below: "\(root)/Sources") where path.hasSuffix(".swift") {
            let relative = String(path.dropFirst(root.count + 1))
            let text = String(decoding: try readWholeFile(path), as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            let room = String(relative.split(separator: "/")[1])
            // The newline at the end of the file begins no line.
            found.append(Source(room: room, path: relative, lines: lines.last == "" ? lines.dropLast() : lines))
        }
        try #require(found.count > 100, "the sources are not where they were looked for: \(root)")
        return found
    }

    private static func files(below directory: String) throws -> [String] {
        let stream = try #require(opendir(directory), "cannot read \(directory)")
        defer { closedir(stream) }
        var found: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") { continue }
            let path = "\(directory)/\(name)"
            found += entry.pointee.d_type == UInt8(DT_DIR) ? try files(below: path) : [path]
        }
        return found.sorted()
    }

    private static func declaredDependencies() throws -> [String: Set<String>] {
        PackageManifest(String(decoding: try readWholeFile("\(root)/Package.swift"), as: UTF8.self)).dependencies
    }
}

/// The module of a line that imports one; nil for every other line.
private func importedModule(_ line: String) -> String? {
    var words = line.split { $0 == " " || $0 == "\t" }[...]
    let before: Set<Substring> = ["internal", "package", "public", "private", "fileprivate"]
    while let word = words.first, before.contains(word) || word.hasPrefix("@") { words.removeFirst() }
    guard words.popFirst() == "import" else { return nil }
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
    if let word = words.first, kinds.contains(word) { words.removeFirst() }
    return words.first.map { String($0.prefix { $0 != "." }) }
}
