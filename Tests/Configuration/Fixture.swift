// A private directory with configuration files, and loads of them.
import Configuration
import Glibc
import Testing

/// Owns a fresh directory and removes it at the end. `main` is the file given to the loader.
final class Fixture {
    let directory: String
    var main: String { directory + "/longshore.yaml" }

    init() {
        var template = Array("/tmp/longshore-configuration-XXXXXX".utf8CString)
        directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit { Fixture.remove(directory) }

    /// Writes a file below the directory, making the directory `conf.d` where needed.
    @discardableResult
    func write(_ name: String, _ bytes: some Sequence<UInt8>) -> String {
        let path = directory + "/" + name
        if name.hasPrefix("conf.d/") { mkdir(directory + "/conf.d", 0o700) }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        precondition(descriptor >= 0, "open \(path): errno \(errno)")
        defer { close(descriptor) }
        let content = Array(bytes)
        precondition(Glibc.write(descriptor, content, content.count) == content.count)
        return path
    }

    func write(_ name: String, _ text: String) { write(name, text.utf8) }

    func load(_ environment: [String: String] = [:]) -> ConfigurationOutcome {
        ConfigurationLoader.load(path: main, environment: environment)
    }

    /// The problems as they are printed, without the directory in front.
    func problems(_ environment: [String: String] = [:]) -> [String] {
        guard case .refused(let list) = load(environment) else { return [] }
        return list.map { problem in
            let text = problem.description
            return text.hasPrefix(directory) ? String(text.dropFirst(directory.count + 1)) : text
        }
    }

    /// The configuration, or nil after recording its problems as failures.
    func configuration(
        _ environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) -> Configuration? {
        switch load(environment) {
        case .loaded(let configuration): return configuration
        case .refused(let list):
            Issue.record("\(list.map(\.description))", sourceLocation: sourceLocation)
            return nil
        }
    }

    private static func remove(_ directory: String) {
        guard let stream = opendir(directory) else { return }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let path = directory + "/" + name
            if unlink(path) != 0 { remove(path) }
        }
        closedir(stream)
        rmdir(directory)
    }
}

/// One file's problems, each as `LINE:COLUMN: error: …`.
func problems(_ text: String, _ environment: [String: String] = [:]) -> [String] {
    let fixture = Fixture()
    fixture.write("longshore.yaml", text)
    return fixture.problems(environment).map { String($0.trimmingPrefix("longshore.yaml:")) }
}

/// Two lines that are complete by themselves; what a test adds begins in line 3.
let complete = "kafka: {brokers: [\"k1:9092\"]}\nfiles: [{name: app, paths: [/var/log/app.log]}]\n"

/// A complete file whose kafka section ends with `line`, which is line 4, indented by 2.
func kafka(_ line: String) -> String {
    "files: [{name: app, paths: [/var/log/app.log]}]\nkafka:\n  brokers: [\"k1:9092\"]\n  \(line)\n"
}

/// A complete file whose only entry ends with `line`, which is line 5, indented by 4.
func entry(_ line: String) -> String {
    "kafka: {brokers: [\"k1:9092\"]}\nfiles:\n  - name: app\n    paths: [/var/log/app.log]\n    \(line)\n"
}
