// The fixture that asserts the balance of the ledger finds what does not add up.
import TestSupport
import Testing

@Suite("The balance that fixtures assert")
struct LedgerBalanceValues {
    private static func status(_ change: String = "", _ by: String = "") throws -> JSONValue {
        let ledger = #"{"size":10,"acknowledged":4,"inFlight":1,"spooled":0,"skipped":2,"gap":1,"unread":2}"#
        let text =
            #"{"ledgerImbalances":0,"totals":\#(ledger),"books":\#(ledger),"sources":[{"path":"/a","offset":7,"ledger":\#(ledger)}]}"#
        return try JSONValue(parsing: Array(text.replacing(change.isEmpty ? "\u{0}" : change, with: by).utf8))
    }

    @Test("What adds up passes") func balance() throws { #expect(imbalances(try Self.status()).isEmpty) }

    @Test(
        "What does not add up in a source, the totals, the books or the daemon's own eyes is found",
        arguments: [
            (#""offset":7"#, #""offset":8"#), (#""ledgerImbalances":0"#, #""ledgerImbalances":1"#),
            (#""offset":7,"ledger":{"size":10"#, #""offset":7,"ledger":{"size":11"#),
            (#""totals":{"size":10"#, #""totals":{"size":11"#), (#""books":{"size":10"#, #""books":{"size":9"#),
            (#""books""#, #""other""#), (#""offset""#, #""other""#),
        ])
    func imbalance(what: String, by: String) throws { #expect(!imbalances(try Self.status(what, by)).isEmpty) }
}
