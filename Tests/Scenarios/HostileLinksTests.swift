// Containers whose links, labels and racing writers point at the host's files: only their own files ever arrive.
import Core
import TestSupport
import Testing

extension ContainerScenarios {
    /// What a tenant may try. The cases share one daemon, each has containers of its own.
    @Suite("Hostile", .serialized, .hostileStage("allowed_topics: [logs.shop]"))
    struct Hostile {
        var stage: HostileStage { .current }

        /// The token lies at the absolute path `stage.directory/secret.log`, and two directories above each bind source.
        @Test("links out of a volume and out of the root file system lead to the container's own files or nowhere")
        func links() async throws {
            let secret = stage.directory.path("secret.log")
            let script = """
                echo mine >/etc/passwd
                make() {
                    ln -s \(secret) abs.log; ln -s ../../secret.log rel.log; mkdir sub
                    ln -s sub/../../../secret.log up.log; ln -s ../../../../../../../..\(secret) far.log
                    ln -s /etc/shadow shadow.log; ln -s /etc/passwd passwd.log; ln -s \(stage.directory.path) tree
                    ln -s /proc/1/root\(secret) root.log; ln -s /proc/self/fd/3 fd.log; ln -s /proc/self/cwd/a.log cwd.log
                    ln -s loop.log loop.log; ln -s good.log same.log; echo "$1" >good.log
                }
                cd /data; make bind; cd /var/log; make root; cd /vol; make volume
                """
            let label = { (place: String) in "\(place)/*.log,\(place)/tree/*.log" }
            try await stage.start(
                "links", script,
                labels: [
                    "longshore.logs.bind": label("/data"), "longshore.logs.root": label("/var/log"),
                    "longshore.logs.volume": label("/vol"), "longshore.logs.dots": "/data/../../../secret.log",
                ], mounts: ["\(try stage.bind("links")):/data", "links:/vol"])
            // The container's own passwd is declared three times, and shipped for the first of them.
            try await stage.expect(["bind", "mine", "root", "volume"], of: "links")
            for name in ["bind", "root", "volume"] {
                let files = try await stage.wait(for: "active", of: "links", name)["files"]?.array ?? []
                for link in ["root.log", "fd.log", "cwd.log"] {
                    let file = files.first { $0["path"]?.string?.hasSuffix("/\(link)") == true }
                    #expect(file?["state"]?.string == "refused", "\(link): \(files)")
                    #expect(file?["reason"]?.string?.contains("procfs") == true)
                }
            }
            let dots = try await stage.wait(for: "bad value", of: "links", "dots")
            #expect(dots["reason"]?.string?.contains("..") == true)
            // What is written later goes the same way.
            try await stage.execute("links", "for d in data var/log vol; do echo later >>/$d/good.log; done")
            try await stage.expect(
                ["bind", "mine", "root", "volume", "later", "later", "later"], of: "links")
            try await stage.remove("links")
        }

        @Test("a directory that a racing writer swaps for a link to the host while its log is followed")
        func racingWriter() async throws {
            let script = """
                cd /data; mkdir d real; (i=0; while [ ! -e /data/stop ]; do i=$((i+1)); echo "$i" >>/data/kept.log
                    mv d away; ln -s \(stage.directory.path) d; usleep 2000; echo x >real/app.log; rm d; mv away d; echo y >d/app.log
                    rm d/app.log; ln -s \(stage.directory.path("app.log")) d/app.log; usleep 2000
                    rm d/app.log; done
                    echo end >>/data/kept.log) &
                """
            try await stage.start(
                "racer", script,
                labels: [
                    "longshore.logs.app": "/data/*/*.log,/data/d/app.log", "longshore.logs.kept": "/data/kept.log",
                ],
                mounts: ["\(try stage.bind("racer")):/data"])
            // The token in secret.log and a.log is beside app.log: `d/*.log` meets them wherever the link is followed.
            try await stage.start(
                "neighbour", "echo 1 >/data/a.log", labels: ["longshore.logs.app": "/data/*.log"],
                mounts: ["\(try stage.bind("neighbour")):/data"])
            try await stage.expect(["1"], of: "neighbour")
            try await waitUntil("300 swaps") { stage.records(of: "racer", "kept").count >= 300 }
            try await stage.execute("racer", "touch /data/stop")
            try await waitUntil("the end of the swaps") {
                stage.records(of: "racer", "kept").last?.message == "end"
            }
            let kept = stage.records(of: "racer", "kept").map(\.message)
            #expect(kept == (1..<kept.count).map { "\($0)" } + ["end"], "of a followed file no line is missing")
            #expect(Set(stage.records(of: "racer", "app").map(\.message)).isSubset(of: ["x", "y"]))
            #expect(stage.leaked.isEmpty)
            print("containers/racing writer: \(kept.count - 1) swaps")
            try await stage.remove("racer", "neighbour")
        }

