// A private directory for code that reads files.
internal import Glibc

/// Made once below TMPDIR; whoever runs the program removes it.
enum Scratch {
    static let directory: String = {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/longshore-fuzz-XXXXXX".utf8CString)
        guard template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) != nil else {
            finding("no directory below \(base): errno \(errno)")
        }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()

    /// Writes a file below the directory; nil removes it.
    @discardableResult
    static func write(_ name: String, _ bytes: [UInt8]?) -> String {
        let path = directory + "/" + name
        guard let bytes else {
            unlink(path)
            return path
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            finding("cannot write \(path): errno \(errno)")
        }
        close(descriptor)
        return path
    }

    static func makeDirectory(_ name: String) { mkdir(directory + "/" + name, 0o700) }
}
