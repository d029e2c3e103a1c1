# Short names for what contributors do. `just` comes with the dependencies: npx just TARGET.

export PATH := justfile_directory() / "node_modules/.bin:" + env("PATH")

# Lists the targets.
default:
    @just --list

# Starts a node on ./data that restarts when its source changes.
dev:
    bun --watch src/main.ts serve --data-dir data

# Three nodes that gossip on loopback, until Ctrl-C (--nodes N, --data-dir DIRECTORY: keeps the data there).
cluster *ARGUMENTS:
    bun scripts/cluster.ts {{ARGUMENTS}}

# All tests.
test:
    bun scripts/test.ts all

# The fast tests: one room at a time, in one process.
test-unit:
    bun scripts/test.ts unit

# The tests that start real nodes. PAIRDB_BIN=dist/pairdb-node runs them against the executable.
test-integration:
    bun scripts/test.ts integration

# Coverage of all tests, as HTML in coverage/html (needs Debian's lcov package).
test-coverage:
    bun scripts/test.ts all --coverage
    genhtml --quiet --output-directory coverage/html coverage/lcov.info

# Fails when fewer than 85 % of the lines of src are covered.
test-coverage-check:
    bun scripts/test.ts all --coverage

# Writers, readers, flushes and scans over one arena shared between threads.
test-race:
    bun scripts/test.ts race

# Crashes, failing disks and kills, with many more seeds and rounds than the other targets: takes minutes.
test-chaos:
    MODEL_SEEDS=200 SWEEP_RANDOM=8 bun scripts/test.ts model
    KILL_ROUNDS=50 bun scripts/test.ts test/integration/kill.test.ts

# The model tests with random seeds: just model --minutes 20 (--seed N to begin at one). Ends at the first failure.
model *ARGUMENTS:
    bun scripts/model.ts {{ARGUMENTS}}

# Damages every byte of every file of a store, and prints how many were found: takes many minutes.
corruption:
    CORRUPTION_EVERY_BYTE=1 bun test --timeout=0 ./test/model/corruption.test.ts

# Writes the golden stores of test/fixtures/golden anew: only where a change of format is meant.
golden:
    bun scripts/make-golden.ts

# Two nodes under load, killed again and again for 10 minutes (--seconds N, --seed N), and everything checked.
soak *ARGUMENTS:
    bun scripts/soak.ts {{ARGUMENTS}}

# A node under h2load (Debian's nghttp2-client): every call counted, clean files afterwards.
test-load:
    LOAD_CALLS=30000 bun scripts/test.ts test/load/load.test.ts

# The edge against h2spec and Connect's conformance suite, which Go builds: just conformance [h2spec] [connect].
conformance *SUITES:
    bun scripts/conformance.ts {{SUITES}}

# A node under attack, and a client that shall not notice (--seconds N, --kib N: what slow readers leave unread).
attack *ARGUMENTS:
    bun bench/attack.ts {{ARGUMENTS}}

# Whether a node grows with the calls that it serves (--calls N, 30 million by default: takes an hour).
endurance *ARGUMENTS:
    bun bench/endurance.ts {{ARGUMENTS}}

# A node that is asked for three times what it can do, and by too many (--seconds N, --case TEXT: scan, write, reads).
overload *ARGUMENTS:
    bun bench/overload.ts {{ARGUMENTS}}

# A third of two million keys moves to another node under load (--keys N, --folder F: keeps the filled store there).
migration *ARGUMENTS:
    bun bench/migration.ts {{ARGUMENTS}}

# Operations a second of the engine, without network, and of a node over gRPC.
bench:
    bun run bench:engine
    bun run bench:rpc

# The single executable, dist/pairdb-node.
build:
    bun scripts/build.ts

# What the executable is made of, in CycloneDX: just sbom FILE.
sbom FILE:
    bun scripts/sbom.ts {{FILE}}

# Generates src/gen, and the client's part of it, from proto.
proto:
    buf generate
    buf generate --template clients/typescript/buf.gen.yaml

# Writes what is made of monitoring: the PrometheusRule and Grafana's dashboards.
monitoring:
    bun scripts/monitoring.ts

# Format, lint, protocol lint, types.
lint:
    biome check
    buf lint
    tsc --noEmit

# The TypeScript client as a package, in clients/typescript/dist.
build-client:
    tsc --project clients/typescript

# Removes what the other targets made; never the data.
clean:
    rm -rf dist coverage clients/typescript/dist
