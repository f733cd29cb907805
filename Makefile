# The two commands and the ones behind them: `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo build release test fuzz fuzz-corpus test-tools lint format clean
SOURCES := Package.swift Sources Tests
TEST := swift test --skip-build --disable-xctest
# Runs of their own, so that no test keeps from another what it waits for: tests that wait for threads, processes and
# brokers; that block their thread on file systems that hang; that measure deadlines or latencies; with real runtimes, which
# need all cores; of the whole daemon.
APART := ^(Admin|Agent|Engine|KafkaSink|Telemetry)Tests\. ^(LinuxIOTests\.|FileSourceTests\.NetworkTests/) \
	^DiscoveryTests\.DockerWatchTests/ ^DiscoveryTests\.Docker(Engine|Runtime)Tests/ \
	^ScenariosTests\.NetworkVolume ^ScenariosTests\.(?!NetworkVolume)
empty :=
space := $(empty) $(empty)
RELEASE := swift build -c release --static-swift-stdlib --product longshore

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

demo: release ## see it work with an embedded broker; RECORDS=20 ends it
	.build/release/longshore demo $(if $(RECORDS),--records $(RECORDS))

build: dependencies ## debug build
	swift build

release: dependencies ## release build: .build/release/longshore
	$(RELEASE)

test: dependencies ## install what the tests need and run them all
	packaging/install-test-dependencies.sh
	swift build --build-tests
	$(TEST) --skip '$(subst $(space),|,$(strip $(APART)))'
	for tests in $(foreach run,$(APART),'$(run)'); do $(TEST) --filter "$$tests" || exit 1; done

fuzz: dependencies ## fuzz what reads from outside: FUZZ_SECONDS=60 for each target, or for TARGET=labels
	Tests/Fuzz/run

fuzz-corpus: dependencies ## take what fuzzing has found since into the corpora of the repository, minimised
	Tests/Fuzz/run corpus

test-tools: ## only the broker for the tests, in .build-tools
	packaging/install-test-dependencies.sh --tools-only

lint: ## format check
	swift format lint -s -r $(SOURCES)

format: ## rewrite the sources in the project's format
	swift format -i -r $(SOURCES)

clean: ## remove build products, keep .build-tools
	swift package clean
	swift package --package-path Tests/Fuzz --scratch-path .build-fuzz clean

.PHONY: dependencies
dependencies:
	@packaging/install-build-dependencies.sh
