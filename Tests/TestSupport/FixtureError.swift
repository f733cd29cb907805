// What a fixture throws when the world around a test is not as it must be.

/// A fixture could not do its work: `message` says what was expected, what was found, and what to do.
package struct FixtureError: Error, Sendable, CustomStringConvertible {
    package let message: String
    package init(_ message: String) { self.message = message }
    package var description: String { message }
}
