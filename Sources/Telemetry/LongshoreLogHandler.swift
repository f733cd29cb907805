// The bridge from swift-log to LogOutput.
package import Logging

/// A value per logger: label and metadata. Level, format and destination are those of its `LogOutput`.
package struct LongshoreLogHandler: LogHandler {
    private let label: String
    private let output: LogOutput
    private var ownLevel: Logger.Level?
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    package init(label: String, output: LogOutput, metadataProvider: Logger.MetadataProvider? = nil) {
        self.label = label
        self.output = output
        self.metadataProvider = metadataProvider
    }

    /// The level of the output, unless this logger was given one of its own.
    package var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// The event's metadata win over the provider's, those over the logger's; an error becomes "error.message".
    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let error = event.error { all["error.message"] = "\(error)" }
        if let own = event.metadata { all.merge(own) { $1 } }
        output.log(level: event.level, label: label, message: event.message.description, metadata: all)
    }
}
