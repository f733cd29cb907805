// The image of the demo's container: one with a shell, without a registry.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

/// A tar archive (ustar of POSIX.1-2017, pax) of a statically linked busybox, for Docker to import.
enum DemoImage {
    /// The archive, or nil where there is no such busybox.
    static func archive(busybox: String = "/bin/busybox") -> [UInt8]? {
        guard let program = read(busybox), isStatic(program) else { return nil }
        var tar: [UInt8] = []
        add("bin/", "5", mode: 0o755, to: &tar)
        add("tmp/", "5", mode: 0o777, to: &tar)
        add("bin/busybox", "0", mode: 0o755, program, to: &tar)
        for name in ["sh", "date", "sleep"] { add("bin/\(name)", "2", mode: 0o777, link: "busybox", to: &tar) }
        return tar + [UInt8](repeating: 0, count: 1024)
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard case .success(let raw) = FileSystem.open(Array(path.utf8), flags: O_RDONLY) else { return nil }
        let file = FileDescriptor(owning: raw)
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while content.count < 16 << 20 {
            let count = Glibc.read(file.raw, &chunk, chunk.count)
            if count < 0 { return nil }
            if count == 0 { break }
            content += chunk[..<count]
        }
        return content
    }

    /// An ELF file (elf(5), 64 bit) without PT_INTERP: it needs no libraries of the image.
    static func isStatic(_ program: [UInt8]) -> Bool {
        guard program.count > 64, program.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { return false }
        func number(_ place: Int, _ size: Int) -> Int {
            guard place >= 0, place + size <= program.count else { return 0 }
            return program[place..<(place + size)].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        let table = number(32, 6)
        let interpreter = 3
        return !(0..<number(56, 2)).contains { number(table + $0 * number(54, 2), 4) == interpreter }
    }

    private static func add(
        _ name: String, _ type: Character, mode: Int, _ content: [UInt8] = [], link: String = "", to tar: inout [UInt8]
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ place: Int) {
            for (index, byte) in text.utf8.enumerated() { header[place + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, 0)
        put(octal(mode, 7), 100)
        put(octal(0, 7), 108)
        put(octal(0, 7), 116)
        put(octal(content.count, 11), 124)
        put(octal(0, 11), 136)
        // The checksum counts its own field as spaces.
        put("        ", 148)
        put(String(type), 156)
        put(link, 157)
        put("ustar", 257)
        put("00", 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\0 ", 148)
        tar += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }
}
