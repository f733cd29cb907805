// Normal paths, byte by byte.
import Core
import Testing

@Suite struct PathTextTests {
    @Test(arguments: [
        ("/", "/"), ("/a/b", "/a/b"), ("//a/./b/", "/a/b"), ("/a/../b/..", "/"), ("/../a", "/a"), ("/...", "/..."),
        ("/..a/.b", "/..a/.b"),
        // U+0600 makes one character with a slash behind it, U+0301 with one before it.
        ("/a\u{600}/../b", "/b"), ("/a/\u{301}/../b", "/a/b"), ("/a/..\u{301}/b", "/a/..\u{301}/b"),
        ("/\u{301}/.", "/\u{301}"),
    ])
    func aPathIsMadeNormal(path: String, expected: String) {
        #expect(Array(normalizedPath(path).utf8) == Array(expected.utf8))
    }
}
