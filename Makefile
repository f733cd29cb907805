# The two commands and the ones behind them: `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo build release test fuzz fuzz-corpus test-tools lint format clean
SOURCES := Package.swift Sources Tests
TEST := packaging/run-tests.sh
# Runs of their own, so that no test keeps from another what it waits for: tests that wait for threads, processes and
# brokers; that block their thread on file systems that hang; that measure deadlines or latencies; with real runtimes, which
# need all cores; of the whole daemon.
APART := ^(Admin|Agent|Engine|KafkaSink|Telemetry)Tests\. ^(LinuxIOTests\.|FileSourceTests\.Network) \
	^DiscoveryTests\.DockerWatchTests/ ^DiscoveryTests\.CRIWatchTests/ ^DiscoveryTests\.(Docker(Engine|Runtime)|CRIRuntime|Podman)Tests/ \
	^ScenariosTests\.NetworkVolume ^ScenariosTests\.(?!NetworkVolume)
empty :=
space := $(empty) $(empty)
MINUTES := 2
TORTURE := swift test --skip-build --disable-xctest --filter '^TortureTests\.'
RELEASE := swift build -c release --static-swift-stdlib --product longshore

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

demo: release ## see it work with an embedded broker; RECORDS=20 ends it
	.build/release/longshore demo $(if $(RECORDS),--records $(RECORDS))

build: dependencies ## debug build
	swift build

release: dependencies ## release build: .build/release/longshore
	$(RELEASE)

test: test-build ## install what the tests need and run them all, and two minutes of torture
	$(TEST) --skip '$(subst $(space),|,$(strip $(APART) ^TortureTests\.))'
	for tests in $(foreach run,$(APART),'$(run)'); do $(TEST) --filter "$$tests" || exit 1; done
	LONGSHORE_SEED=$(or $(SEED),201) $(TEST) --filter '^TortureTests\.'

torture: test-build ## everything goes wrong at once and nothing may be lost: MINUTES=2, SEED=n
	LONGSHORE_TORTURE_SECONDS=$$(($(MINUTES) * 60)) LONGSHORE_SEED=$(SEED) $(TORTURE)

soak: test-build ## torture for hours, seed after seed: MINUTES=240, SEED=n
	LONGSHORE_TORTURE_SECONDS=$$(($(if $(filter file,$(origin MINUTES)),240,$(MINUTES)) * 60)) \
	LONGSHORE_TORTURE_ROUND=180 LONGSHORE_SEED=$(SEED) $(TORTURE)

protections: test-build ## torture of builds that lack one protection each: each must fail. ONLY=name for one
	Tests/Torture/protections.sh $(ONLY)

fuzz: dependencies ## fuzz what reads from outside: FUZZ_SECONDS=60 for each target, or for TARGET=labels
	Tests/Fuzz/run

fuzz-corpus: dependencies ## take what fuzzing has found since into the corpora of the repository, minimised
	Tests/Fuzz/run corpus

test-tools: ## only the broker for the tests, in .build-tools
	packaging/install-test-dependencies.sh --tools-only

bench-entries: ## what a line costs as plain text, as json-file and as CRI
	swift build -c release --package-path Benchmarks/Entries --scratch-path .build-bench
	.build-bench/release/entries

lint: ## format check
	swift format lint -s -r $(SOURCES)

format: ## rewrite the sources in the project's format
	swift format -i -r $(SOURCES)

clean: ## remove build products, keep .build-tools
	swift package clean
	swift package --package-path Tests/Fuzz --scratch-path .build-fuzz clean

.PHONY: dependencies test-build torture soak protections bench-entries
test-build: dependencies
	packaging/install-test-dependencies.sh
	swift build --build-tests
dependencies:
	@packaging/install-build-dependencies.sh
