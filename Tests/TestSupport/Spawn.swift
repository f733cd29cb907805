// posix_spawn(3) with the attributes every child of a test gets.
internal import Glibc
internal import LinuxIO

/// Starts a program in its own process group, with default signal actions, an empty signal mask, descriptors 0-2 only:
/// the files `input`, `output` and `error`.
func spawn(
    _ program: String, _ arguments: [String], environment: [String: String], input: String = "/dev/null",
    output: String,
    error: String
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    // Sockets of an in-process mock broker have no close-on-exec: a child holding one would keep its port open.
    // Closing one that is not open is no error here, so the whole range is named.
    for raw in 3...highestOpenDescriptor() + 64 { posix_spawn_file_actions_addclose(&actions, raw) }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
        &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var merged = inheritedEnvironment()
    merged.merge(environment) { _, added in added }
    let argv = CStringArray([program] + arguments)
    let envp = CStringArray(merged.map { "\($0.key)=\($0.value)" })
    var processID = pid_t()
    let code = posix_spawnp(&processID, program, &actions, &attributes, argv.pointers, envp.pointers)
    guard code == 0 else { throw SystemError("start", program, errno: code) }
    return processID
}

private func highestOpenDescriptor() -> Int32 {
    var highest: Int32 = 3
    try? FileSystem.forEachEntry(in: Array("/proc/self/fd".utf8)) { name, _, _ in
        highest = max(highest, Int32(String(decoding: name, as: UTF8.self)) ?? 0)
        return true
    }
    return highest
}

/// This process's environment as the tests found it.
private func inheritedEnvironment() -> [String: String] {
    let block = (try? readWholeFile("/proc/self/environ")) ?? []
    var variables: [String: String] = [:]
    for entry in block.split(separator: 0) {
        let parts = entry.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { continue }
        variables[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1], as: UTF8.self)
    }
    return variables
}

/// A null-terminated array of C strings that lives as long as this object.
private final class CStringArray {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { pointers[index] = strdup(string) }
        pointers[count] = nil
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
