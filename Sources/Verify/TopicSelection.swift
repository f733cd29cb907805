// Which of the brokers' topics are meant.
internal import Core
internal import Glibc

/// Finds the topics of a request among those there are.
struct TopicSelection {
    /// Name and number of partitions of every topic.
    let present: [String: Int]

    /// The topics of records that `wanted` names. A pattern stands for all that fit it but internal topics and `excluded`.
    /// Unless `all`, it is enough when one is there.
    func records(_ wanted: [String], all: Bool, excluding excluded: [String]) throws(VerifyFailure) -> [String] {
        var chosen: [String] = []
        var absence: VerifyFailure?
        for name in wanted {
            do {
                let found = try isPattern(name) ? matches(name, excluded) : [exact(name)]
                for topic in found where !chosen.contains(topic) { chosen.append(topic) }
            } catch { absence = absence ?? error }
        }
        if let absence, all || chosen.isEmpty { throw absence }
        if let twice = chosen.first(where: { excluded.contains($0) }) {
            throw VerifyFailure(
                message:
                    "\(shown(twice)) is named as a topic of records and as audit or dead-letter topic: name it once")
        }
        return chosen
    }

    /// nil: it is not to be read, or not there and need not be.
    func control(_ wanted: VerifyRequest.ControlTopic) throws(VerifyFailure) -> String? {
        switch wanted {
        case .none: nil
        case .named(let name): try exact(name)
        case .ifThere(let name): present[name] == nil ? nil : name
        }
    }

    private func isPattern(_ name: String) -> Bool { GlobSyntax.isGlob(name.utf8) }

    private func exact(_ name: String) throws(VerifyFailure) -> String {
        if present[name] != nil { return name }
        let near = Spelling.nearest(to: name, among: present.keys.sorted()).map { ", did you mean \(shown($0))?" } ?? ""
        throw VerifyFailure(
            message: "the brokers have no topic \(shown(name))\(near.isEmpty ? list : near)")
    }

    private func matches(_ pattern: String, _ excluded: [String]) throws(VerifyFailure) -> [String] {
        let found = present.keys.filter {
            !$0.hasPrefix("__") && !excluded.contains($0) && fnmatch(pattern, $0, 0) == 0
        }
        if found.isEmpty { throw VerifyFailure(message: "no topic of the brokers fits \(shown(pattern))\(list)") }
        return found.sorted()
    }

    private var list: String {
        let names = present.keys.filter { !$0.hasPrefix("__") }.sorted()
        if names.isEmpty { return ": they have none; check --brokers, and the right to Describe topics" }
        let more = names.count > 12 ? " and \(names.count - 12) more" : ""
        return ": they have " + names.prefix(12).map { shown($0) }.joined(separator: ", ") + more
    }

    private func shown(_ name: String) -> String { escapedForTerminal(quoted(name)) }
}
