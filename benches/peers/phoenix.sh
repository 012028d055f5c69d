#!/usr/bin/env bash
# Arize Phoenix (PyPI, current) with its default SQLite store, driven by our load generator over OTLP/gRPC, or with --http over OTLP/HTTP.
#   LOADGEN=<path> benches/peers/phoenix.sh SPANS [FLAGS OF THE LOAD GENERATOR...]
# Queryable means: the row is in the spans table of its database, read from outside while it runs.
set -euo pipefail
NAME=phoenix
. "$(dirname "$0")/lib.sh"
[ -x "$home/venv/bin/phoenix" ] || { mkdir -p "$home"; python3 -m venv "$home/venv"; "$home/venv/bin/pip" install -q --disable-pip-version-check arize-phoenix; }
version() { "$home/venv/bin/pip" show arize-phoenix 2>/dev/null | sed -n 's/^Version: //p'; }
count() { python3 -c 'import sqlite3,sys; print(sqlite3.connect(f"file:{sys.argv[1]}/phoenix.db?mode=ro", uri=True, timeout=30).execute("select count(*) from spans").fetchone()[0])' "$work" 2>/dev/null || echo 0; }
http=$(port) grpc=$(port)
PHOENIX_WORKING_DIR=$work PHOENIX_HOST=127.0.0.1 PHOENIX_PORT=$http PHOENIX_GRPC_PORT=$grpc PHOENIX_TELEMETRY_ENABLED=false \
  "$home/venv/bin/phoenix" serve >"$work/log" 2>&1 &
pid=$!
until curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$http/healthz"; do kill -0 "$pid" || { tail -20 "$work/log" >&2; exit 1; }; sleep 0.5; done
case " $* " in *" --http "*) endpoint=$http ;; *) endpoint=$grpc ;; esac
drive "$1" --endpoint "http://127.0.0.1:$endpoint" "${@:2}"
