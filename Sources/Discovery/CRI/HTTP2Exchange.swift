// One request and its answer over HTTP/2: bytes in, bytes out. The protocol is libnghttp2's.
internal import CNgHTTP2

/// The client's side of a connection that carries one POST. Nothing here waits: whoever owns it carries the bytes. Used by
/// one task. https://nghttp2.org/documentation/apiref.html
final class HTTP2Exchange {
    /// What of the answer has come.
    struct Answer {
        /// Header fields and trailers by name, the last of each.
        var fields: [String: String] = [:]
        /// Of the body, since the last call.
        var body: [UInt8] = []
        /// The other side has dealt with all that was sent before `ask`.
        var isAcknowledged = false
        /// The stream has ended; `error` is HTTP/2's code, 0 for a good end.
        var isEnded = false
        var error: UInt32 = 0
    }

    private var session: OpaquePointer?
    private var answer = Answer()
    private var fieldBytes = 0
    private var request: [UInt8]
    private var sent = 0
    private var stream: Int32 = 0
    private var output: [UInt8] = []
    /// Code of the error for which this side ends the connection.
    private var complaint: UInt32 = 0

    /// Header fields and trailers altogether; gRPC's messages of failure are among them.
    private static let fieldLimit = 32 << 10
    /// Bytes that the other side may send before it must wait.
    private static let window: Int32 = 1 << 20

    /// `fields` begin with the pseudo-header fields. Throws when the library refuses them.
    init(_ fields: [(name: String, value: String)], body: [UInt8]) throws(RuntimeFailure) {
        request = body
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { throw HTTP2Exchange.noMemory }
        defer { nghttp2_session_callbacks_del(callbacks) }
        HTTP2Exchange.set(callbacks)
        let context = Unmanaged.passUnretained(self).toOpaque()
        guard nghttp2_session_client_new(&session, callbacks, context) == 0 else { throw HTTP2Exchange.noMemory }
        try submit(fields)
    }

    deinit { nghttp2_session_del(session) }

    private static let noMemory = RuntimeFailure("no memory for a connection")

    private func submit(_ fields: [(name: String, value: String)]) throws(RuntimeFailure) {
        var settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(HTTP2Exchange.window)),
            nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(HTTP2Exchange.fieldLimit)),
        ]
        var code = nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count)
        if code == 0 {
            code = nghttp2_session_set_local_window_size(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, HTTP2Exchange.window)
        }
        if code == 0 {
            var provider = nghttp2_data_provider()
            provider.read_callback = { _, _, buffer, length, flags, _, context in
                HTTP2Exchange.own(context).read(buffer, length, flags)
            }
            stream = HTTP2Exchange.withPairs(fields) { pairs in
                nghttp2_submit_request(session, nil, pairs.baseAddress, pairs.count, &provider, nil)
            }
            code = min(stream, 0)
        }
        if code != 0 { throw HTTP2Exchange.failure(code) }
    }

    /// Asks the other side to say when it has dealt with what was taken so far; then `isAcknowledged` becomes true.
    func ask() { nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil) }

    /// What is to be sent now.
    func takeOutput() throws(RuntimeFailure) -> [UInt8] {
        while true {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            if count < 0 { throw HTTP2Exchange.failure(Int32(count)) }
            guard count > 0, let bytes else { break }
            output += UnsafeBufferPointer(start: bytes, count: count)
        }
        defer { output = [] }
        return output
    }

    /// Bytes that have come. Throws when they are no HTTP/2, or more header fields than are taken.
    func receive(_ bytes: [UInt8]) throws(RuntimeFailure) {
        let count = nghttp2_session_mem_recv(session, bytes, bytes.count)
        if count < 0 {
            if fieldBytes > HTTP2Exchange.fieldLimit {
                throw RuntimeFailure("its header fields are too large: refused")
            }
            throw HTTP2Exchange.failure(Int32(count))
        }
        // The library's own answer shows what it thinks of them.
        output = try takeOutput()
        if complaint != 0, !answer.isEnded {
            throw RuntimeFailure("what answers there speaks no gRPC (HTTP/2 error \(complaint))")
        }
    }

    /// What has come since the last call; header fields stay.
    func takeAnswer() -> Answer {
        defer { answer.body = [] }
        return answer
    }

    private static func failure(_ code: Int32) -> RuntimeFailure {
        RuntimeFailure("what answers there speaks no gRPC (\(String(cString: nghttp2_strerror(code))))")
    }
}

extension HTTP2Exchange {
    private static func own(_ context: UnsafeMutableRawPointer?) -> HTTP2Exchange {
        Unmanaged<HTTP2Exchange>.fromOpaque(context!).takeUnretainedValue()
    }

    private static func set(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, frame, name, count, value, size, _, context in
            HTTP2Exchange.own(context).take(frame!.pointee.hd.stream_id, name, count, value, size)
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, bytes, count, context in
            let exchange = HTTP2Exchange.own(context)
            if id == exchange.stream { exchange.answer.body += UnsafeBufferPointer(start: bytes, count: count) }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
            let head = frame!.pointee.hd
            let isAcknowledgement = head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
            if head.type == UInt8(NGHTTP2_PING.rawValue), isAcknowledgement {
                HTTP2Exchange.own(context).answer.isAcknowledged = true
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, context in
            if frame!.pointee.hd.type == UInt8(NGHTTP2_GOAWAY.rawValue) {
                HTTP2Exchange.own(context).complaint = frame!.pointee.goaway.error_code
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, error, context in
            let exchange = HTTP2Exchange.own(context)
            guard id == exchange.stream else { return 0 }
            exchange.answer.isEnded = true
            exchange.answer.error = error
            return 0
        }
    }

    /// A header field of the answer.
    private func take(
        _ id: Int32, _ name: UnsafePointer<UInt8>?, _ count: Int, _ value: UnsafePointer<UInt8>?, _ size: Int
    ) -> Int32 {
        fieldBytes += count + size + 32
        if fieldBytes > HTTP2Exchange.fieldLimit { return Int32(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
        guard id == stream else { return 0 }
        func text(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
            String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
        }
        answer.fields[text(name, count)] = text(value, size)
        return 0
    }

    /// The next piece of the request's body.
    private func read(_ buffer: UnsafeMutablePointer<UInt8>?, _ length: Int, _ flags: UnsafeMutablePointer<UInt32>?)
        -> Int
    {
        let count = min(length, request.count - sent)
        for offset in 0..<count { buffer?[offset] = request[sent + offset] }
        sent += count
        if sent == request.count { flags?.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
        return count
    }

    /// The library copies them.
    private static func withPairs<Result>(
        _ fields: [(name: String, value: String)], _ body: (UnsafeBufferPointer<nghttp2_nv>) -> Result
    ) -> Result {
        let texts = fields.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] }
        let copies = texts.map { text in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.count))
            _ = copy.initialize(from: text)
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        let pairs = stride(from: 0, to: texts.count, by: 2).map { index in
            nghttp2_nv(
                name: copies[index].baseAddress, value: copies[index + 1].baseAddress, namelen: texts[index].count,
                valuelen: texts[index + 1].count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
        }
        return pairs.withUnsafeBufferPointer(body)
    }
}
