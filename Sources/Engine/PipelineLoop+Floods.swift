// Directories with too many changes for inotify: said when it begins and when it ends.
internal import FileSource
internal import LinuxIO
internal import Logging

extension PipelineLoop {
    /// Of directories that flood the status names so many.
    static let toldFloods = 8

    func noteFloods() {
        for news in tailer.takeFloodNews() {
            switch news {
            case .began(let path):
                logger.warning(
                    "a directory made inotify lose events: it is looked at once a second instead, all others are watched on",
                    metadata: ["directory": "\(printable(path))"])
            case .ended(let path):
                logger.notice(
                    "a directory is calm again: it is watched", metadata: ["directory": "\(printable(path))"])
            }
        }
    }
}