        @Test("links that cross mounts lead to the file the container sees, not to a look-alike below the source")
        func crossingMounts() async throws {
            let outer = try stage.bind("crossing")
            // In the source of /data stand look-alikes of everything that is mounted over it, or linked to.
            for name in ["inner/a.log", "data/inner/a.log", "other/a.log", "var/log/a.log", "deep/data/x.log"] {
                let directory = name.split(separator: "/").dropLast().joined(separator: "/")
                try stage.directory.makeDirectory("bind/crossing/\(directory)")
                try stage.directory.write("look-alike \(stage.token)\n", to: "bind/crossing/\(name)")
            }
            let script = """
                echo inner >/data/inner/a.log; echo other >/other/a.log; echo root >/var/log/a.log
                mkdir /data/links; cd /data/links; ln -s /data/inner/a.log inner.log; ln -s ../../other/a.log other.log
                ln -s /var/log/a.log root.log; ln -s /other dir; ln -s ../../../../../data/inner up
                """
            try await stage.start(
                "crossing", script,
                labels: [
                    "longshore.logs.links": "/data/links/*.log", "longshore.logs.xdir": "/data/links/dir/*.log",
                    "longshore.logs.xup": "/data/links/up/*.log", "longshore.logs.glob": "/data/in*/*.log",
                ],
                mounts: ["\(outer):/data", "crossing-inner:/data/inner", "\(try stage.bind("crossed")):/other"])
            try await stage.expect(["inner", "other", "root"], of: "crossing")
            try await stage.remove("crossing")
        }

        @Test("hard links of one file are shipped once, and links to the standard streams are told to be declared")
        func hardLinksAndStreams() async throws {
            let script = """
                cd /data; echo one >a.log; ln a.log b.log; ln a.log c.out; ln -s /dev/stdout out.log
                ln -s /proc/1/fd/2 err.log; ln -s /dev/stderr /var/log/error.log
                """
            try await stage.start(
                "doubles", script,
                labels: [
                    "longshore.logs.app": "/data/*.log", "longshore.logs.other": "/data/*.out",
                    "longshore.logs.image": "/var/log/*.log",
                ], mounts: ["\(try stage.bind("doubles")):/data"])
            try await stage.expect(["one"], of: "doubles")
            let other = try await stage.wait(for: "refused", of: "doubles", "other")
            #expect(other["reason"]?.string?.contains("is the same file and ships to the same topic") == true)
            let image = try await stage.wait(for: "refused", of: "doubles", "image")
            #expect(image["reason"]?.string?.contains("declare stdout") == true, "\(image)")
            let files = try await stage.wait(for: "active", of: "doubles")["files"]?.array ?? []
            let refused = files.filter { $0["state"]?.string == "refused" }
            #expect(refused.compactMap { $0["path"]?.string } == ["/data/err.log", "/data/out.log"])
            #expect(refused.allSatisfy { $0["reason"]?.string?.contains("declare stdout") == true })
            try await stage.execute("doubles", "echo two >>/data/b.log; rm /data/a.log; echo three >>/data/c.out")
            try await stage.expect(["one", "two", "three"], of: "doubles")
            try await stage.remove("doubles")
        }
    }
}
