// An image for containers of tests, made from the machine's static busybox: no registry is asked.
internal import Glibc

/// Archives of an image with busybox and its applets.
enum BusyboxImage {
    /// Programs of the image, all of them busybox.
    private static let applets = """
        sh echo cat sleep date head tail tr env seq mkdir mv rm rmdir ln mkfifo touch true false printf cp dd chmod ls \
        stat test kill usleep sync yes wc nc truncate readlink rev grep find id expr sort mknod
        """.split(separator: " ")

    /// Its root directory as a tar archive.
    static func writeRoot(to archive: String, in directory: TemporaryDirectory) async throws {
        let busybox = try installed("busybox", ["/bin/busybox", "/usr/bin/busybox"])
        for name in ["bin", "tmp", "var/log", "etc", "proc", "sys", "dev"] {
            try directory.makeDirectory("image/\(name)")
        }
        try directory.write(bytes: try readWholeFile(busybox), to: "image/bin/busybox")
        chmod(directory.path("image/bin/busybox"), 0o755)
        chmod(directory.path("image/tmp"), 0o1777)
        for applet in applets { symlink("busybox", directory.path("image/bin/\(applet)")) }
        try await run("tar", ["-C", directory.path("image"), "-cf", archive, "."])
    }

    /// The image as `docker save` writes it: a layer, a configuration with its digest, and a manifest that names both.
    static func writeArchive(
        to archive: String, name: String, entrypoint: [String] = [], in directory: TemporaryDirectory
    ) async throws {
        try directory.makeDirectory("archive")
        let layer = directory.path("archive/layer.tar")
        try await writeRoot(to: layer, in: directory)
        let configuration = """
            {"architecture":"amd64","os":"linux","config":{"Entrypoint":\(list(entrypoint)),"Env":["PATH=/bin"]},\
            "rootfs":{"type":"layers","diff_ids":["sha256:\(try await digest(of: layer))"]}}
            """
        try directory.write(configuration, to: "archive/config.json")
        let image = try await digest(of: directory.path("archive/config.json"))
        rename(directory.path("archive/config.json"), directory.path("archive/\(image).json"))
        try directory.write(
            "[{\"Config\":\"\(image).json\",\"RepoTags\":[\(jsonQuoted(name))],\"Layers\":[\"layer.tar\"]}]",
            to: "archive/manifest.json")
        let names = ["layer.tar", "\(image).json", "manifest.json"]
        try await run("tar", ["-C", directory.path("archive"), "-cf", archive] + names)
        for file in names { unlink(directory.path("archive/\(file)")) }
    }

    private static func digest(of path: String) async throws -> String {
        String(try await run("sha256sum", [path]).prefix { $0 != " " })
    }

    private static func list(_ texts: [String]) -> String { "[\(texts.map(jsonQuoted).joined(separator: ","))]" }
}
