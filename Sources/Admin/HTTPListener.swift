// A listening socket whose connections answer one HTTP request each.
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// What `AdminServer` and `MetricsServer` have in common: bootstrap, limits, stop.
final class HTTPListener: Sendable {
    private let channel: any Channel

    private init(channel: any Channel) { self.channel = channel }

    /// Listens on an already bound socket, which the listener then owns.
    static func start(
        _ loop: AdminLoop, boundSocket: Int32, limits: HTTPLimits, routes: @escaping HTTPRoutes
    ) async throws -> HTTPListener {
        HTTPListener(channel: try await bootstrap(loop, limits, routes).withBoundSocket(boundSocket).get())
    }

    /// Listens on `host`:`port`; port 0 takes a free one.
    static func start(
        _ loop: AdminLoop, host: String, port: Int, limits: HTTPLimits, routes: @escaping HTTPRoutes
    ) async throws -> HTTPListener {
        HTTPListener(channel: try await bootstrap(loop, limits, routes).bind(host: host, port: port).get())
    }

    /// The TCP port; nil for a unix socket.
    var port: Int? { channel.localAddress?.port }

    /// Stops listening and closes the connections.
    func stop() async { try? await channel.close() }

    private static func bootstrap(
        _ loop: AdminLoop, _ limits: HTTPLimits, _ routes: @escaping HTTPRoutes
    ) -> ServerBootstrap {
        ServerBootstrap(group: loop.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // One accept per turn: the limit counts exactly.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ConnectionLimit(limit: limits.connections))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(RequestLimit(limit: limits.requestBytes))
                    try pipeline.addHandler(HTTPResponseEncoder())
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(HTTPConnection(routes: routes, limits: limits))
                }
            }
    }
}
