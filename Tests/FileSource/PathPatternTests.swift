// Patterns: what they fit, the same as fnmatch(3) and glob(3), and fast whatever the tenant wrote.
import Core
import Glibc
import TestSupport
import Testing

@testable import FileSource

@Suite struct PathPatternTests {
    private func fits(_ pattern: String, _ name: String) -> Bool {
        let component = PathPattern("/" + pattern).components[0]
        return Array(name.utf8).withUnsafeBufferPointer { component.matches($0) }
    }

    @Test func componentsFitNamesAsInAShell() {
        for (pattern, yes, no) in [
            ("app.log", ["app.log"], ["app.log1", "app-log", ""]), ("*.log", ["a.log", "-.log"], [".log", "a.log.1"]),
            ("a?c", ["abc", "a.c"], ["ac", "abbc"]), ("a[0-9]c", ["a5c"], ["abc", "a55c"]),
            ("a[!0-9]c", ["abc"], ["a5c"]), ("a[]x]c", ["a]c", "axc"], ["abc"]), ("a[x-]c", ["a-c"], ["ayc"]),
            ("a[c", ["a[c"], ["ac"]), (".*", [".hidden"], ["shown"]), ("[.]a", [], [".a"]), ("?a", ["xa"], [".a"]),
            ("*", ["x"], [".x"]), ("*a*b", ["aab", "xayb"], ["ba"]), ("**x", ["aax"], ["xa"]),
        ] as [(String, [String], [String])] {
            for name in yes { #expect(fits(pattern, name), "\(pattern) \(name)") }
            for name in no { #expect(!fits(pattern, name), "\(pattern) \(name)") }
        }
    }

    @Test func anyDepthFitsAtTheStartInTheMiddleAndAtTheEnd() {
        for (pattern, yes, no) in [
            ("/**/app.log", ["/app.log", "/a/app.log", "/a/b/c/app.log"], ["/a/app.log/b", "/.a/app.log"]),
            ("/a/**/b/*.log", ["/a/b/x.log", "/a/c/d/b/x.log", "/a/b/b/x.log"], ["/a/x.log", "/a/b/c/x.log"]),
            ("/a/**", ["/a/x", "/a/b/x"], ["/b/x", "/a/.b/x"]),
            ("/**/a/**/b", ["/a/b", "/x/a/y/b", "/a/a/b/b"], ["/b/a", "/a/.x/b"]),
            ("/a/./b//c", ["/a/b/c"], ["/a/b"]),
        ] as [(String, [String], [String])] {
            for path in yes { #expect(PathPattern(pattern).matches(path: Array(path.utf8)), "\(pattern) \(path)") }
            for path in no { #expect(!PathPattern(pattern).matches(path: Array(path.utf8)), "\(pattern) \(path)") }
        }
    }

    @Test func bytesThatAreNotUTF8AreMatchedAsBytes() {
        let name: [UInt8] = [0xFF, 0x0A, 0xC3, 0x2E, 0x6C]
        name.withUnsafeBufferPointer {
            #expect(PatternComponent.glob(Array("*.l".utf8)).matches($0))
            #expect(PatternComponent.glob(Array("???.l".utf8)).matches($0))
            #expect(PatternComponent.glob([0x5B, 0xFE, 0x2D, 0xFF, 0x5D, 0x2A]).matches($0))
        }
    }

    @Test func excludesFitByNameOrByWholePath() {
        func excluded(_ pattern: String, _ path: String) -> Bool {
            let bytes = Array(path.utf8)
            return bytes[(bytes.lastIndex(of: 0x2F)! + 1)...].withUnsafeBufferPointer {
                ExcludePattern(pattern).matches(path: bytes, name: $0)
            }
        }
        #expect(excluded("*.gz", "/a/b.gz") && !excluded("*.gz", "/a.gz/b"))
        #expect(excluded("/a/**/*.gz", "/a/x/b.gz") && !excluded("/a/*.gz", "/a/x/b.gz"))
    }

    /// Without the bound each of these would take longer than the age of the universe.
    @Test func hostilePatternsAreFast() {
        let start = clock()
        let stars = PatternComponent.glob(Array((String(repeating: "a*", count: 100) + "b").utf8))
        let name = [UInt8](repeating: 0x61, count: 255)
        for _ in 0..<100 { #expect(!name.withUnsafeBufferPointer(stars.matches)) }
        let deep = PathPattern(String(repeating: "/**/a", count: 100) + "/b")
        let path = Array(String(repeating: "/a", count: 1000).utf8)
        for _ in 0..<10 { #expect(!deep.matches(path: path)) }
        #expect(Double(clock() - start) / Double(CLOCKS_PER_SEC) < 5)
    }

    @Test func componentsAgreeWithFnmatch() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("aab..*?[]!^-".utf8)
        for _ in 0..<200_000 {
            let pattern = (0..<Int.random(in: 1...8, using: &random)).map { _ in alphabet.randomElement(using: &random)!
            }
            let text = String(decoding: pattern, as: UTF8.self)
            // [. is a collating symbol for fnmatch, and glibc takes an open bracket that ends in a dash for no match.
            if text.contains("[.") || text.hasSuffix("-") || text == "**" || text == "." { continue }
            let name = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                Array("aab.]!-[".utf8).randomElement(using: &random)!
            }
            let other = fnmatch(text, String(decoding: name, as: UTF8.self), FNM_PERIOD | FNM_NOESCAPE) == 0
            let mine = fits(text, String(decoding: name, as: UTF8.self))
            if mine != other {
                Issue.record(
                    "\(text) on \(String(decoding: name, as: UTF8.self)): \(mine), fnmatch \(other); seed \(seed)")
                return
            }
        }
    }

    @Test func whatIsFollowedIsWhatGlobFinds() throws {
        let directory = try TemporaryDirectory()
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let names = ["a", "b", "ab", ".a", "a.log", "b.log", ".b.log", "a[b", "x y"]
        for first in ["a", "b", "ab", ".a"] {
            for second in ["a", "b", ".a", "x y"] {
                try directory.makeDirectory("\(first)/d-\(second)")
                for name in names where Bool.random(using: &random) {
                    try directory.write("x", to: "\(first)/d-\(second)/\(name)")
                }
            }
        }
        let parts = [
            "*", "?", "a*", ".*", "[a-b]", "[!a]", "*b", "d-*", "d-a", "a", "*.log", "?.log", "[.]a", "a[b", ".a",
        ]
        for _ in 0..<60 {
            let pattern =
                directory.path + "/" + parts.randomElement(using: &random)! + "/" + ["d-*", "d-?", "d-.a", "*"]
                .randomElement(using: &random)!
                + "/" + parts.randomElement(using: &random)!
            var found = glob_t()
            _ = glob(pattern, GLOB_NOESCAPE, nil, &found)
            var expected: Set<String> = []
            for index in 0..<Int(found.gl_pathc) {
                let path = String(cString: found.gl_pathv[index]!)
                if !path.hasSuffix("/.") && !path.hasSuffix("/..") && !path.contains("/../") && !path.contains("/./") {
                    expected.insert(path)
                }
            }
            globfree(&found)
            let engine = try TestEngine([files(pattern)])
            #expect(Set(engine.generations.map(\.path)) == expected, "\(pattern), seed \(seed)")
        }
    }
}
