// What others write into the topics, what is broken, and what pretends.
import Core
import Testing

@testable import Verify

struct MessageTests {
    private static let good =
        #"{"message":"m","host.name":"node","log.stream.id":"\#(Stage.stream)","log.file.id":"\#(Stage.file)","log.file.offset":0,"log.record.bytes":10}"#

    @Test func theSampleItselfIsGood() throws {
        let stage = Stage()
        stage.message(Self.good)
        #expect(try stage.verdict.records == 1)
    }

    @Test(
        arguments: [
            "", "hello", "{}", "[]", "null", #"{"message":"x"}"#, #"{"log.file.path":"/x"}"#,
            #"{"log":{"file.id":"x","file":{"offset":1}}}"#, #"{"message":"{\"log.file.offset\":1}"}"#,
            #"{"json":{"log.file.id":"00000000000000000000000000000001","log.file.offset":0}}"#,
            #"["log.file.id"]"#, "\u{0}", #"{"a":"b"#,
        ])
    func whatOthersWriteIsLeftAlone(text: String) {
        let stage = Stage()
        stage.message(text)
        #expect(stage.verifier.foreign.count == 1 && stage.verifier.malformed.count == 0)
        #expect(
            stage.verifier.foreign.examples.map(\.place) == [MessagePlace(topic: "logs", partition: 0, offset: 0)])
        #expect(stage.summary.hasPassed)
    }

    @Test(
        arguments: [
            (#""log.file.offset":0"#, #""log.file.offset":-1"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":1.5"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":1e3"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":"0""#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":00"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":null"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":99999999999999999999"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":18446744073709551617"#, "log.file.offset"),
            (#""log.file.offset":0"#, #""log.file.offset":9223372036854775807"#, "beyond"),
            (#""log.file.offset":0"#, #""log.file.offset":0,"log.file.offset":0"#, "twice"),
            (#""log.file.offset":0"#, #""log.file.offset":0,"log.file.\u006fffset":0"#, "escapes"),
            (#""log.file.offset":0,"#, "", "log.file.offset is not there"),
            (#","log.record.bytes":10"#, "", "log.record.bytes is not there"),
            (#""log.record.bytes":10"#, #""log.record.bytes":0"#, "no byte"),
            (#""log.record.bytes":10"#, #""log.record.bytes":10,"log.skipped.bytes":1"#, "log.skipped.bytes"),
            (#""log.record.bytes":10"#, #""log.record.bytes":10,"log.record.parts":[[0,5],[4,5]]"#, "parts"),
            (#""log.record.bytes":10"#, #""log.record.bytes":10,"log.record.parts":[[0,5],[9,6]]"#, "parts"),
            (#""log.record.bytes":10"#, #""log.record.bytes":10,"log.record.parts":[[1,10]]"#, "parts"),
            (#""log.record.bytes":10"#, #""log.record.bytes":10,"log.record.parts":[]"#, "parts"),
            (#""log.record.bytes":10"#, #""log.record.bytes":10,"log.record.parts":{}"#, "parts"),
            (#""log.file.id":"0"#, #""log.file.id":"g"#, "log.file.id"),
            (#""log.file.id":"0"#, #""log.file.id":"A"#, "log.file.id"),
            (#""log.file.id":"0"#, #""log.file.id":"00"#, "log.file.id"),
            (#""log.stream.id":"0"#, #""log.stream.id":""#, "log.stream.id"),
            (#""host.name":"node""#, #""host.name":1"#, "host.name"),
            (#""host.name":"node""#, #""host.name":"node","host.name":"node""#, "host.name"),
            (#"10}"#, #"10"#, "not a JSON object"), (#"10}"#, #"10}}"#, "not a JSON object"),
            (#"10}"#, #"10,}"#, "not a JSON object"), (#"10}"#, #"10} x"#, "not a JSON object"),
            (#""message":"m""#, #""message":{"a":[1}}"#, "foreign"),
        ])
    func whatIsBrokenIsToldWithItsPlace(old: String, new: String, reason: String) {
        let stage = Stage()
        let text = Self.good.replacing(old, with: new)
        #expect(text != Self.good)
        stage.message("foreign")
        stage.message(text)
        #expect(stage.verdicts.isEmpty)
        if reason == "foreign" { return #expect(stage.verifier.foreign.count == 2) }
        #expect(stage.verifier.malformed.count == 1 && stage.verifier.foreign.count == 1)
        let example = stage.verifier.malformed.examples.first
        #expect(example?.place == MessagePlace(topic: "logs", partition: 0, offset: 1))
        #expect(example?.reason.contains(reason) == true, "\(example?.reason ?? "none")")
    }

    @Test func membersInsideValuesAreNotMembers() throws {
        let stage = Stage()
        let inner = #"{"log.file.offset":5,"log.record.bytes":5,"x":[{"log.file.id":"y"}]}"#
        let text = Self.good.replacing(
            #""message":"m""#, with: #""json":\#(inner),"message":"\\\",\"log.file.offset\":7,\\""#)
        stage.message(text)
        #expect(try stage.verdict.covered == spans((0, 10)))
        #expect(stage.verifier.malformed.count == 0)
    }

    @Test func whiteSpaceIsNoMatter() throws {
        let stage = Stage()
        stage.message(
            Self.good.replacing(":", with: " : ").replacing(",", with: "\n,\t").replacing("{", with: " { "))
        #expect(try stage.verdict.records == 1)
    }

    @Test func aRecordUnderAnotherKeyCoversNothing() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(20, 10)
        stage.record(10, 10, key: "")
        stage.record(10, 10, key: Identifier128(high: 0xB, low: 2).description)
        #expect(stage.verifier.forged.count == 2)
        #expect(stage.verifier.forged.examples.map(\.place.offset) == [2, 3])
        #expect(try stage.verdict.holes == spans((10, 20)))
        #expect(try stage.verdict.records == 2)
    }

    @Test func aRecordOfAGenerationThatIsKnownAsAnothersCoversNothing() throws {
        let stage = Stage()
        stage.record(0, 10)
        stage.record(10, 10, stream: Identifier128(high: 0xB, low: 2))
        stage.record(10, 10, host: "other")
        #expect(stage.verifier.forged.count == 2)
        #expect(try stage.verdict.covered == spans((0, 10)))
    }

    @Test func theAuditKnowsWhoseAGenerationIs() throws {
        let stage = Stage()
        stage.opened()
        stage.record(0, 10, stream: Identifier128(high: 0xB, low: 2))
        #expect(stage.verifier.forged.count == 1)
        #expect(try stage.verdict.records == 0)
    }

    @Test func hostsWithEscapesAreTheSameInEitherSpelling() throws {
        let stage = Stage()
        stage.record(0, 10, host: #"n\u00f6de"#)
        stage.record(10, 10, host: "nöde")
        #expect(stage.verifier.forged.count == 0)
        #expect(try stage.verdict.records == 2)
    }

    @Test(
        arguments: [
            "", "{}", "[1]", #"{"event":7}"#, #"{"event":"gap"}"#, #"{"event":"gap","event":"gap"}"#,
        ])
    func eventsThatAreNoneAreTold(text: String) {
        let stage = Stage()
        withBytes("node", text) { key, value in
            stage.verifier.takeEvent(MessagePlace(topic: "audit", partition: 0, offset: 3), key: key, value: value)
        }
        #expect(stage.verifier.badEvents.count == 1)
        #expect(stage.verifier.events.isEmpty)
    }

    @Test(
        arguments: [
            #""from":10,"to":5,"reason":"r""#, #""from":-1,"to":5,"reason":"r""#, #""from":1,"reason":"r""#,
            #""from":0,"to":9,"reason":"r","ranges":[[5,3]],"bytes":1"#,
        ])
    func gapsThatContradictThemselvesAnnounceNothing(members: String) throws {
        let stage = Stage()
        stage.record(10, 10)
        stage.event("gap", members)
        #expect(stage.verifier.badEvents.count == 1)
        #expect(try stage.verdict.holes == spans((0, 10)))
    }

    @Test func eventsUnderAnotherKeyAnnounceNothing() throws {
        let stage = Stage()
        stage.record(10, 10)
        stage.event("gap", #""from":0,"to":10,"reason":"r""#, key: "somebody")
        #expect(stage.verifier.badEvents.count == 1)
        #expect(try stage.verdict.holes == spans((0, 10)))
    }

    @Test func kindsOfEventsThatComeLaterAreNoFault() {
        let stage = Stage()
        stage.event("brand_new", #""x":[1,{"from":2}]"#)
        #expect(stage.verifier.badEvents.count == 0 && stage.verifier.events == ["brand_new": 1])
    }

    @Test func containersHaveTheirNamesFromTheAudit() {
        let stage = Stage()
        stage.event("container_started", #""container.id":"c0ffee","container.name":"shop""#, file: nil, stream: nil)
        stage.event("generation_closed", #""container.id":"c0ffee","size":10,"skipped":0"#)
        #expect(stage.verdicts[Stage.file]?.origin.containerName == "shop")
    }
}
