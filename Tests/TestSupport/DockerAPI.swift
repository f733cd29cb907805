// Docker's API by hand: what a test does to hundreds of containers, where one docker(1) each would be too slow.

/// What `DockerEngine.create` is told.
package struct DockerContainer: Sendable {
    package var image = DockerEngine.image
    package var command: [String]
    package var labels: [String: String] = [:]
    /// As in `docker run -v`: `source:destination[:ro]`.
    package var mounts: [String] = []
    /// Destinations.
    package var tmpfs: [String] = []
    /// `--rm`
    package var removes = false
    /// Log driver and its options; empty: the engine's default.
    package var logDriver = ""
    package var logOptions: [String: String] = [:]
    /// Bytes; 0: without a limit.
    package var memory = 0

    package init(_ command: [String]) { self.command = command }
    /// `sh -c script`.
    package init(script: String) { command = ["sh", "-c", script] }

    var json: String {
        func list(_ texts: [String]) -> String { "[\(texts.map(jsonQuoted).joined(separator: ","))]" }
        func map(_ pairs: [String: String]) -> String {
            "{\(pairs.map { "\(jsonQuoted($0.key)):\(jsonQuoted($0.value))" }.joined(separator: ","))}"
        }
        let logging =
            logDriver.isEmpty
            ? "" : "\"LogConfig\":{\"Type\":\(jsonQuoted(logDriver)),\"Config\":\(map(logOptions))},"
        let mounted = map(Dictionary(tmpfs.map { ($0, "") }, uniquingKeysWith: { first, _ in first }))
        return """
            {"Image":\(jsonQuoted(image)),"Cmd":\(list(command)),"Labels":\(map(labels)),"NetworkDisabled":true,
            "HostConfig":{\(logging)"Binds":\(list(mounts)),"Tmpfs":\(mounted),"AutoRemove":\(removes),"Memory":\(memory),
            "MemorySwap":\(memory),"NetworkMode":"none"}}
            """
    }
}

extension DockerEngine {
    /// `POST /containers/create`; gives the full id.
    package func create(_ container: DockerContainer, name: String? = nil) async throws -> String {
        let path = "/containers/create" + (name.map { "?name=\($0)" } ?? "")
        let answer = try await api("POST", path, body: container.json)
        guard let id = answer["Id"]?.string else { throw FixtureError("POST \(path): no Id in \(answer)") }
        return id
    }

    /// `POST /containers/ID/start`
    package func start(_ container: String) async throws { try await api("POST", "/containers/\(container)/start") }

    /// Creates and starts; gives the full id.
    package func createAndStart(_ container: DockerContainer, name: String? = nil) async throws -> String {
        let id = try await create(container, name: name)
        try await start(id)
        return id
    }

    /// `DELETE /containers/ID?force=1&v=1`
    package func remove(_ container: String) async throws {
        try await api("DELETE", "/containers/\(container)?force=1&v=1")
    }

    /// Waits for its end, at most a minute, and gives its exit code.
    @discardableResult
    package func wait(_ container: String) async throws -> Int32 {
        let answer = try await api("POST", "/containers/\(container)/wait", patience: 60)
        guard let code = answer["StatusCode"]?.double else { throw FixtureError("wait: \(answer)") }
        return Int32(code)
    }

    /// `GET /containers/ID/json`
    package func inspect(_ container: String) async throws -> JSONValue {
        try await api("GET", "/containers/\(container)/json")
    }

    /// Any call; gives its JSON, `.null` without a body. Throws with the engine's message unless it answers 2xx or 304.
    @discardableResult
    package func api(
        _ method: String, _ path: String, body: String = "", patience: Int = 30
    ) async throws -> JSONValue {
        let answer = try await httpRequest(
            .unix(path: socket), method, path, body: Array(body.utf8), patience: patience)
        guard 200..<300 ~= answer.status || answer.status == 304 else {
            throw FixtureError("\(method) \(path): \(answer.status) \(answer.text)")
        }
        return answer.body.isEmpty ? .null : try JSONValue(parsing: answer.body)
    }
}

/// A JSON string (RFC 8259).
package func jsonQuoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\u{0}"..<"\u{20}":
            let digits = String(scalar.value, radix: 16)
            quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}
