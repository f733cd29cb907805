// What is durable about one container: a row of the store.

/// What is kept of a container until its last record is acknowledged, so that its records never lack their metadata.
/// The store does not look into `stored`.
package struct StoredContainer: Hashable, Sendable {
    /// The runtime's full id.
    package let id: String
    package let stored: [UInt8]

    package init(id: String, stored: [UInt8]) {
        self.id = id
        self.stored = stored
    }
}
