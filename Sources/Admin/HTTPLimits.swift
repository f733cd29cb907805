// What one client of an administration interface may use up.

/// Limits of a listener. The defaults are the ones of the daemon; tests shorten the times.
package struct HTTPLimits: Sendable {
    /// Connections served at a time; further ones wait in the kernel's backlog.
    package var connections = 64
    /// Bytes of a request, its body included: no request needs one.
    package var requestBytes = 16 * 1024
    /// For the whole request head, however steadily it drips in.
    package var readMilliseconds: Int64 = 10_000
    /// For the daemon to answer.
    package var answerMilliseconds: Int64 = 5_000
    /// For the client to take the whole answer.
    package var writeMilliseconds: Int64 = 10_000
    /// For the client to close after the answer.
    package var lingerMilliseconds: Int64 = 1_000

    package init() {}
}
