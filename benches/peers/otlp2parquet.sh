#!/usr/bin/env bash
# otlp2parquet (crates.io): OTLP over HTTP to Parquet files. Its ack means that the spans are in memory.
#   LOADGEN=<path> benches/peers/otlp2parquet.sh SPANS [FLAGS OF THE LOAD GENERATOR...]
# Queryable means: DuckDB counts the spans in its files, with batches of two seconds.
set -euo pipefail
NAME=otlp2parquet
. "$(dirname "$0")/lib.sh"
[ -x "$home/bin/otlp2parquet" ] || cargo install --quiet --locked --version 0.12.0 --root "$home" --target-dir "$work/build" otlp2parquet
duckdb=${KARAT_SERVICES:-$HOME/.cache/karat/services}/duckdb-bench
[ -x "$duckdb/bin/python" ] || { python3 -m venv "$duckdb" && "$duckdb/bin/pip" install -q --disable-pip-version-check duckdb deltalake pyarrow; }
version() { "$home/bin/otlp2parquet" --version | cut -d' ' -f2; }
count() { "$duckdb/bin/python" -c 'import duckdb,sys; print(duckdb.sql(f"select count(*) from read_parquet(\"{sys.argv[1]}/data/traces/**/*.parquet\")".replace("\"", chr(39))).fetchall()[0][0])' "$work" 2>/dev/null || echo 0; }
http=$(port)
cat >"$work/config.toml" <<TOML
[batch]
max_rows = 200_000
max_bytes = 134_217_728
max_age_secs = 2
enabled = true
[storage]
backend = "fs"
[storage.fs]
path = "$work/data"
[server]
listen_addr = "127.0.0.1:$http"
log_level = "warn"
log_format = "text"
[request]
max_payload_bytes = 67108864
TOML
(cd "$work" && exec "$home/bin/otlp2parquet" --config config.toml) >"$work/log" 2>&1 &
pid=$!
until curl -s --noproxy '*' -o /dev/null "http://127.0.0.1:$http/"; do kill -0 "$pid" 2>/dev/null || { tail -20 "$work/log" >&2; exit 1; }; sleep 0.1; done
drive "$1" --http --endpoint "http://127.0.0.1:$http" "${@:2}"
