// Metrics, health and status while things go well and badly.
import Core
import Glibc
import LinuxIO
import TestSupport
import Testing

extension DaemonTests {
    @Suite("Life: metrics and status")
    struct LifeMetrics {
        @Test("Every metric of the contract that there is moves as the daemon ships, waits, fails and gives up")
        func metrics() async throws {
            let cluster = try MockCluster()
            let stage = try LifeStage(bootstrap: cluster.bootstrap) { options, _ in
                options.topLevelLines = ["start: end", "limits: {line: 1KiB, line_total: 1KiB}"]
            }
            try cluster.createTopic(stage.topic, partitions: 1)
            try cluster.createTopic(stage.auditTopic, partitions: 1)
            try stage.append(["skipped by start: end"])
            try await stage.daemon.start()
            let endpoint = HTTPEndpoint.tcp(port: try await stage.metricsPort())
            let quiet = try await samples(endpoint)
            #expect(quiet["longshore_build_info{version=\"0.1.0\"}"] == 1)
            #expect(quiet["longshore_skipped_bytes_total{reason=\"start_end\"}"] == 22, "\(quiet)")

            // Healthy: what is read is acknowledged, and a line that is too long becomes a gap.
            try stage.append(["one", "two", String(repeating: "x", count: 3000)])
            let lines = "longshore_acknowledged_records_total{topic=\"\(stage.topic)\"}"
            try await wait(endpoint, "three records and a gap") {
                $0[lines] == 3 && $0["longshore_gap_bytes_total{reason=\"oversize\"}"] == 1977
            }
            try await wait(endpoint, "an empty outbox") { $0["longshore_outbox_bytes"] == 0 }
            let healthy = try await samples(endpoint)
            #expect(healthy["longshore_read_bytes_total"] == 3009)
            #expect(healthy["longshore_read_records_total"] == 3)
            #expect((healthy["longshore_acknowledged_bytes_total{topic=\"\(stage.topic)\"}"] ?? 0) > 1032)
            #expect(healthy["longshore_kafka_up"] == 1)
            #expect(healthy["longshore_unread_bytes"] == 0)
            #expect(healthy["longshore_topics_parked"] == 0)
            #expect(healthy["longshore_oldest_unacknowledged_seconds"] == 0)
            #expect(healthy["longshore_sources{kind=\"file\",state=\"idle\"}"] == 1)
            #expect((healthy["longshore_delivery_latency_seconds_count"] ?? 0) >= 3)
            #expect((healthy["longshore_delivery_latency_seconds_sum"] ?? 0) > 0)
            #expect((healthy["longshore_buffer_bytes"] ?? 0) > 0)
            #expect((healthy["process_resident_memory_bytes"] ?? 0) > 1e6)
            #expect(
                abs((healthy["longshore_last_acknowledgement_timestamp_seconds"] ?? 0) - Double(Clock.wall()) / 1e9)
                    < 60)
            #expect(try await httpGet(endpoint, "/readyz").status == 200)
            #expect(try await httpGet(endpoint, "/healthz").status == 200)
            #expect(try await httpGet(endpoint, "/elsewhere").status == 404)

            // A refused topic: parked, counted by reason, not ready; then it goes on by itself.
            cluster.pushRequestErrors(.produce, [KafkaErrorCode](repeating: .topicAuthorizationFailed, count: 3))
            try stage.append(["three"])
            try await wait(endpoint, "a parked topic") { $0["longshore_topics_parked"] == 1 }
            let parked = try await httpGet(endpoint, "/readyz")
            #expect(parked.status == 200 || parked.text.contains("topic \(stage.topic) takes no records"))
            try await wait(endpoint, "the parked topic's record") { $0[lines] == 4 }
            let failed = try await samples(endpoint).filter { $0.key.hasPrefix("longshore_failed_records_total{") }
            #expect(failed.values.reduce(0, +) >= 1 && failed.keys.allSatisfy { $0.contains("reason=\"") }, "\(failed)")

