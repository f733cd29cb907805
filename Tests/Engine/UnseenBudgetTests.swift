// What is said of files that nobody could look at.
import Testing

@testable import Engine

struct UnseenBudgetTests {
    @Test func aDeclarationNamesSoManyAMinuteThenSaysOnceThatThereWereMore() {
        var budget = UnseenBudget()
        var said: [UnseenBudget.Decision] = []
        for _ in 0..<1000 { said.append(budget.take("c1", "app", now: 5)) }
        #expect(said.filter { $0 == .name }.count == UnseenBudget.perMinute)
        #expect(said.filter { $0 == .summarize }.count == 1)
        #expect(budget.take("c1", "other", now: 5) == .name && budget.take("c2", "app", now: 5) == .name)
        #expect(budget.take("c1", "app", now: 5 + 60_000_000_000) == .name)
    }
}
