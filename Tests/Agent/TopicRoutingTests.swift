// Topics of containers: what the operator's template gives, what a label may choose, and what no tenant ever reaches.
import Agent
import Configuration
import Discovery
import TestSupport
import Testing

/// The configuration with this `kafka` section and node.
private func configuration(_ kafka: String, node: String = "{name: n1}") throws -> Configuration {
    let directory = try TemporaryDirectory()
    let path = try directory.write("node: \(node)\nkafka: {brokers: embedded, \(kafka)}\n", to: "longshore.yaml")
    switch ConfigurationLoader.load(path: path, environment: [:]) {
    case .loaded(let configuration): return configuration
    case .refused(let problems): throw RefusedConfiguration(problems: problems.map(\.description))
    }
}

private struct RefusedConfiguration: Error { let problems: [String] }

private func declaration(topic: String? = nil, labels: [String: String] = [:]) -> LabelDeclaration {
    var declaration = LabelDeclaration(name: "app", paths: ["/a"])
    declaration.keys = ["longshore.logs.app.path"] + (topic == nil ? [] : ["longshore.logs.app.topic"])
    declaration.topic = topic
    declaration.labels = labels
    return declaration
}

private let shop = ContainerFacts(
    name: "shop-web-1", image: "shop", runtime: "docker", service: "web", labels: ["team": "shop", "empty": ""])

private func route(
    _ kafka: String, _ declaration: LabelDeclaration = declaration(), of container: ContainerFacts = shop
) throws -> TopicRoute {
    let configuration = try configuration(kafka)
    return TopicRouting(kafka: configuration.kafka, node: configuration.node).route(declaration, of: container)
}

@Suite struct TopicRoutingTests {
    @Test func aTopicWithoutFieldsNeedsNoPermission() throws {
        #expect(try route("topic: logs") == TopicRoute(topic: "logs"))
        #expect(try route("topic: 'l.{host.name}.{container.runtime.name}'") == TopicRoute(topic: "l.n1.docker"))
    }

    @Test func fieldsTakeTheValuesOfTheContainer() throws {
        let fields = "{container.name}.{container.image.name}.{service.name}.{label:team}.{log.declaration}.{labels.k}"
        let found = try route(
            "topic: 'l.\(fields)', allowed_topics: ['l.*']", declaration(labels: ["k": "v"]))
        #expect(found == TopicRoute(topic: "l.shop-web-1.shop.web.shop.app.v"))
    }

    @Test(arguments: [
        (
            "{label:other}", "other", "kafka.topic needs {label:other}, which has no value",
            "give the container the label other"
        ),
        (
            "{label:empty}", "empty", "kafka.topic needs {label:empty}, which has no value",
            "give the container the label empty"
        ),
        ("{labels.k}", "", "kafka.topic needs {labels.k}, which has no value", "add k=… to the declaration's labels"),
    ])
    func aMissingValueGoesToTheDefaultTopic(field: String, key: String, message: String, remedy: String) throws {
        let found = try route("topic: 'l.\(field)', allowed_topics: ['l.*']")
        #expect(found.topic == "logs.unrouted")
        #expect(found.reason?.message == message)
        #expect(found.reason?.remedy == remedy)
        #expect(found.reason?.key == key)
        #expect(found.reason?.declaration == "app")
        #expect(found.reason?.isFatal == false)
    }

