#!/usr/bin/env bash
# Twelve questions of analysts (queries.sql) to karat and to the current DuckDB, over the same Parquet files, with the answers compared.
#   benches/queries.sh [SPANS]      1,000,000 by default; DATA=<dir> keeps the tables there, or uses those that are there
# The spans come in by OTLP, over the seven days before 2026-11-21, and are committed and joined as ever, without scoring and monitors; the questions
# are asked once the joining rests.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/karat/target}
spans=${1:-1000000} step=250000
[ -n "${KARAT_BENCH_NO_BUILD:-}" ] || cargo build --release --quiet --bin karat --example loadgen --example queries
bin=$CARGO_TARGET_DIR/release
home=${KARAT_SERVICES:-$HOME/.cache/karat/services}/duckdb-bench
[ -x "$home/bin/python" ] || { python3 -m venv "$home" && "$home/bin/pip" install -q --disable-pip-version-check duckdb deltalake pyarrow pytz; }
work=$(mktemp -d); data=${DATA:-$work/data}; pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

if [ ! -d "$data/default/spans" ]; then
  printf '[stages]\nscore_every_s = 0\ninspect_every_s = 0\n' >"$work/karat.toml"
  "$bin/karat" --config "$work/karat.toml" serve --data "$data" --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --http 127.0.0.1:0 >"$work/ready" 2>"$work/log" &
  pid=$!
  until [ -s "$work/ready" ]; do kill -0 "$pid"; sleep 0.05; done
  grpc=$(python3 -c 'import json,sys; print(json.loads(open(sys.argv[1]).readline())["otlp_grpc"])' "$work/ready")
  for ((first = 1; first < spans; first += step)); do
    n=$((spans - first + 1 < step ? spans - first + 1 : step))
    "$bin/examples/loadgen" --endpoint "http://$grpc" --spans "$n" --first "$first" --hours 168 --now-nanos 1795219200000000000 >/dev/null
  done
  http=$(python3 -c 'import json,sys; print(json.loads(open(sys.argv[1]).readline())["http"])' "$work/ready")
  joined() { curl -sf "http://$http/metrics" | sed -n 's/^karat_maintenance_total{step="compaction"} //p'; }
  # Joining begins once little has come in for ten seconds.
  before=; until [ "$before" = "$(joined)" ]; do before=$(joined); sleep 20; done
  kill -TERM "$pid"; wait "$pid" || true; pid=
fi
echo "{\"cores\": $(nproc), \"load\": \"$(cut -d' ' -f1-3 /proc/loadavg)\", \"bytes\": $(du -sb --exclude=_wal "$data" | cut -f1)}"
"$bin/examples/queries" --data "$data" --sql benches/queries.sql --answers "$work/answers" >"$work/karat.jsonl"
"$home/bin/python" benches/peers/ask_duckdb.py "$data/default/spans" benches/queries.sql "$work/karat.jsonl" "$work/answers"
