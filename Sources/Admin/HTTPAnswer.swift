// One answer of an administration interface.
internal import NIOCore
internal import NIOHTTP1

/// Status, type and whole body; a body that several connections share is stored once.
struct HTTPAnswer: Sendable {
    let status: HTTPResponseStatus
    let contentType: String
    let body: ByteBuffer

    init(_ status: HTTPResponseStatus, _ contentType: String, _ body: ByteBuffer) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// Lines for people.
    init(_ status: HTTPResponseStatus, text: String) {
        self.init(status, "text/plain; charset=utf-8", ByteBuffer(string: text + "\n"))
    }

    static let notFound = HTTPAnswer(.notFound, text: "not found")
    static let methodNotAllowed = HTTPAnswer(.methodNotAllowed, text: "only GET and HEAD are answered here")
    static let badRequest = HTTPAnswer(.badRequest, text: "this is not an HTTP request")
    static let tooLarge = HTTPAnswer(.requestHeaderFieldsTooLarge, text: "the request is larger than 16 KiB")
}

/// Answers the GET of one path (without query); nil is 404. Called on the event loop, must not wait there.
typealias HTTPRoutes = @Sendable (_ path: String, _ loop: any EventLoop) -> EventLoopFuture<HTTPAnswer>?
