// What a real Docker Engine 20.10 has answered, with its paths made ordinary.

/// Recorded answers.
enum DockerSamples {
    static let id = "5b225352400bbc06a5064281e5c17322acf34040251a799d567b36dd228b851b"
    static let otherID = "085070c0fb0d2028d3e057c6ca818b67ed20f50f3a483e15401d01828405bd25"

    /// An id that ends in a number.
    static func id(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }

    static let inspect = """
        {"Id":"5b225352400bbc06a5064281e5c17322acf34040251a799d567b36dd228b851b",
        "Created":"2026-11-21T23:08:27.172198535Z","Path":"sh","Args":["-c","echo hi; sleep 100"],
        "State":{"Status":"running","Running":true,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,
        "Pid":3600,"ExitCode":0,"Error":"","StartedAt":"2026-11-21T23:08:27.676163817Z",
        "FinishedAt":"0001-01-01T00:00:00Z"},
        "Image":"sha256:ad5387ca7142d13ea6cd4ebf88da023be191f5d282dcf34a4dbce48ab4513ff1",
        "LogPath":"/var/lib/docker/containers/5b22/5b22-json.log","Name":"/web","RestartCount":0,"Driver":"overlay2",
        "Platform":"linux","MountLabel":"","ExecIDs":null,
        "HostConfig":{"Binds":["/srv/bind:/data","vol1:/vol/"],"LogConfig":{"Type":"json-file","Config":{}},
        "NetworkMode":"none","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"VolumesFrom":null,
        "Tmpfs":{"/tm":""},"ConsoleSize":[0,0],"Mounts":[{"Type":"tmpfs","Target":"/tm2"}],
        "MaskedPaths":["/proc/asound","/proc/acpi"]},
        "GraphDriver":{"Data":{"LowerDir":"/var/lib/docker/overlay2/f522-init/diff:/var/lib/docker/overlay2/a881/diff",
        "MergedDir":"/var/lib/docker/overlay2/f522/merged","UpperDir":"/var/lib/docker/overlay2/f522/diff",
        "WorkDir":"/var/lib/docker/overlay2/f522/work"},"Name":"overlay2"},
        "Mounts":[{"Type":"bind","Source":"/srv/bind","Destination":"/data","Mode":"","RW":true,
        "Propagation":"rprivate"},{"Type":"volume","Name":"vol1","Source":"/var/lib/docker/volumes/vol1/_data",
        "Destination":"/vol","Driver":"local","Mode":"z","RW":true,"Propagation":""},
        {"Type":"tmpfs","Source":"","Destination":"/tm2","Mode":"","RW":true,"Propagation":""}],
        "Config":{"Hostname":"5b225352400b","Domainname":"","Env":null,"Cmd":["sh","-c","echo hi; sleep 100"],
        "Image":"test/bb:1","Volumes":null,"Labels":{"app":"web"}},
        "NetworkSettings":{"Bridge":"","Ports":{},"Networks":{"none":{"IPAMConfig":null,"GlobalIPv6PrefixLen":0}}}}
        """

    static let list = """
        [{"Id":"5b225352400bbc06a5064281e5c17322acf34040251a799d567b36dd228b851b","Names":["/other/alias","/web"],
        "Image":"test/bb:1","ImageID":"sha256:ad5387","Command":"sh -c 'echo hi; sleep 100'","Created":1795302507,
        "Ports":[],"Labels":{"app":"web"},"State":"running","Status":"Up Less than a second",
        "HostConfig":{"NetworkMode":"none"},"NetworkSettings":{"Networks":{"none":{"IPAMConfig":null}}},
        "Mounts":[{"Type":"volume","Name":"vol1","Source":"/var/lib/docker/volumes/vol1/_data","Destination":"/vol",
        "Driver":"local","Mode":"z","RW":true,"Propagation":""},{"Type":"bind","Source":"/srv/bind",
        "Destination":"/data","Mode":"","RW":true,"Propagation":"rprivate"}]}]

        """

    static let die = """
        {"status":"die","id":"5b225352400bbc06a5064281e5c17322acf34040251a799d567b36dd228b851b","from":"test/bb:1",\
        "Type":"container","Action":"die","Actor":{"ID":"5b225352400bbc06a5064281e5c17322acf34040251a799d567b36dd228b85\
        1b","Attributes":{"app":"web","exitCode":"137","image":"test/bb:1","name":"web2"}},"scope":"local",\
        "time":1795302508,"timeNano":1795302508733319776}
        """

    /// A line of the event stream.
    static func event(
        _ action: String, _ id: String, attributes: [String: String] = ["image": "test/bb:1", "name": "web"],
        time: Int64
    ) -> String {
        let pairs = attributes.map { "\"\($0.key)\":\"\($0.value)\"" }.sorted().joined(separator: ",")
        return """
            {"status":"\(action)","id":"\(id)","Type":"container","Action":"\(action)","Actor":{"ID":"\(id)",\
            "Attributes":{\(pairs)}},"scope":"local","time":\(time / 1_000_000_000),"timeNano":\(time)}
            """
    }

    /// An inspected container.
    static func inspect(_ id: String, name: String = "web", state: String = "running", pid: Int = 10) -> String {
        """
        {"Id":"\(id)","Name":"/\(name)","Created":"2026-11-21T23:08:27Z","Config":{"Image":"i","Labels":{"a":"b"}},
        "State":{"Status":"\(state)","Pid":\(pid),"ExitCode":4,"StartedAt":"2026-11-21T23:08:27Z",
        "FinishedAt":"\(pid == 0 ? "2026-11-21T23:08:28Z" : "0001-01-01T00:00:00Z")"},
        "GraphDriver":{"Data":{"UpperDir":"/u"},"Name":"overlay2"},"Mounts":[]}
        """
    }

    /// A list with one entry for each.
    static func list(_ entries: [(id: String, name: String, state: String)]) -> String {
        let objects = entries.map {
            "{\"Id\":\"\($0.id)\",\"Names\":[\"/\($0.name)\"],\"Image\":\"i\",\"State\":\"\($0.state)\"}"
        }
        return "[\(objects.joined(separator: ","))]"
    }
}
