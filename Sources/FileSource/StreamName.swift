// The identity of a stream, derived from its name.
internal import CCrypto
package import Core

extension StreamID {
    /// The first 128 bits of SHA-256 over host, container, declaration and live path, each ended by a NUL (which none of
    /// them can hold): the same stream has the same id, and so the same partition, after any loss of state.
    package static func derive(host: String, container: String, declaration: String, path: [UInt8]) -> StreamID {
        var name: [UInt8] = []
        for part in [Array(host.utf8), Array(container.utf8), Array(declaration.utf8), path] {
            name.append(contentsOf: part)
            name.append(0)
        }
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        let made = EVP_Digest(name, name.count, &digest, nil, EVP_sha256(), nil)
        precondition(made == 1, "libcrypto has no SHA-256")
        return StreamID(Identifier128(bytes: digest)!)
    }
}
