// Volumes that several containers have, at once or one after the other, and declarations that meet in one file.
import Glibc
import TestSupport
import Testing

extension ContainerScenarios.Hostile {
    @Test("two containers share a volume: with one route each line once, with two routes once for each")
    func sharedVolume() async throws {
        let labels = ["longshore.logs.app": "/data/*.log"]
        let first = try await stage.start("share1", "echo 1 >/data/a.log", labels: labels, mounts: ["share:/data"])
        try await stage.expect(["1"], of: "share1")
        let second = try await stage.start(
            "share2", "echo 2 >>/shared/a.log", labels: ["longshore.logs.other": "/shared/*.log"],
            mounts: ["share:/shared"])
        try await stage.start(
            "share3", "", labels: ["longshore.logs.app": "/data/*.log", "longshore.logs.app.topic": "logs.shop"],
            mounts: ["share:/data"])
        try await stage.expect(["1", "2"], of: "share3")
        #expect(Set(stage.records(of: "share3").map(\.topic)) == ["logs.shop"])
        try await stage.expect(["1", "2"], of: "share1")
        try await stage.execute("share2", "echo 3 >>/shared/a.log")
        try await stage.expect(["1", "2", "3"], of: "share1")
        let ids = stage.records(of: "share1").last?.fields["container.ids"]?.array?.compactMap(\.string)
        #expect(Set(ids ?? []) == [first, second])
        let other = try await stage.wait(for: "active", of: "share2", "other")
        #expect(other["files"]?.array?.first?["reason"]?.string?.contains("read once for all who share it") == true)
        // The one that it was read for goes: the others' lines go on, and none comes twice.
        try await stage.remove("share1")
        try await stage.execute("share2", "echo 4 >>/shared/a.log; echo 5 >/shared/b.log")
        try await stage.expect(["1", "2", "3", "4", "5"], of: "share3")
        try await waitUntil("the lines of the heir") {
            (stage.records(of: "share1") + stage.records(of: "share2")).count >= 5
        }
        let lines = (stage.records(of: "share1") + stage.records(of: "share2")).map(\.message)
        #expect(lines.sorted() == ["1", "2", "3", "4", "5"])
        try await stage.remove("share2", "share3")
    }

    @Test("declarations of one container that meet in a file: the first by name ships it, the other is told so")
    func overlappingDeclarations() async throws {
        try await stage.start(
            "overlap", "echo 1 >/data/a.log; echo 2 >/data/b.out; mkdir /data/c; echo 3 >/data/c/c.log",
            labels: [
                "longshore.logs.aaa": "/data/**/*.log", "longshore.logs.bbb": "/data/*",
                "longshore.logs.ccc": "/data/c/*.log", "longshore.logs.ccc.topic": "logs.shop",
            ], mounts: ["overlap:/data"])
        try await stage.expect(["1", "2", "3"], of: "overlap")
        for (message, declaration) in [("1", "aaa"), ("2", "bbb"), ("3", "aaa")] {
            #expect(stage.records(of: "overlap", declaration).contains { $0.message == message })
        }
        let refused = try await stage.wait(for: "refused", of: "overlap", "ccc")
        #expect(refused["reason"]?.string?.contains("declaration aaa ships this file already") == true, "\(refused)")
        let partly = try await stage.wait(for: "active", of: "overlap", "bbb")
        #expect(partly["reason"]?.string?.contains("aaa") == true, "\(partly)")
        try await stage.remove("overlap")
    }

    @Test("a volume handed from a removed container to its successor: nothing is repeated and nothing is missing")
    func handedOver() async throws {
        let labels = ["longshore.logs.app": "/data/*.log"]
        var expected: [String] = []
        for round in 1...3 {
            let lines = (1...20).map { "\(round)-\($0)" }
            let script =
                "for i in $(seq 20); do echo \(round)-$i >>/data/a.log; done; mv /data/b.log /data/b.\(round); "
            let id = try await stage.start(
                "heir\(round)", script + "echo b\(round) >/data/b.log; : >/data/done\(round)", labels: labels,
                mounts: ["heirloom:/data"])
            expected += lines + ["b\(round)"]
            let done = "\(stage.engine.dataRoot)/volumes/heirloom/_data/done\(round)"
            try await waitUntil("the end of heir\(round)'s script") { access(done, F_OK) == 0 }
            // The second is killed and removed at once, with whatever is unread; the others have been shipped by then.
            if round != 2 {
                try await waitUntil("the lines of round \(round)") {
                    stage.records(of: "heir\(round)").count >= lines.count + 1
                }
            }
            try await stage.engine.remove(id)
        }
        func arrived() -> [String] { (1...3).flatMap { stage.records(of: "heir\($0)").map(\.message) } }
        try await waitUntil("all lines; missing \(Set(expected).subtracting(arrived()))") {
            Set(expected).isSubset(of: arrived())
        }
        #expect(arrived().sorted() == expected.sorted())
    }
}
