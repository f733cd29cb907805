// What the daemon shows of its delivery: topics in trouble since when and why, what is oldest, and books that add up.
import Core
import Glibc
import TestSupport
import Testing

extension DeliveryScenarios {
    @Suite("Shown", .serialized, .timeLimit(.minutes(3)))
    struct Shown {
        @Test("A parked topic is shown everywhere with one beginning, whatever is tried in between, until it recovers")
        func parkedTopic() async throws {
            let bench = try DeliveryBench(partitions: 1)
            try bench.directory.write(lines(0..<10), to: "logs/0.log")
            try await bench.daemon.start()
            try await bench.waitForLines(10)
            try await bench.waitForAcknowledgement()
            #expect(try await bench.daemon.metrics("/readyz").status == 200)
            let healthy = try await topic(bench)
            #expect(healthy["state"]?.string == "healthy" && healthy["parkedSince"] == nil)

            bench.cluster.pushRequestErrors(.produce, Array(repeating: .topicAuthorizationFailed, count: 10_000))
            try bench.directory.append(lines(10..<20), to: "logs/0.log")
            var beginnings: Set<Double> = []
            var states: Set<String> = []
            try await waitUntil(timeout: .seconds(60), "four tries; beginnings \(beginnings)") {
                let topic = try await topic(bench)
                guard let since = topic["parkedSince"]?.double else { return false }
                beginnings.insert(since)
                states.insert(topic["state"]?.string ?? "")
                return (topic["timesParked"]?.uint64 ?? 0) >= 4
            }
            #expect(beginnings.count == 1, "it began once: \(beginnings)")
            #expect(states == ["parked"])
            try await expectShown(bench, since: try #require(beginnings.first))

            bench.cluster.clearRequestErrors(.produce)
            try await bench.waitForLines(20, timeout: .seconds(90))
            try await bench.waitForAcknowledgement()
            let recovered = try await topic(bench)
            #expect(recovered["state"]?.string == "healthy", "\(recovered)")
            for key in ["parkedSince", "parkedSeconds", "reason", "remedy", "oldest", "nextTrySeconds"] {
                #expect(recovered[key] == nil, "\(key)")
            }
            let page = try await bench.daemon.metrics("/metrics").text
            #expect(page.contains("\nlongshore_topics_parked 0\n"))
            #expect(!page.contains("longshore_topic_parked_seconds{"))
            #expect(try await bench.daemon.metrics("/readyz").status == 200)
            #expect(try await text(bench).contains("no problems"))
            #expect(bench.daemon.process.standardError.contains("topic logs takes records again"))
            #expect(try await bench.daemon.terminate() == .exited(0))
        }

        /// In status as JSON and as text, in /readyz, in metrics and in the log.
        private func expectShown(_ bench: DeliveryBench, since: Double) async throws {
            let report = try await bench.daemon.status()
            let topic = try #require(report["kafka"]?["topics"]?.array?.first { $0["name"]?.string == "logs" })
            #expect(topic["reason"]?.string == "topic_authorization_failed")
            #expect(topic["why"]?.string?.isEmpty == false)
            #expect(topic["remedy"]?.string?.contains("logs") == true)
            #expect(topic["parkedSince"]?.double == since && topic["nextTrySeconds"] != nil)
            let oldest = topic["oldest"]
            #expect(
                oldest?["path"]?.string?.hasSuffix("logs/0.log") == true && oldest?["declaration"]?.string == "test")
            #expect((oldest?["seconds"]?.double ?? 0) >= (topic["parkedSeconds"]?.double ?? .infinity), "\(topic)")
            #expect(report["kafka"]?["oldest"]?["topic"]?.string?.isEmpty == false)

            let text = try await text(bench)
            let row = text.split(separator: "\n").first { $0.hasPrefix("logs ") }
            #expect(row?.contains(" parked ") == true && row?.contains("topic_authorization_failed") == true, "\(text)")
            #expect(text.contains("  - topic logs takes no records for "))
            #expect(text.contains("): \(topic["remedy"]?.string ?? "?")\n"), "what to do: \(text)")
            #expect(text.contains("without acknowledgement: ") && text.contains("logs/0.log (test), topic logs"))

            let ready = try await bench.daemon.metrics("/readyz")
            #expect(ready.status == 503 && ready.text.contains("topic logs takes no records for "), "\(ready.text)")
            #expect(ready.text.contains("topic_authorization_failed") && !ready.text.contains(".log"), "no paths")

            let page = try await bench.daemon.metrics("/metrics").text
            let sample = "longshore_topic_parked_seconds{topic=\"logs\",reason=\"topic_authorization_failed\"} "
            let seconds = page.split(separator: "\n").first { $0.hasPrefix(sample) }?.dropFirst(sample.count)
            #expect(seconds.flatMap { Double($0) } ?? 0 >= topic["parkedSeconds"]?.double ?? .infinity)
            #expect(page.contains("longshore_topic_parkings_total{topic=\"logs\"} "))
            #expect(page.contains("longshore_topic_oldest_unacknowledged_seconds{topic=\"logs\"} "))
            #expect(!page.contains(".log"), "no paths")

            let log = bench.daemon.process.standardError.split(separator: "\n")
            let told = log.filter { $0.contains("topic logs takes no records") }
            #expect(!told.isEmpty && told.allSatisfy { $0.contains("remedy=") && $0.contains("cause=") }, "\(told)")
        }

