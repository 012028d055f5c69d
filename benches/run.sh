#!/usr/bin/env bash
# Measures ingest against the bars of benches/README.md, on this machine, in one run: karat, and a peer where it is installed.
#   benches/run.sh [karat|sizes|overload|peers|queries|history|all]
#     karat     2 KB spans: full rate, half of it, gzip, zstd, HTTP; and how soon a span is visible
#     sizes     spans of 300 B, 2 KB, 20 KB and 200 KB
#     overload  more than three times the load that it can take: memory, and what the quiet keep
#     peers     otlp2parquet, the OpenTelemetry Collector, MLflow and Phoenix with the same load generator and spans of 2 KB and 20 KB, each
#               installed at its first run
#     queries   twelve questions of analysts, beside DuckDB on the same files (queries.sh)
#     history   commits, planning and lookups while history grows to 30 days (history.rs), and delta-rs' own scan over the same tables
#   KARAT_BENCH_SPANS=200000 spans for karat, PEER_BENCH_SPANS=20000 for the slow peers, QUERY_BENCH_SPANS=1000000 for the queries
# Prints one JSON line a measurement. Needs a release build (made here), python3 and curl; KARAT_BENCH_NO_BUILD=1 takes the one that is there.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/karat/target}
spans=${KARAT_BENCH_SPANS:-200000} peer_spans=${PEER_BENCH_SPANS:-20000}
what=${1:-all}
[ -n "${KARAT_BENCH_NO_BUILD:-}" ] || cargo build --release --quiet --bin karat --example loadgen --example queries --example history
bin=$CARGO_TARGET_DIR/release
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"' EXIT

echo "{\"machine\": {\"cores\": $(nproc), \"load\": \"$(cut -d' ' -f1-3 /proc/loadavg)\", \"cpu\": \"$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)\"}}"

cpu_s() { # user and system seconds of a process and its ended children
  awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13 + $14 + $15) / hz}' "/proc/$1/stat"
}
rss_mb() { awk '/VmHWM/ {print $2 / 1024}' "/proc/$1/status"; }
field() { python3 -c 'import json,sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }

karat_sql() {
  curl -s --noproxy '*' "http://$http/api/v1/sql?format=csv" -H 'content-type: application/json' -d "{\"sql\": \"$1\"}" | tail -n 1
}

start_karat() { # sets pid, http, grpc, otlp_http
  data=$work/karat-$RANDOM
  rm -f "$work/ready" # the one of the server before
  "$bin/karat" serve --data "$data" --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --http 127.0.0.1:0 >"$work/ready" 2>"$work/karat.log" &
  pid=$!; pids+=("$pid")
  until [ -s "$work/ready" ]; do sleep 0.05; done
  ready=$(head -n 1 "$work/ready")
  http=$(field "$ready" http) grpc=$(field "$ready" otlp_grpc) otlp_http=$(field "$ready" otlp_http)
}

karat_ingest() { # spans, extra flags of the load generator...
  local n=$1; shift
  start_karat
  local cpu_0 cpu_1 rss now began report visible endpoint=$grpc
  case " $* " in *" --http "*) endpoint=$otlp_http ;; esac
  cpu_0=$(cpu_s "$pid") began=$(date +%s.%N)
  report=$("$bin/examples/loadgen" --endpoint "http://$endpoint" --spans "$n" "$@")
  until visible=$(karat_sql 'select count(*) from spans') && [ "$visible" = "$n" ]; do sleep 0.1; done
  local queryable_s; queryable_s=$(python3 -c "import time; print(time.time() - $began)")
  # The commit to Parquet is part of the price: wait until nothing is held, then read the CPU clock.
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do
    now=$(cpu_s "$pid" 2>/dev/null) && cpu_1=${now:-$cpu_1}
    now=$(rss_mb "$pid" 2>/dev/null) && rss=${now:-$rss} # a process that has ended has no memory to tell of
    sleep 0.02
  done
  python3 - "$report" "$n" "$queryable_s" "$cpu_0" "$cpu_1" "$rss" "$(du -sb --exclude=_wal "$data" | cut -f1)" "$*" <<'PY'
import json, sys
report, n, queryable_s, cpu_0, cpu_1, rss, disk = json.loads(sys.argv[1]), *map(float, sys.argv[2:8])
cpu = cpu_1 - cpu_0
print(json.dumps({"karat": {"flags": sys.argv[8], "acked_and_queryable_spans_per_s": round(n / queryable_s), "spans_per_cpu_s": round(n / cpu), "cpu_s": round(cpu, 2),
  "mb_per_cpu_s": round(n * report["bytes_per_span"] / 1e6 / cpu, 1), "rss_mb": round(rss), "disk_bytes_per_span": round(disk / n), **{k: round(v, 2) for k, v in report.items()}}}))
PY
}

