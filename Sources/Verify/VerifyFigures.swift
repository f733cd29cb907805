// How the reading went.
internal import Glibc

/// What was read, how fast, and with how much memory.
package struct VerifyFigures: Sendable {
    package var topics: [TopicFacts]
    package var remarks: [String]
    package var messages: UInt64
    package var seconds: Double
    /// Of the whole process (getrusage(2)).
    package var peakBytes: UInt64

    package init(
        topics: [TopicFacts] = [], remarks: [String] = [], messages: UInt64 = 0, seconds: Double = 0,
        peakBytes: UInt64 = 0
    ) {
        self.topics = topics
        self.remarks = remarks
        self.messages = messages
        self.seconds = seconds
        self.peakBytes = peakBytes
    }

    /// Of a run that is over.
    package init(_ run: VerifyRun) {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        self.init(
            topics: run.topics, remarks: run.remarks, messages: run.messages, seconds: run.seconds,
            peakBytes: UInt64(max(0, usage.ru_maxrss)) * 1024)
    }
}
