.DEFAULT_GOAL := help
.PHONY: help dev test test-more check fmt lint vuln build image bench bench-system fuzz histories screenshots secrets upgrade-test compose-test clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## Run everything in one process; TEMPORAL=127.0.0.1:7233 beside a Temporal that is there; ARGS='--data DIR' passes flags
ifdef TEMPORAL
	@since=$$(date +%s) && CGO_ENABLED=0 go build -o bin/ ./cmd/aftercall-beside && \
	AFTERCALL_DEV_SINCE=$$since AFTERCALL_DEV_CWD='$(CURDIR)' exec bin/aftercall-beside --temporal '$(TEMPORAL)' $(ARGS)
else
	@[ -x bin/aftercall-dev ] || echo 'The first run compiles a Temporal server: some minutes on two cores, once.'
	@since=$$(date +%s) && CGO_ENABLED=0 go build -C devstack -o ../bin/aftercall-dev . && \
	AFTERCALL_DEV_SINCE=$$since AFTERCALL_DEV_CWD='$(CURDIR)' exec bin/aftercall-dev $(ARGS)
endif

test: ## Run all tests: unit tests with the race detector, then the whole system
	go test -race -timeout 15m ./...
	go test -run '^TestAllocations$$' ./internal/inbox ./internal/unifonic # the race detector allocates too
	CGO_ENABLED=0 go test -C examples ./...
	CGO_ENABLED=0 go test -C devstack -p 1 -timeout 30m ./...
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
		printf '\n!!! LEFT OUT: the inbox on PostgreSQL, of which none is installed here.\n\n' >&2

test-more: ## Run the tests of the Helm chart, and those that need PostgreSQL, node and npm: the inbox on a database, OpenAPI, a TypeScript client
	@scripts/test-more

check: fmt lint vuln test ## Run everything that CI runs, but for the containers

fmt: ## Fail where a file is not formatted
	@files=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$files" ] || { echo "not formatted: $$files" >&2; exit 1; }

lint: bin/golangci-lint bin/workflowcheck ## Run go vet, golangci-lint and workflowcheck
	go vet ./...
	CGO_ENABLED=0 go vet -C devstack ./...
	bin/golangci-lint run ./...
	bin/workflowcheck -config workflowcheck.yaml ./workflows/...

vuln: bin/govulncheck ## Look for known vulnerabilities; says so loudly where their database is out of reach
	@scripts/vulncheck

bin/govulncheck: tools/go.sum
	CGO_ENABLED=0 go build -C tools -ldflags='-s -w' -o ../$@ golang.org/x/vuln/cmd/govulncheck

bin/golangci-lint: tools/go.sum
	CGO_ENABLED=0 go build -C tools -ldflags='-s -w' -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/workflowcheck: tools/go.sum
	CGO_ENABLED=0 go build -C tools -ldflags='-s -w' -o ../$@ go.temporal.io/sdk/contrib/tools/workflowcheck

build: ## Build bin/aftercall and bin/simulator
	CGO_ENABLED=0 go build -ldflags='-s -w' -o bin/ ./cmd/aftercall ./cmd/simulator

image: ## Build the container images; aftercall version in them tells the commit
	COMMIT=$$(git describe --always --dirty --abbrev=12 --exclude '*') \
	COMMIT_DATE=$$(TZ=UTC git show -s --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd) docker compose --profile demo build

bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem $$(go list ./... | grep -v /archtest)

bench-system: build ## Measure the whole beside bare Gin, the disk and raw Temporal, into docs/performance.md, in 15 minutes; ARGS=--short only tries it
	CGO_ENABLED=0 go build -C devstack -o ../bin/bench ./bench
	bin/bench $(if $(findstring short,$(ARGS)),,-o docs/performance.md) $(ARGS)

FUZZTIME ?= 30s
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

screenshots: ## Make docs/images: pages of the Temporal UI, by Chromium without a window; needs node
	CGO_ENABLED=0 go build -C devstack -o ../bin/aftercall-dev .
	@scripts/screenshots

histories: ## Capture workflow histories for the replay tests; adds files, never overwrites one
	go run -C devstack ./capture $(ARGS)

secrets: ## Make what is missing in secrets/ for docker compose
	@scripts/make-secrets

FROM ?= 00adab5
upgrade-test: ## Start on data that the release FROM has made, with calls open
	CGO_ENABLED=0 AFTERCALL_UPGRADE_FROM=$(FROM) go test -C devstack -count=1 -run '^TestUpgrade$$' -v ./e2e

compose-test: ## Run docker-compose.yml on a real engine and try to break its promises; ARGS='-run REGEXP'
	@scripts/compose-test $(ARGS)

clean: ## Remove what make has built
	rm -rf bin
