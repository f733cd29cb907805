// The calls to Docker's API that discovery makes.
internal import Core
internal import NIOHTTP1

/// A server whose API version was agreed on. https://docs.docker.com/reference/api/engine/
struct DockerAPI: RuntimeAPI {
    /// The newest version this room was written for, and the oldest it understands.
    private static let newest = Version(major: 1, minor: 47)
    private static let oldest = Version(major: 1, minor: 24)
    static let inspectLimit = 8 << 20
    static let listLimit = 64 << 20
    static let eventLimit = 8 << 20

    let client: HTTPUnixClient
    /// container.runtime.name of the records.
    let runtime: String
    /// It is Podman that answers, which writes another format into its logs than it says.
    let isPodman: Bool
    /// `20.10.24 (API 1.41)`, for people.
    let version: String
    /// `/v1.41`
    private let prefix: String

    var hasEvents: Bool { true }

    /// Asks for the server's version and settles on the newer one that both understand.
    init(_ client: HTTPUnixClient, runtime: String) async throws(RuntimeFailure) {
        let ping = try await client.get("/_ping", limit: 1 << 16)
        let answer = try await client.get("/version", limit: 1 << 20)
        let told = (try? DockerAnswers.version(answer.body)) ?? (version: "", api: "", isPodman: false)
        let text = ping.headers.first(name: "Api-Version") ?? told.api
        guard let server = Version(text) else {
            throw RuntimeFailure("what answers at \(client.socket) tells no API version: it is no \(runtime)")
        }
        guard server >= DockerAPI.oldest else {
            throw RuntimeFailure(
                "API version \(server) is too old: \(DockerAPI.oldest) or newer is needed; upgrade the runtime")
        }
        let agreed = min(server, DockerAPI.newest)
        self.client = client
        isPodman = told.isPodman
        self.runtime = isPodman ? "podman" : runtime
        version = "\(escapedForTerminal(told.version.prefix(64))) (API \(agreed))"
        prefix = "/v\(agreed)"
    }

    /// It answers at all.
    func probe() async throws(RuntimeFailure) {
        let answer = try await client.get("/_ping", limit: 1 << 16)
        guard answer.status == 200 else { throw RuntimeFailure("its ping answers with status \(answer.status)") }
    }

    /// All containers, as much as the list tells.
    func list() async throws(RuntimeFailure) -> [ContainerRecord] {
        let answer = try await client.get("\(prefix)/containers/json?all=1", limit: DockerAPI.listLimit)
        guard answer.status == 200 else {
            throw RuntimeFailure("it answers the list of containers with status \(answer.status)")
        }
        do { return try DockerAnswers.list(answer.body, runtime: runtime) } catch {
            throw RuntimeFailure("its list of containers is no valid JSON at byte \(error.byte)")
        }
    }

    /// One container; tried a second time when the answer came soon but made no sense.
    func inspect(_ id: String) async -> Inspection {
        let start = ContinuousClock.now
        let first = await inspectOnce(id)
        guard case .failed = first, ContinuousClock.now - start < .seconds(1) else { return first }
        try? await Task.sleep(for: .milliseconds(100))
        return await inspectOnce(id)
    }

    private func inspectOnce(_ id: String) async -> Inspection {
        precondition(DockerAnswers.isContainerID(id), "an unchecked id in a request")
        do throws(RuntimeFailure) {
            let answer = try await client.get("\(prefix)/containers/\(id)/json", limit: DockerAPI.inspectLimit)
            if answer.status == 404 { return .gone }
            guard answer.status == 200 else { return .failed(RuntimeFailure("status \(answer.status)")) }
            let record = try? DockerAnswers.container(answer.body, runtime: runtime, isPodman: isPodman)
            guard let record, record.id == id else { return .failed(RuntimeFailure("an answer without sense")) }
            return .found(record)
        } catch { return .failed(error) }
    }

    /// Hands over the container events from `since` (nanoseconds since 1970) on, cut anywhere; at first an empty piece
    /// when the subscription stands.
    func events(
        since: Int64?, _ chunk: @Sendable ([UInt8]) async throws -> Void
    ) async throws(RuntimeFailure) {
        // {"type":["container"]}
        var path = "\(prefix)/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
        if let since {
            let (seconds, fraction) = max(0, since).quotientAndRemainder(dividingBy: nanosecondsPerSecond)
            let digits = "\(fraction)"
            path += "&since=\(seconds)." + String(repeating: "0", count: 9 - digits.count) + digits
        }
        try await client.stream(path, chunk)
    }

    /// `1.41`
    private struct Version: Comparable, CustomStringConvertible {
        let major: Int
        let minor: Int

        init(major: Int, minor: Int) {
            self.major = major
            self.minor = minor
        }

        init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1]), major >= 0, minor >= 0
            else { return nil }
            self.init(major: major, minor: minor)
        }

        var description: String { "\(major).\(minor)" }

        static func < (left: Version, right: Version) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
    }
}
