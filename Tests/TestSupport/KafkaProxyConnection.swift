// A client's way through the proxy to one broker: messages in, messages out, answers that wait.
internal import Glibc

/// One client's connection and the one to the broker it meant.
final class ProxyConnection {
    /// The place of its broker in the proxy's list.
    let broker: Int
    private let client: ProxySocket
    private let server: ProxySocket
    private var fromClient = KafkaFrames()
    private var fromServer = KafkaFrames()
    private var toClient = ProxyOutput()
    private var toServer = ProxyOutput()
    /// Answers that wait for their time (monotonic ns), in the order in which they came.
    private var delayed: [(due: Int64, bytes: [UInt8])] = []
    private var delayedBytes = 0
    /// Requests that were passed on and not answered yet.
    private var expected: [Int32: KafkaRequestHeader] = [:]
    /// Bytes waiting in one direction beyond which nothing more is read for it.
    private static let limit = 8 << 20

    init(client: ProxySocket, server: ProxySocket, broker: Int) {
        self.broker = broker
        self.client = client
        self.server = server
    }

    /// Requests that the broker has and has not answered.
    var unanswered: Int { expected.count }

    /// When the first delayed answer may go (monotonic ns).
    var nextDue: Int64? { delayed.first?.due }

    /// What poll(2) has to wait for: the client's end, then the broker's.
    func wanted(_ rules: ProxyRules, now: Int64) -> [pollfd] {
        let answersWait = toClient.count + delayedBytes
        return [
            pollfd(
                fd: rules.isStalled ? -1 : client.raw,
                events: (toServer.count < ProxyConnection.limit && !rules.areRequestsHeld ? Int16(POLLIN) : 0)
                    | (toClient.count > 0 ? Int16(POLLOUT) : 0), revents: 0),
            pollfd(
                fd: rules.isStalled ? -1 : server.raw,
                events: (answersWait < ProxyConnection.limit ? Int16(POLLIN) : 0)
                    | (toServer.count > 0 ? Int16(POLLOUT) : 0), revents: 0),
        ]
    }

    /// False at the end of the stream.
    func readClient() -> Bool { client.read { fromClient.append($0) } }
    func readServer() -> Bool { server.read { fromServer.append($0) } }

    func nextRequest() throws -> [UInt8]? { try fromClient.next() }
    func nextAnswer() throws -> [UInt8]? { try fromServer.next() }

    func forward(_ request: [UInt8], _ header: KafkaRequestHeader) {
        expected[header.correlation] = header
        var writer = KafkaWireWriter()
        writer.append(request)
        toServer.append(writer.frame)
    }

    func takeRequest(_ correlation: Int32) -> KafkaRequestHeader? { expected.removeValue(forKey: correlation) }

    func answer(_ frame: [UInt8], at due: Int64) {
        // Never before an answer that came earlier.
        delayed.append((max(due, delayed.last?.due ?? 0), frame))
        delayedBytes += frame.count
    }

    /// Sends what may go now; false when an end is gone.
    func flush(now: Int64) -> Bool {
        let count = delayed.prefix { $0.due <= now }.count
        for answer in delayed.prefix(count) {
            toClient.append(answer.bytes)
            delayedBytes -= answer.bytes.count
        }
        delayed.removeFirst(count)
        return toClient.flush(client) && toServer.flush(server)
    }
}

/// Bytes that wait until a socket takes them.
private struct ProxyOutput {
    private var bytes: [UInt8] = []
    private var sent = 0
    var count: Int { bytes.count - sent }

    mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    /// False when the other end is gone.
    mutating func flush(_ socket: ProxySocket) -> Bool {
        while count > 0 {
            let taken = bytes.withUnsafeBytes { send(socket.raw, $0.baseAddress! + sent, count, Int32(MSG_NOSIGNAL)) }
            if taken < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            sent += taken
        }
        bytes.removeAll(keepingCapacity: bytes.count < 1 << 20)
        sent = 0
        return true
    }
}
