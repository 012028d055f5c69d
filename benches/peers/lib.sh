# What the scripts of peers share: a port, the price of a process, and the line that is printed. Sourced, with `set -euo pipefail`.
home=${KARAT_SERVICES:-$HOME/.cache/karat/services}/$NAME
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# user and system seconds of the server and of its children, running ones included
cpu_s() {
  python3 - "$pid" <<'PY'
import os, sys
hz, total, todo = os.sysconf("SC_CLK_TCK"), 0, [sys.argv[1]]
while todo:
    of = todo.pop()
    try:
        fields = open(f"/proc/{of}/stat").read().rsplit(") ", 1)[1].split()
        total += sum(map(int, fields[11:15]))
        for task in os.listdir(f"/proc/{of}/task"):
            todo += open(f"/proc/{of}/task/{task}/children").read().split()
    except FileNotFoundError:
        pass
print(total / hz)
PY
}
rss_mb() { awk '/VmHWM/ {print $2 / 1024}' "/proc/$pid/status"; }

# drive SPANS FLAGS... : sends with the load generator until `count` says that all can be read, or for 15 minutes; prints one JSON line
drive() {
  local spans=$1; shift
  local cpu_0 began report
  cpu_0=$(cpu_s) began=$(date +%s.%N)
  report=$("$LOADGEN" --spans "$spans" --clients 8 "$@")
  until [ "$(count)" -ge "$spans" ] || [ "$(python3 -c "import time; print(int(time.time() - $began > 900))")" = 1 ]; do sleep 0.2; done
  python3 - "$report" "$NAME" "$(version)" "$(count)" "$began" "$cpu_0" "$(cpu_s)" "$(rss_mb)" "$(du -sb "$work" | cut -f1)" "$*" <<'PY'
import json, sys, time
report, name, version = json.loads(sys.argv[1]), *sys.argv[2:4]
n, began, cpu_0, cpu_1, rss, disk = map(float, sys.argv[4:10])
seconds, cpu = time.time() - began, cpu_1 - cpu_0
print(json.dumps({name: {"version": version, "flags": sys.argv[10], "queryable": n, "acked_and_queryable_spans_per_s": round(n / seconds, 1), "spans_per_cpu_s": round(n / cpu, 1),
  "cpu_s": round(cpu, 2), "rss_mb": round(rss), "disk_bytes_per_span": round(disk / max(n, 1)), **{k: round(v, 2) for k, v in report.items()}}}))
PY
}