        @Test(
            "In every scrape under load the parts of the ledger add up to its size, and closed sources stay in its books"
        )
        func books() async throws {
            let bench = try DeliveryBench(partitions: 2)
            try await bench.daemon.start()
            let writer = try PacedWriter(paths: bench.logs(3), linesPerSecond: 6_000)
            var sizes: [Double] = []
            for scrape in 0..<150 {
                if scrape == 50 { bench.cluster.pushRequestErrors(.produce, [.topicAuthorizationFailed]) }
                if scrape == 100 { try writer.rotate(0, to: bench.directory.path("logs/0.log.1")) }
                if scrape % 10 == 0 { _ = try await bench.daemon.status() }
                let (size, parts) = try ledger(try await bench.daemon.metrics("/metrics").text)
                #expect(parts.values.reduce(0, +) == size, "scrape \(scrape): \(parts) of \(size)")
                sizes.append(size)
            }
            #expect(Set(sizes).count > 20, "the ledger moved: \(Set(sizes).count) sizes")
            unlink(bench.directory.path("logs/0.log.1"))
            let written = try writer.stop()
            let total = Double(written.bytes.reduce(0, +))
            try await bench.waitForLines(written.total)
            try await bench.waitForAcknowledgement()
            try await waitUntil(timeout: .seconds(60), "the deleted file's source is closed") {
                try await bench.daemon.status()["sources"]?.array?.count == 3
            }
            let (size, parts) = try ledger(try await bench.daemon.metrics("/metrics").text)
            #expect(size == total && parts["acknowledged"] == total, "\(parts) of \(total) written")
            let open = try await bench.daemon.status()["totals"]?["size"]?.uint64
            #expect(Double(open ?? 0) < total, "the closed source is no longer among those that are open")
            #expect(try await bench.daemon.terminate() == .exited(0))
            print("delivery/books: 150 scrapes, \(Set(sizes).count) sizes, \(UInt64(total)) bytes")
        }

        private func topic(_ bench: DeliveryBench) async throws -> JSONValue {
            let report = try await bench.daemon.status()
            return try #require(report["kafka"]?["topics"]?.array?.first { $0["name"]?.string == "logs" })
        }

        private func text(_ bench: DeliveryBench) async throws -> String {
            try await runLongshore(["status", "--socket", bench.daemon.adminSocket]).output
        }

        private func ledger(_ page: String) throws -> (size: Double, parts: [String: Double]) {
            var parts: [String: Double] = [:]
            var size: Double?
            for line in page.split(separator: "\n") {
                let words = line.split(separator: " ")
                if words.first == "longshore_ledger_size_bytes" { size = Double(words[1]) }
                guard let part = line.split(separator: "longshore_ledger_bytes{part=\"").first, part.count < line.count
                else { continue }
                parts[String(part.prefix { $0 != "\"" })] = Double(words[1])
            }
            #expect(parts.count == 6)
            return (try #require(size), parts)
        }
    }
}
