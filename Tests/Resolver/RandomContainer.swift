// A random container made of a real overlay and real bind mounts, for comparison with the kernel.
import CLinux
import Glibc
import LinuxIO
import TestSupport

@testable import Resolver

/// Three layers mounted as one overlay on fs/merged, directories and files bound into it, and mounts of the host below
/// some of the sources. Every file and directory has an owner of its own, which tells them apart through all views.
final class RandomContainer {
    let stage: Stage
    private(set) var mounts: [ContainerLayout.Mount] = []
    var random: SeededGenerator
    private var owner: UInt32 = 1000
    private static let names = ["a", "b", "c", "d"]
    static let layers = ["fs/upper", "fs/lower1", "fs/lower2"]

    init(seed: UInt64) throws {
        stage = try Stage()
        random = SeededGenerator(seed: seed)
        try stage.tmpfs(on: "fs")
        for name in Self.layers + ["fs/work", "fs/merged"] { try stage.make(name) }
        for layer in Self.layers { try fill(layer, depth: 3) }
        let path = stage.path("fs")
        try stage.mount(
            "overlay", "overlay", on: "fs/merged",
            data: "lowerdir=\(path)/lower1:\(path)/lower2,upperdir=\(path)/upper,workdir=\(path)/work")
        for _ in 0..<random.number(0...12) { try change() }
        for index in 0..<random.number(0...4) { try addMount(index) }
    }

    var view: ContainerView { stage.view(mounts: mounts, layers: Self.layers) }

    /// A path of a few components, absolute, with `..` in it now and then.
    func path() -> String { "/" + components(1...6) }

    private func components(_ count: ClosedRange<Int>) -> String {
        (0..<random.number(count)).map { _ in random.once(in: 5) ? ".." : name() }.joined(separator: "/")
    }

    private func name() -> String { Self.names[random.number(0...Self.names.count - 1)] }

    private func own(_ name: String) {
        owner += 1
        lchown(stage.path(name), owner, owner)
    }

    /// Random entries below a directory.
    private func fill(_ directory: String, depth: Int) throws {
        own(directory)
        for name in Self.names where !random.once(in: 3) {
            let path = "\(directory)/\(name)"
            switch random.number(0...9) {
            case 0...4 where depth > 0:
                try stage.make(path)
                try fill(path, depth: depth - 1)
            case 5, 6: try stage.link(path, to: (random.once(in: 2) ? "/" : "") + components(1...4))
            default:
                try stage.write(path, path)
                own(path)
            }
        }
    }

    /// One change by the container itself: the kernel makes whiteouts, opaque directories and copies.
    private func change() throws {
        let path = "fs/merged/" + (0..<random.number(1...3)).map { _ in name() }.joined(separator: "/")
        guard isReal(path) else { return }
        switch random.number(0...3) {
        case 0, 1:
            removeAll(path)
            if random.once(in: 2), mkdir(stage.path(path), 0o755) == 0 { own(path) }
        case 2:
            if mkdir(stage.path(path), 0o755) == 0 { own(path) }
        default:
            let raw = open(stage.path(path), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o644)
            if raw >= 0 {
                close(raw)
                own(path)
            }
        }
    }

    private func removeAll(_ path: String) {
        if unlink(stage.path(path)) == 0 { return }
        for name in Self.names { if isReal("\(path)/\(name)") { removeAll("\(path)/\(name)") } }
        rmdir(stage.path(path))
    }

    /// No link on the way to it.
    private func isReal(_ path: String) -> Bool {
        let parent = String(path[..<path.lastIndex(of: "/")!])
        return
            (try? FileSystem.open(
                Array(stage.path(parent).utf8), flags: CLINUX_O_PATH, resolve: UInt64(RESOLVE_NO_SYMLINKS)
            ).get()).map { close($0) == 0 } ?? false
    }

    /// Binds a new directory or file on a random place, sometimes inside an earlier mount.
    private func addMount(_ index: Int) throws {
        let inside = (0..<random.number(1...3)).map { _ in name() }.joined(separator: "/")
        let target = "fs/merged/\(inside)"
        guard isReal(target), let status = try? FileSystem.status(Array(stage.path(target).utf8), follow: false).get()
        else { return }
        // Runtimes mount outer destinations first: none is ever mounted over an inner one.
        let destination = Array("/\(inside)".utf8)
        if mounts.contains(where: { $0.destination.isWithin(destination) && $0.destination != destination }) { return }
        let source = "fs/source\(index)"
        if status.isDirectory {
            try stage.make(source)
            try fill(source, depth: 3)
            try addHostMount(below: source, index)
        } else if status.isRegular {
            try stage.write(source, source)
            own(source)
        } else {
            return
        }
        try stage.mount(nil, stage.path(source), on: target, flags: Int32(MS_BIND | MS_REC))
        mounts.removeAll { $0.destination == destination }
        mounts.append(stage.mount("/\(inside)", source, random.once(in: 2) ? .bind : .volume))
    }

    /// A disk that the host has mounted below a source before the container was started.
    private func addHostMount(below source: String, _ index: Int) throws {
        let target = "\(source)/\(name())"
        guard random.once(in: 2),
            case .success(let status) = FileSystem.status(Array(stage.path(target).utf8), follow: false),
            status.isDirectory
        else { return }
        try stage.make("fs/disk\(index)")
        try fill("fs/disk\(index)", depth: 2)
        try stage.bind("fs/disk\(index)", on: target)
    }
}
