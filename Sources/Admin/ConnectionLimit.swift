// No more than so many connections at a time.
internal import NIOCore

/// First handler of a listening channel: accepts only while there is room, so that further clients wait in the kernel's
/// backlog and are served later. Lives on the event loop, which the connections share.
final class ConnectionLimit: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let limit: Int
    private var open: [ObjectIdentifier: any Channel] = [:]
    private var owesRead = false

    init(limit: Int) { self.limit = limit }

    func read(context: ChannelHandlerContext) {
        if open.count < limit { context.read() } else { owesRead = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        open[ObjectIdentifier(channel)] = channel
        let id = ObjectIdentifier(channel)
        channel.closeFuture.hop(to: context.eventLoop).assumeIsolated().whenComplete { _ in
            self.open[id] = nil
            if self.owesRead {
                self.owesRead = false
                context.read()
            }
        }
        context.fireChannelRead(data)
    }

    /// The listening channel closes: so do its connections.
    func channelInactive(context: ChannelHandlerContext) {
        for channel in open.values { channel.close(promise: nil) }
        context.fireChannelInactive()
    }
}
