// A writer that swaps a directory for a link while it is being opened.
import CLinux
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@testable import Resolver

@Suite struct RaceTests {
    /// Swaps each pair and swaps it back until `stop` says so, at once, so that one of them always stands there.
    private static func swap(_ pairs: [(String, String)], _ stop: Stop) {
        while !stop.flag.load(ordering: .relaxed) {
            for pair in pairs {
                for _ in 0..<2 where clinux_exchange(pair.0, pair.1) == 0 { stop.swaps.add(1, ordering: .relaxed) }
            }
        }
    }

    /// The container's own file or nothing, never a byte of what the link leads to on the host.
    @Test(arguments: [false, true]) func `a swapped directory never shows the host`(isLayer: Bool) throws {
        let stage = try Stage()
        try stage.write("src/app/log/a", "inside")
        try stage.write("outside/log/a", "outside")
        try stage.link("src/evil", to: stage.path("outside"))
        try stage.link("src/app/evil", to: "../../outside/log")
        let view =
            isLayer ? stage.view(layers: ["src"]) : stage.view(mounts: [stage.mount("/d", "src")])
        let prefix = isLayer ? "" : "/d"
        let pairs = [
            (stage.path("src/app"), stage.path("src/evil")), (stage.path("src/app/log"), stage.path("src/app/evil")),
        ]
        let stop = Stop()
        let thread = try Thread(name: "swap") { Self.swap(pairs, stop) }
        var seen: [String: Int] = [:]
        var rounds = 0
        // Where the two threads share a core they take turns: until they have met.
        func hasRaced() -> Bool {
            seen["inside", default: 0] > 0 && seen.count > 1 && stop.swaps.load(ordering: .relaxed) > 100
        }
        while rounds < 10_000 || !hasRaced() && rounds < 1_000_000 {
            seen[view.outcome("\(prefix)/app/log/a"), default: 0] += 1
            rounds += 1
        }
        for _ in 0..<500 { #expect(view.names("\(prefix)/app")?.contains("a") != true) }
        stop.flag.store(true, ordering: .relaxed)
        thread.join()
        #expect(seen["outside"] == nil, "\(seen)")
        #expect(Set(seen.keys).isSubset(of: ["inside", "ENOENT", "ESRCH", "ENOTDIR", "ELOOP"]), "\(seen)")
        #expect(hasRaced(), "no race was seen: \(seen), \(stop.swaps.load(ordering: .relaxed)) swaps")
        #expect(openDescriptors(below: stage.directory.path) == 0)
    }

    private final class Stop: Sendable {
        let flag = Atomic(false)
        let swaps = Atomic(0)
    }
}
