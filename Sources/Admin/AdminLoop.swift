// The one thread that both listeners share.
internal import NIOCore
internal import NIOPosix

/// Owns the event loop of `AdminServer` and `MetricsServer`: one thread, asleep while nobody asks. Stop the servers
/// first, then this.
package final class AdminLoop: Sendable {
    let group: MultiThreadedEventLoopGroup

    package init() { group = MultiThreadedEventLoopGroup(numberOfThreads: 1) }

    /// Ends the thread. Call it once.
    package func stop() async { try? await group.shutdownGracefully() }
}
