# `just` lists these; `just check` is what CI runs.

default:
    @just --list

# Sample data, a server on it, and the dashboard's address.
demo:
    cargo run --release -- demo

test:
    cargo test --workspace

# The tests of gateway and ingester too; needs libssl-dev. With KARAT_SERVICE_TESTS=1 against a real broker.
test-kafka:
    cargo test --workspace --features kafka kafka

# Everything that CI checks, on what is installed here.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test --workspace
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo deny check bans licenses sources

# The tests that need real servers too; installs what is missing under ~/.cache/karat.
test-services:
    KARAT_SERVICE_TESTS=1 cargo test --workspace

# 500 crashes of the real server under load; every acked row must be there once. Some ten minutes.
crash cycles="500":
    KARAT_CRASH_CYCLES={{cycles}} cargo test --test e2e crash -- --nocapture

bench:
    bash benches/run.sh
