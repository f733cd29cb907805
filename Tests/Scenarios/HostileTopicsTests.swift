// Labels and service names that ask for topics of others.
import TestSupport
import Testing

extension ContainerScenarios {
    /// The operator's template takes the service's name, and allows two topics.
    @Suite(
        "Hostile topics", .serialized,
        .hostileStage(
            "topic: logs.{service.name}", "allowed_topics: [logs.shop, logs.bank_1, __*, audit, longshore.dead]"))
    struct HostileTopics {
        private var stage: HostileStage { .current }

        /// Starts one container for each case with one line in its file, and waits until all have arrived somewhere.
        private func topics(_ cases: [String: [String: String]]) async throws -> [String: String] {
            for (name, labels) in cases {
                var labels = labels
                labels["longshore.logs.app"] = "/data/*.log"
                try await stage.start(name, "echo \(name) >/data/a.log", labels: labels, mounts: ["\(name):/data"])
            }
            for name in cases.keys { try await stage.expect([name], of: name) }
            return cases.keys.reduce(into: [:]) { $0[$1] = stage.records(of: $1).first?.topic }
        }

        @Test("a label cannot choose a foreign, the audit, the dead letter or one of Kafka's own topics")
        func labels() async throws {
            let asked = [
                "foreign", "audit", "longshore.dead", "__consumer_offsets", "logs.bank", "LOGS.shop", "..",
                "logs.shop ",
            ]
            var cases: [String: [String: String]] = [:]
            for (index, topic) in asked.enumerated() { cases["asks\(index)"] = ["longshore.logs.app.topic": topic] }
            let topics = try await topics(cases)
            for (index, topic) in asked.enumerated() {
                let went = topics["asks\(index)"]
                // Blanks around a value are no part of it.
                #expect(went == (topic == "logs.shop " ? "logs.shop" : "logs.unrouted"), "\(topic)")
                if went == "logs.shop" { continue }
                let declaration = try await stage.wait(for: "active", of: "asks\(index)")
                #expect(declaration["topicReason"]?.string?.isEmpty == false, "\(topic): \(declaration)")
                #expect(declaration["topic"]?.string == "logs.unrouted")
            }
            for name in cases.keys { try await stage.remove(name) }
        }

        @Test("a service's name that is made legal, cut or put together never collides with another tenant's topic")
        func services() async throws {
            let key = "com.docker.compose.service"
            let topics = try await topics([
                "honest": [key: "shop"], "slash": [key: "bank/1"], "space": [key: "bank 1"],
                "dots": [key: "../logs.shop"],
                "field": [key: "{label:x}", "x": "shop"], "braces": [key: "sh{declaration}op"],
                "control": [key: "shop\n"],
                "zero": [key: "shop\u{200B}"], "wide": [key: "ｓhop"], "case": [key: "Shop"], "wild": [key: "*"],
                "bank": [:], "long": [key: "shop" + String(repeating: "p", count: 300)],
            ])
            for (name, topic) in topics {
                #expect(topic == (name == "honest" ? "logs.shop" : "logs.unrouted"), "\(name)")
                guard name != "honest" else { continue }
                let problems = try await stage.explained(name)?["problems"]?.array ?? []
                #expect(problems.contains { $0["message"]?.string?.isEmpty == false }, "\(name)")
            }
            for name in topics.keys { try await stage.remove(name) }
        }
    }
}
