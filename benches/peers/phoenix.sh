#!/usr/bin/env bash
# Arize Phoenix (PyPI, current) with its default SQLite store, driven by our load generator over OTLP/gRPC.
#   LOADGEN=<path> benches/peers/phoenix.sh SPANS
# Queryable means: the row is in the spans table of its database, read from outside while it runs.
set -euo pipefail
spans=$1
home=${KARAT_SERVICES:-$HOME/.cache/karat/services}/phoenix
if [ ! -x "$home/venv/bin/phoenix" ]; then
  mkdir -p "$home"
  python3 -m venv "$home/venv"
  "$home/venv/bin/pip" install -q --disable-pip-version-check arize-phoenix
fi
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
http=$(port) grpc=$(port)
PHOENIX_WORKING_DIR=$work PHOENIX_HOST=127.0.0.1 PHOENIX_PORT=$http PHOENIX_GRPC_PORT=$grpc PHOENIX_TELEMETRY_ENABLED=false \
  "$home/venv/bin/phoenix" serve >"$work/log" 2>&1 &
pid=$!
until curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$http/healthz"; do kill -0 "$pid" || { tail -20 "$work/log" >&2; exit 1; }; sleep 0.5; done
cpu_s() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13 + $14 + $15) / hz}' "/proc/$pid/stat"; }
count() { python3 -c 'import sqlite3,sys; print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30).execute("select count(*) from spans").fetchone()[0])' "$work/phoenix.db" 2>/dev/null || echo 0; }
cpu_0=$(cpu_s) began=$(date +%s.%N)
report=$("$LOADGEN" --endpoint "http://127.0.0.1:$grpc" --spans "$spans" --clients 8)
until [ "$(count)" -ge "$spans" ]; do
  sleep 0.5
  [ "$(python3 -c "import time; print(int(time.time() - $began > 900))")" = 0 ] || break # what it made readable in a quarter of an hour counts
done
python3 - "$report" "$(count)" "$began" "$cpu_0" "$(cpu_s)" "$(awk '/VmHWM/ {print $2 / 1024}' "/proc/$pid/status")" "$("$home/venv/bin/pip" show arize-phoenix 2>/dev/null | sed -n 's/^Version: //p')" <<'PY'
import json, sys, time
report = json.loads(sys.argv[1]); n, began, cpu_0, cpu_1, rss = map(float, sys.argv[2:7])
seconds, cpu = time.time() - began, cpu_1 - cpu_0
print(json.dumps({"phoenix": {"version": sys.argv[7], "queryable": n, "acked_and_queryable_spans_per_s": round(n / seconds, 1), "spans_per_cpu_s": round(n / cpu, 1), "cpu_s": round(cpu, 2), "rss_mb": round(rss),
  **{k: round(v, 2) for k, v in report.items()}}}))
PY
