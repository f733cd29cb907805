// Histories that once lost bytes without a word.

/// A history with its setting and what it was that went wrong.
struct ModelStory: Sendable, CustomStringConvertible {
    let description: String
    let setting: ModelSetting
    let steps: [ModelStep]

    init(_ description: String, _ setting: ModelSetting, _ steps: [ModelStep]) {
        self.description = description
        self.setting = setting
        self.steps = steps
    }

    private static let log = "logs/app.log"
    private static let old = "logs/app.log.1"

    private static let deep = "base/logs/app.log"

    static let all = [
        ModelStory(
            "a file that was never looked at is deleted and held open: its directory is made anew without an event",
            ModelSetting(.many, .literal),
            [
                .append(log, lines: 1, ends: true), .hold(log), .removeDirectory("logs"),
                .append(old, lines: 1, ends: true), .look, .append(log, lines: 1, ends: true), .rotate(log, depth: 1),
            ]),
        ModelStory(
            "deleted, made anew, rotated, made anew before a look, and a walk comes before the events",
            ModelSetting(.one, .deep),
            [
                .append(deep, lines: 90, ends: true), .look, .append(deep, lines: 90, ends: true), .delete(deep),
                .append(deep, lines: 90, ends: true), .rotate(deep, depth: 1), .append(deep, lines: 9, ends: true),
                .walkBeforeEvents,
            ]),
        ModelStory(
            "rotated twice over the same name while nothing is read", ModelSetting(.one, .literal),
            [
                .append(log, lines: 90, ends: true), .walkBeforeEvents, .append(log, lines: 9, ends: true),
                .rotate(log, depth: 1), .park(oneOf: 0), .append(log, lines: 1, ends: true), .rotate(log, depth: 1),
                .append(log, lines: 1, ends: true), .look, .rename(old, "logs/app.log.2"),
            ]),
        ModelStory(
            "an older file holds what a younger one began with, and is cut off: the younger one is the rest of it",
            ModelSetting(.many, .chain),
            [
                .append(log, lines: 1, ends: true), .append(old, lines: 1, ends: true), .copy(old, log), .look,
                .append(old, lines: 1, ends: true), .truncate(log, percent: 0),
            ]),
        ModelStory(
            "the only declared name is a hard link that comes and goes unseen", ModelSetting(.many, .deep),
            [
                .append("base/logs/app.log.2", lines: 1, ends: true), .link("base/logs/app.log.2", "base/other/app.log"),
                .removeDirectory("base/other"),
            ]),
        ModelStory(
            "cut off and regrown before its first read: the head tells", ModelSetting(.many, .literal),
            [
                .park(oneOf: 0), .append(log, lines: 1, ends: true), .look, .truncate(log, percent: 0),
                .append(log, lines: 1, ends: true), .append(log, lines: 2, ends: true),
            ]),
        ModelStory(
            "empty when it was read, grown, cut off, regrown", ModelSetting(.many, .pattern),
            [
                .append(log, lines: 1, ends: true), .truncate(log, percent: 0), .look, .park(oneOf: 0),
                .append(log, lines: 3, ends: false), .look, .truncate(log, percent: 0),
                .append(log, lines: 2, ends: true),
            ]),
        ModelStory(
            "grown while it is not read, then cut off: the gap has its last size", ModelSetting(.many, .literal),
            [
                .park(oneOf: 2), .append(log, lines: 1, ends: true), .rotate(log, depth: 1),
                .append(log, lines: 1, ends: true), .look, .append(log, lines: 1, ends: true), .look,
                .truncate(log, percent: 0),
            ]),
        ModelStory(
            "grown while it is not read and has no descriptor", ModelSetting(.many, .chain, openLimit: 3),
            [
                .append(old, lines: 1, ends: true), .append(log, lines: 1, ends: true), .look, .delete(old), .look,
                .park(oneOf: 2), .delete(log), .append(log, lines: 1, ends: true), .append(old, lines: 1, ends: true),
                .look, .append(log, lines: 1, ends: true), .rotate(log, depth: 1), .look, .truncate(old, percent: 0),
            ]),
        ModelStory(
            "cut off twice while it is not read: each content is told", ModelSetting(.many, .chain),
            [
                .append(log, lines: 1, ends: true), .look, .rotate(log, depth: 1), .truncate(old, percent: 0),
                .park(oneOf: 0), .append(old, lines: 1, ends: true), .look, .truncate(old, percent: 0),
            ]),
        ModelStory(
            "replaced between the last read and the last checkpoint: the evidence is of what was read",
            ModelSetting(.many, .chain),
            [
                .append(log, lines: 3, ends: true), .look, .truncate(log, percent: 0),
                .append(log, lines: 9, ends: true), .stop(killed: false),
            ]),
        ModelStory(
            "the same of a file of which nothing was read", ModelSetting(.many, .chain),
            [
                .append("logs/app.log.2", lines: 1, ends: true), .park(oneOf: 2), .append(old, lines: 1, ends: true),
                .look, .truncate(old, percent: 0), .append(old, lines: 1, ends: true), .stop(killed: false),
            ]),
        ModelStory(
            "a directory is gone at the start and comes back with another file of the name",
            ModelSetting(.many, .chain),
            [
                .append(log, lines: 1, ends: true), .look, .stop(killed: true), .removeDirectory("logs"), .start,
                .append(log, lines: 1, ends: true),
            ]),
    ]
}
