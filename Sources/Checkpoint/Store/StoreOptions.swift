// What the store needs to know.

/// Settings of one store.
package struct StoreOptions: Sendable {
    /// The state directory: locked, made (0750) when missing.
    package var directory: String
    /// Nanoseconds after which a commit that did not ask for durability is fsynced.
    package var fsyncInterval: Int64
    /// Nanoseconds between snapshots while there is something new.
    package var snapshotInterval: Int64

    package init(
        directory: String, fsyncInterval: Int64 = 1_000_000_000, snapshotInterval: Int64 = 60_000_000_000
    ) {
        self.directory = directory
        self.fsyncInterval = fsyncInterval
        self.snapshotInterval = snapshotInterval
    }
}
