// What a container runtime leaves behind when it is killed, found by the private directory that all of it names.
internal import Glibc
internal import LinuxIO

/// Ends a runtime's processes by their ids and takes away its mounts, cgroups and sockets. Everything here belongs to one
/// runtime: its path is in the command line of dockerd, containerd, podman and each shim and monitor. Blocks.
struct RuntimeRemains: Sendable {
    /// The runtime's private directory.
    let directory: String
    let cgroup: String
    /// Below it, where containerd has the bundles of its namespaces.
    var bundles = "exec/containerd/daemon/io.containerd.runtime.v2.task"

    /// Ends everything; `daemon` first loses its containers, so that it can tidy up after them itself.
    func end(_ daemon: ChildProcess?) {
        if let daemon, daemon.isRunning {
            for _ in 0..<100 {
                let containers = containerProcesses
                if containers.isEmpty && shims.isEmpty { break }
                for process in containers { kill(process, SIGKILL) }
                usleep(20_000)
            }
            daemon.signal(SIGTERM)
            for _ in 0..<150 where daemon.isRunning { usleep(20_000) }
            daemon.signal(SIGKILL)
            while daemon.isRunning { usleep(1000) }
        }
        sweep()
    }

    /// Process id of the engine's containerd, while it runs.
    var containerd: pid_t? { processes.first { $0.name == "containerd" }?.id }

    private func sweep() {
        if let containerd { kill(containerd, SIGKILL) }
        for process in containerProcesses + shims { kill(process, SIGKILL) }
        for _ in 0..<200 where containerd != nil || !shims.isEmpty { usleep(10_000) }
        removeShimFiles()
        for mount in mounts.reversed() { umount2(mount, Int32(MNT_DETACH)) }
        for controller in entries("/sys/fs/cgroup") { removeCgroups("/sys/fs/cgroup/\(controller)/\(cgroup)") }
        removeCgroups("/sys/fs/cgroup/\(cgroup)")
    }

    private var shims: [pid_t] {
        processes.filter { $0.name.hasPrefix("containerd-shim") || $0.name == "conmon" }.map(\.id)
    }

    /// First processes of the containers: children of the shims. The rest of a container dies with its first process.
    private var containerProcesses: [pid_t] {
        shims.flatMap { shim in
            entries("/proc/\(shim)/task").flatMap { thread in
                text("/proc/\(shim)/task/\(thread)/children").split(separator: " ").compactMap { pid_t($0) }
            }
        }
    }

    /// Processes whose command line names the engine's directory.
    private var processes: [(id: pid_t, name: String)] {
        entries("/proc").compactMap { entry in
            guard let id = pid_t(entry), id != getpid(),
                text("/proc/\(id)/cmdline").split(separator: "\0").contains(where: { $0.contains("\(directory)/") })
            else { return nil }
            return (id, text("/proc/\(id)/comm").filter { $0 != "\n" })
        }
    }

    /// Mount points below the directory, outer ones first.
    private var mounts: [String] {
        text("/proc/self/mountinfo").split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count > 4 && fields[4].hasPrefix("\(directory)/") ? String(fields[4]) : nil
        }
    }

    /// A shim that was killed leaves its state, and its socket in /run/containerd/s; its bundle has the address.
    private func removeShimFiles() {
        let spaces = entries("\(directory)/\(bundles)").map { "\(directory)/\(bundles)/\($0)" }
        for bundle in spaces.flatMap({ space in entries(space).map { "\(space)/\($0)" } }) {
            // Where a shim's runc keeps its state when nobody says another place.
            let name = bundle.split(separator: "/").suffix(2).joined(separator: "/")
            unlink("/run/containerd/runc/\(name)/state.json")
            rmdir("/run/containerd/runc/\(name)")
            let address = text("\(bundle)/address")
            if address.hasPrefix("unix:///run/containerd/s/") { unlink(String(address.dropFirst("unix://".count))) }
        }
    }

    /// Leaves first. A cgroup whose processes have just been killed is busy for a moment.
    private func removeCgroups(_ path: String) {
        guard access(path, F_OK) == 0 else { return }
        for name in entries(path, directoriesOnly: true) { removeCgroups("\(path)/\(name)") }
        for _ in 0..<100 where rmdir(path) != 0 && errno == EBUSY { usleep(10_000) }
    }

    private func entries(_ path: String, directoriesOnly: Bool = false) -> [String] {
        var names: [String] = []
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            if directoriesOnly && entry.pointee.d_type != UInt8(DT_DIR) { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    private func text(_ path: String) -> String {
        String(decoding: (try? readWholeFile(path)) ?? [], as: UTF8.self)
    }
}
