// One connection: one request, one answer, closed.
internal import NIOCore
internal import NIOHTTP1

/// Last handler of a connection, on the event loop. Each phase has a deadline of its own, so no client can hold a
/// connection: the head must be there in time, the answer must be taken in time. After the answer only our side is
/// closed at first: closing both while unread bytes wait would reset the connection under the answer.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase { case head, answering, lingering }

    private let routes: HTTPRoutes
    private let limits: HTTPLimits
    private var phase = Phase.head
    private var deadline: Scheduled<Void>?

    init(routes: @escaping HTTPRoutes, limits: HTTPLimits) {
        self.routes = routes
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) { close(after: limits.readMilliseconds, context) }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .head, case .head(let head) = unwrapInboundIn(data) else { return }
        phase = .answering
        deadline?.cancel()
        guard head.method == .GET || head.method == .HEAD else {
            return send(.methodNotAllowed, withBody: true, context)
        }
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        let withBody = head.method == .GET
        guard let answer = routes(String(path), context.eventLoop) else {
            return send(.notFound, withBody: withBody, context)
        }
        answer.hop(to: context.eventLoop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let answer): self.send(answer, withBody: withBody, context)
            case .failure: context.close(promise: nil)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client may close its side after the request and still wait for the answer.
        if let event = event as? ChannelEvent, event == .inputClosed, phase != .answering {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard phase == .head else {
            // What follows the one request does not matter, unless the connection itself is broken.
            if error is IOError { context.close(promise: nil) }
            return
        }
        phase = .answering
        switch error {
        case is RequestLimit.TooLarge: send(.tooLarge, withBody: true, context)
        case is HTTPParserError: send(.badRequest, withBody: true, context)
        default: context.close(promise: nil)
        }
    }

    private func send(_ answer: HTTPAnswer, withBody: Bool, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        close(after: limits.writeMilliseconds, context)
        let headers: HTTPHeaders = [
            "Content-Type": answer.contentType, "Content-Length": "\(answer.body.readableBytes)", "Connection": "close",
            "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if withBody { context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in self.linger(context) }
    }

    private func linger(_ context: ChannelHandlerContext) {
        phase = .lingering
        context.close(mode: .output, promise: nil)
        close(after: limits.lingerMilliseconds, context)
    }

    /// Replaces the deadline of the phase.
    private func close(after milliseconds: Int64, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            context.close(promise: nil)
        }
    }
}