    @Test func namesThatTheOperatorDoesNotAllowGoToTheDefaultTopic() throws {
        let found = try route("topic: '{service.name}', allowed_topics: ['team.*']")
        #expect(found.topic == "logs.unrouted")
        #expect(
            found.reason?.message == "kafka.topic gives \"web\", which kafka.allowed_topics does not allow")
        #expect(
            found.reason?.remedy == "choose another name, or write one that fits \"team.*\", "
                + "or ask the operator to add it to kafka.allowed_topics")
        let none = try route("topic: 'l.{log.declaration}'")
        #expect(none.topic == "logs.unrouted", "an empty list allows nothing")
    }

    /// "a/b" and "a_b" would meet in one topic.
    @Test(arguments: ["a/b", "a b", "ä", "a\u{0}b", "a\u{1B}[31mb", "{host.name}", "../x", "a:1"])
    func aNameThatWouldHaveToBeChangedNeverLandsInATopicOfAnother(service: String) throws {
        var container = shop
        container.service = service
        let found = try route("topic: 'l.{service.name}', allowed_topics: ['*']", of: container)
        #expect(found.topic == "logs.unrouted")
        #expect(found.reason?.value == service)
        container.service = "a_b"
        #expect(try route("topic: 'l.{service.name}', allowed_topics: ['*']", of: container).topic == "l.a_b")
    }

    @Test(arguments: ["longshore.audit", "longshore.dead", "__consumer_offsets", ".", ".."])
    func noNameReachesAReservedTopic(name: String) throws {
        var container = shop
        container.service = name
        let whole = try route("topic: '{service.name}', allowed_topics: ['*', '.*']", of: container)
        #expect(whole.topic == "logs.unrouted")
        #expect(whole.reason?.message.contains("kafka.topic gives \"\(name)\"") == true)
        container.service = String(name.dropFirst())
        container.labels["first"] = String(name.prefix(1))
        let pieces = "topic: '{label:first}{service.name}', allowed_topics: ['*', '.*']"
        #expect(try route(pieces, of: container).topic == "logs.unrouted")
        let label = try route("topic: logs, allowed_topics: ['*', '.*']", declaration(topic: name))
        #expect(label.topic == "logs")
        #expect(label.reason != nil)
    }

    @Test func aNameMadeTooLongGoesToTheDefaultTopic() throws {
        var container = shop
        container.labels["team"] = String(repeating: "a", count: 300)
        let found = try route("topic: 'l.{label:team}', allowed_topics: ['*']", of: container)
        #expect(found.topic == "logs.unrouted")
        #expect((found.reason?.value.utf8.count ?? 999) <= 200)
    }

    @Test func aLabelChoosesAnAllowedTopic() throws {
        let rules = "topic: logs, allowed_topics: ['team.*', payments]"
        #expect(try route(rules, declaration(topic: "team.a")) == TopicRoute(topic: "team.a"))
        #expect(try route(rules, declaration(topic: "payments")) == TopicRoute(topic: "payments"))
        #expect(try route("topic: logs", declaration(topic: "logs")) == TopicRoute(topic: "logs"))
    }

    @Test(arguments: [
        ("payment", "the operator does not allow \"payment\"", "did you mean payments? Or "),
        (
            "other.team", "the operator does not allow \"other.team\"",
            "write one that fits \"team.*\", \"payments\", or "
        ),
    ])
    func aForeignTopicInALabelChangesNothing(topic: String, message: String, remedy: String) throws {
        let found = try route("topic: logs, allowed_topics: ['team.*', payments]", declaration(topic: topic))
        #expect(found.topic == "logs")
        #expect(found.reason?.key == "longshore.logs.app.topic")
        #expect(found.reason?.value == topic)
        #expect(found.reason?.message == message + ": the logs go to \"logs\"")
        #expect(found.reason?.remedy == remedy + "ask the operator to add it to kafka.allowed_topics")
    }

    @Test func aLabelIsNoTemplate() throws {
        let found = try route("topic: logs, allowed_topics: ['*']", declaration(topic: "{host.name}"))
        #expect(found.topic == "logs")
        #expect(found.reason?.message.contains("cannot be part of a topic name") == true)
    }

    @Test func bothReasonsAreTold() throws {
        let found = try route("topic: 'l.{service.name}', allowed_topics: [x]", declaration(topic: "y"))
        #expect(found.topic == "logs.unrouted")
        #expect(
            found.reason?.message == "the operator does not allow \"y\": the logs go to \"logs.unrouted\", because "
                + "kafka.topic gives \"l.web\", which kafka.allowed_topics does not allow")
    }

    @Test func atMostSoManyTopicsComeIntoBeing() throws {
        let kafka = try configuration("max_topics: 3").kafka
        var budget = TopicBudget(kafka: kafka, known: ["host"])
        func admit(_ topic: String) -> TopicRoute { budget.admit(TopicRoute(topic: topic), of: declaration()) }
        #expect(
            ["a", "b", "a", "host", "logs.unrouted"].map { admit($0).topic } == [
                "a", "b", "a", "host", "logs.unrouted",
            ])
        let refused = admit("c")
        #expect(refused.topic == "logs.unrouted")
        #expect(refused.reason?.message == "\"c\" would be one topic more than kafka.max_topics (3)")
        #expect(admit("b") == TopicRoute(topic: "b"))
    }
}