visibility() { # seconds from the ack of one span until SQL returns it, 100 times beside a light load
  start_karat
  "$bin/examples/loadgen" --endpoint "http://$grpc" --spans 20000 --rate 1000 --first 100000000 >/dev/null &
  local load=$!
  python3 - "$http" "$grpc" "$bin/examples/loadgen" <<'PY'
import json, subprocess, sys, time, urllib.request
http, grpc, loadgen = sys.argv[1:4]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def count(first):
    body = json.dumps({"sql": f"select count(*) as n from spans where span_id = '{first:016x}'"}).encode()
    request = urllib.request.Request(f"http://{http}/api/v1/sql?format=jsonl", body, {"content-type": "application/json"})
    return json.loads(opener.open(request).read())["n"]
waits = []
for i in range(100):
    first = 1 + i * 10
    subprocess.run([loadgen, "--endpoint", f"http://{grpc}", "--spans", "1", "--batch", "1", "--first", str(first)], check=True, stdout=subprocess.DEVNULL)
    acked = time.time()
    while count(first) != 1: time.sleep(0.002)
    waits.append((time.time() - acked) * 1000)
waits.sort()
print(json.dumps({"karat_visibility": {"p50_ms": round(waits[49], 1), "p99_ms": round(waits[98], 1), "max_ms": round(waits[99], 1)}}))
PY
  wait "$load"; kill -TERM "$pid"; wait "$pid" || true
}

overload() { # 64 requests of 200 KB under way at once, and one quiet sender beside them
  start_karat
  "$bin/examples/loadgen" --endpoint "http://$grpc" --spans "$spans" --clients 64 --impatient >"$work/noisy" &
  local load=$!
  sleep 1
  local quiet; quiet=$("$bin/examples/loadgen" --endpoint "http://$grpc" --spans 500 --batch 10 --rate 100 --clients 1 --first 900000000)
  wait "$load"
  python3 - "$(cat "$work/noisy")" "$quiet" "$(rss_mb "$pid")" <<'PY'
import json, sys
noisy, quiet = map(json.loads, sys.argv[1:3])
print(json.dumps({"karat_overload": {"rss_mb": round(float(sys.argv[3])), "acked_spans_per_s": round(noisy["spans_per_s"]), "refusals": noisy["retries"],
  "quiet_ack_p50_ms": round(quiet["ack_p50_ms"], 1), "quiet_ack_p99_ms": round(quiet["ack_p99_ms"], 1), "quiet_refusals": quiet["retries"]}}))
PY
  kill -TERM "$pid"; wait "$pid" || true
}

case $what in
karat | all)
  full=$(karat_ingest "$spans" --clients 8)
  echo "$full"
  karat_ingest "$spans" --clients 8 --rate "$(python3 -c 'import json,sys; print(int(json.loads(sys.argv[1])["karat"]["spans_per_s"] / 2))' "$full")"
  karat_ingest "$spans" --clients 8 --compression gzip
  karat_ingest "$spans" --clients 8 --compression zstd
  karat_ingest "$spans" --clients 8 --http
  karat_ingest "$spans" --clients 8 --http --compression gzip
  visibility
  ;;
esac
case $what in
sizes | all)
  karat_ingest $((spans * 5)) --clients 8 --bytes 300 --batch 1000
  karat_ingest "$spans" --clients 8 --bytes 2048 --batch 100
  karat_ingest $((spans / 5)) --clients 8 --bytes 20480 --batch 20
  karat_ingest $((spans / 50)) --clients 8 --bytes 204800 --batch 4
  ;;
esac
case $what in overload | all) overload ;; esac
case $what in
peers | all)
  export LOADGEN=$bin/examples/loadgen
  large=(--bytes 20480 --batch 20)
  for peer in otlp2parquet otelcol; do
    bash "benches/peers/$peer.sh" "$spans"
    bash "benches/peers/$peer.sh" $((spans / 5)) "${large[@]}"
  done
  for peer in mlflow phoenix; do
    bash "benches/peers/$peer.sh" "$peer_spans"
    bash "benches/peers/$peer.sh" $((peer_spans / 5)) "${large[@]}"
  done
  bash benches/peers/phoenix.sh "$peer_spans" --http
  ;;
esac
case $what in queries | all) KARAT_BENCH_NO_BUILD=1 bash benches/queries.sh "${QUERY_BENCH_SPANS:-1000000}" ;; esac
case $what in
history | all)
  "$bin/examples/history" --data "$work/history"
  bash tests/services/lake.sh duckdb "$PWD/benches/delta_rs_scan.py" "$work/history/default/spans"
  ;;
esac
