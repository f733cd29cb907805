// Reads small regular files whole: configuration, passwords.
internal import Glibc

/// Blocking reads of small files. A FIFO or device is refused instead of waited for. Messages do not quote the path:
/// where a path is expected, somebody may have written the secret itself.
enum SmallFile {
    /// The content, or why it cannot be had.
    static func read(_ path: String, limit: Int) -> Result<[UInt8], Objection> {
        opened(path) { descriptor, status in
            let tooLarge = Objection(
                "the file is larger than \(SizeText.render(limit))", "name another file, or split it")
            if status.st_size > limit { return .failure(tooLarge) }
            var content: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = Glibc.read(descriptor, &chunk, chunk.count)
                if count < 0, errno == EINTR { continue }
                if count < 0 { return .failure(unreadable()) }
                if count == 0 { return .success(content) }
                content += chunk[..<count]
                if content.count > limit { return .failure(tooLarge) }
            }
        }
    }

    /// Why the file cannot be read; nil when it opens.
    static func objection(toReading path: String) -> Objection? {
        if case .failure(let objection) = opened(path, { _, _ in .success(()) }) { objection } else { nil }
    }

    /// True when nothing has this name.
    static func isMissing(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)
    }

    /// The names in a directory that end with `suffix` and do not begin with a dot, in the order of their bytes; empty
    /// when there is no such directory.
    static func names(in directory: String, suffix: String) -> Result<[String], Objection> {
        guard let stream = opendir(directory) else {
            return errno == ENOENT ? .success([]) : .failure(unreadable())
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(suffix), !name.hasPrefix(".") { names.append(name) }
        }
        if errno != 0 { return .failure(unreadable()) }
        return .success(names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    private static func opened<Value>(
        _ path: String, _ body: (Int32, stat) -> Result<Value, Objection>
    ) -> Result<Value, Objection> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor < 0 { return .failure(unreadable()) }
        defer { close(descriptor) }
        var status = stat()
        if fstat(descriptor, &status) != 0 { return .failure(unreadable()) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Objection("not a regular file", "name a regular file"))
        }
        return body(descriptor, status)
    }

    /// From errno.
    private static func unreadable() -> Objection {
        let code = errno
        let remedy =
            switch code {
            case ENOENT, ENOTDIR: "create it, or name another file"
            case EACCES, EPERM: "let the user of this process read it"
            default: "make it readable, or name another file"
            }
        return Objection("cannot read it: \(String(cString: strerror(code)))", remedy)
    }
}
