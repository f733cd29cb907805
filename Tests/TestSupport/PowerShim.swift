// Power loss for the state directory of a program of a test: Tests/PowerShim, built when it is needed and preloaded.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// Keeps what a program made durable of one directory, and can put the directory into the state that power loss leaves:
/// what was made durable is there, of everything later each block by chance.
package struct PowerShim: Sendable {
    private let directory: TemporaryDirectory
    private let state: String
    private let durable: String
    /// The library, for LD_PRELOAD.
    package let library: String
    /// For the program, beside LD_PRELOAD.
    package var environment: [String: String] { ["POWER_SHIM_STATE": state, "POWER_SHIM_DURABLE": durable] }

    /// Builds the library with the C compiler that links every Swift program here. `state` is an absolute path without
    /// links; what is durable of it is kept in `directory`.
    package init(state: String, in directory: TemporaryDirectory, source: String = #filePath) async throws {
        self.directory = directory
        self.state = state
        durable = try directory.makeDirectory("durable")
        library = directory.path("power.so")
        let tests = source.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        try await run(
            "cc", ["-shared", "-fPIC", "-O1", "-Wall", "-o", library, tests + "/PowerShim/power.c", "-ldl"])
    }

    /// Cuts the power: the program must have been killed. A file whose name was made durable and whose content was not is
    /// made of what there is of it, or empty; of a file that was written on since, each block of 4 KiB is the durable one
    /// or the present one. Where nothing was ever made durable, nothing is left.
    package func cut(_ random: inout SeededGenerator) throws {
        let names = (try? directory.read("durable/names")) ?? []
        var kept: [String: [UInt8]] = [:]
        for line in String(decoding: names, as: UTF8.self).split(separator: "\n") {
            guard let space = line.firstIndex(of: " ") else { continue }
            let (identity, name) = (String(line[..<space]), String(line[line.index(after: space)...]))
            // Another file may have the name by now: its content is not this one's.
            let present = identity == self.identity(of: name) ? try? readWholeFile("\(state)/\(name)") : nil
            kept[name] = mixed(try? directory.read("durable/\(identity)"), present, &random)
        }
        for place in [state, durable] {
            var lost: [String] = []
            try FileSystem.forEachEntry(in: Array(place.utf8)) { name, _, _ in
                lost.append(String(decoding: name, as: UTF8.self))
                return true
            }
            for name in lost { unlink("\(place)/\(name)") }
        }
        // What is on the disk when the power is back is durable.
        var lines = ""
        for (name, content) in kept {
            let path = "\(state)/\(name)"
            let file = FileDescriptor(
                owning: try retryingInterrupts("open", path) { open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640) })
            try writeAll(content, to: file.raw)
            guard let identity = identity(of: name) else { continue }
            try directory.write(bytes: content, to: "durable/\(identity)")
            lines += "\(identity) \(name)\n"
        }
        try directory.write(lines, to: "durable/names")
    }

    /// As the library writes it; nil when there is no such file.
    private func identity(of name: String) -> String? {
        guard case .success(let status) = FileSystem.status(Array("\(state)/\(name)".utf8)) else { return nil }
        let nanoseconds = String(status.born_ns % 1_000_000_000)
        let padding = String(repeating: "0", count: 9 - nanoseconds.count)
        return "\(status.inode)-\(status.born_ns / 1_000_000_000).\(padding)\(nanoseconds)"
    }

    private func mixed(_ durable: [UInt8]?, _ present: [UInt8]?, _ random: inout SeededGenerator) -> [UInt8] {
        guard let durable else { return random.once(in: 2) ? present ?? [] : [] }
        guard let present, random.once(in: 2) else { return durable }
        var mixed = random.once(in: 2) ? present : durable
        let block = 4096
        for start in stride(from: 0, to: mixed.count, by: block) {
            let source = random.once(in: 2) ? durable : present
            for place in start..<min(start + block, mixed.count, max(start, source.count)) {
                mixed[place] = source[place]
            }
        }
        return mixed
    }
}