            // No broker: records wait, the deleted file is held, nothing is ready.
            try cluster.setDown()
            try stage.append((0..<20_000).map { "waits \($0)" }, to: "b.log")
            try stage.append([String](repeating: "unread and deleted", count: 20_000), to: "c.log")
            try await wait(endpoint, "the outage") {
                $0["longshore_kafka_up"] == 0 && ($0["longshore_unread_bytes"] ?? 0) > 0
                    && ($0["longshore_oldest_unacknowledged_seconds"] ?? 0) > 0.1
                    && ($0["longshore_outbox_bytes"] ?? 0) > 0
            }
            try retryingInterrupts("unlink") { unlink(stage.log("c.log")) }
            try await wait(endpoint, "a deleted file") { $0["longshore_deleted_open_bytes"] == 380_000 }
            let down = try await httpGet(endpoint, "/readyz")
            #expect(down.status == 503 && down.text.contains("no Kafka broker answers"))
            #expect(try await httpGet(endpoint, "/healthz").status == 200)
            let page = try await httpGet(endpoint, "/metrics").text
            #expect(!page.contains("longshore-test") && !page.contains(".log"), "no paths")
            let before = try await samples(endpoint)
            try cluster.setUp()
            try await wait(endpoint, "everything") { $0[lines] == 40_004 && $0["longshore_unread_bytes"] == 0 }
            let after = try await samples(endpoint)
            for name in ["longshore_read_bytes_total", "longshore_pipeline_wakeups_total"] {
                #expect(after[name] ?? 0 > before[name] ?? 0, "\(name)")
            }
            #expect(try await stage.daemon.terminate() == .exited(0))
        }

        @Test("status as text and as JSON say the same, and every ledger balances")
        func status() async throws {
            let stage = try LifeStage()
            for file in 0..<5 { try stage.append((0..<10).map { "\($0)" }, to: "\(file).log") }
            try await stage.daemon.start()
            try await stage.waitUntilShipped(100)
            let report = try JSONValue(parsing: Array(try await stage.statusText(["--json"]).utf8))
            let sources = try #require(report["sources"]?.array)
            #expect(sources.count == 5)
            for source in sources {
                #expect(source["ledger"]?["size"]?.uint64 == 20 && source["ledger"]?["acknowledged"]?.uint64 == 20)
                #expect(source["offset"]?.uint64 == 20 && source["records"]?.uint64 == 10)
            }
            let text = try await stage.statusText()
            #expect(text.contains("pid \(stage.daemon.process.processID)"))
            #expect(text.contains("no problems"))
            #expect(
                text.contains(
                    "size 100 = acknowledged 100 + in flight 0 + spooled 0 + skipped 0 + gap 0 + unread 0: balances"))
            let byConfiguration = try await runLongshore(["status", "--config", stage.daemon.configurationPath])
            #expect(byConfiguration.end == .exited(0) && byConfiguration.output.contains("balances"))
            #expect(!text.contains("\u{1B}"), "no colours into a file")
            try await stage.daemon.kill9()
            let dead = try await runLongshore(["status", "--socket", stage.daemon.adminSocket])
            #expect(dead.end == .exited(1) && dead.error.contains("no daemon answers"))
        }

        private func wait(
            _ endpoint: HTTPEndpoint, _ what: String, condition: ([String: Double]) -> Bool
        ) async throws {
            var last: [String: Double] = [:]
            try await waitUntil(timeout: .seconds(20), "\(what); last \(last.filter { $0.value != 0 })") {
                last = try await samples(endpoint)
                return condition(last)
            }
        }

        /// Name with labels to value.
        private func samples(_ endpoint: HTTPEndpoint) async throws -> [String: Double] {
            let answer = try await httpGet(endpoint, "/metrics")
            #expect(answer.status == 200)
            var samples: [String: Double] = [:]
            for line in answer.text.split(separator: "\n") where !line.hasPrefix("#") {
                let cut = line.lastIndex(of: " ")!
                samples[String(line[..<cut])] = Double(line[line.index(after: cut)...])
            }
            return samples
        }
    }
}
