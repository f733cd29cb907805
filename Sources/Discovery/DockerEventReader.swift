// Docker's event stream, cut into events.

extension DockerAPI {
    func follow(since: Int64?, into inbox: RuntimeInbox) async {
        let reader = DockerEventReader(inbox)
        do throws(RuntimeFailure) {
            try await events(since: since) { await reader.take($0) }
            inbox.put(.broken(RuntimeFailure("it ended its event stream: was it stopped?")))
        } catch { inbox.put(.broken(error)) }
    }
}

/// Cuts the stream into events. Used by the reading task alone.
private actor DockerEventReader {
    private let inbox: RuntimeInbox
    private var splitter = LineSplitter(limit: DockerAPI.eventLimit)
    private var isSubscribed = false

    init(_ inbox: RuntimeInbox) { self.inbox = inbox }

    func take(_ piece: [UInt8]) async {
        if !isSubscribed {
            isSubscribed = true
            inbox.put(.subscribed)
        }
        for line in splitter.feed(piece) {
            guard let line, let event = try? RuntimeEvent.parse(line) as RuntimeEvent?? else {
                inbox.put(.missed)
                continue
            }
            guard let event else { continue }
            inbox.put(.event(event, cost: line.count))
            // While nothing is read the runtime may throw events away.
            if await inbox.room() { inbox.put(.missed) }
        }
    }
}
