// No request beyond its size limit.
internal import NIOCore

/// First handler of a connection: passes the first `limit` bytes, then reports `TooLarge` once and drops the rest.
final class RequestLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The client sent more than a request may have.
    struct TooLarge: Error {}

    private var left: Int

    init(limit: Int) { left = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard left >= 0 else { return }
        left -= unwrapInboundIn(data).readableBytes
        if left >= 0 { context.fireChannelRead(data) } else { context.fireErrorCaught(TooLarge()) }
    }
}
