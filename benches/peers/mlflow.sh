#!/usr/bin/env bash
# MLflow (PyPI, current) with its SQLite store, driven over OTLP/HTTP.
#   LOADGEN=<path> benches/peers/mlflow.sh SPANS [FLAGS OF THE LOAD GENERATOR...]
# Queryable means: the row is in the spans table of its database, read from outside while it runs.
set -euo pipefail
NAME=mlflow
. "$(dirname "$0")/lib.sh"
[ -x "$home/venv/bin/mlflow" ] || { mkdir -p "$home"; python3 -m venv "$home/venv"; "$home/venv/bin/pip" install -q --disable-pip-version-check mlflow; }
version() { "$home/venv/bin/pip" show mlflow 2>/dev/null | sed -n 's/^Version: //p'; }
count() { python3 -c 'import sqlite3,sys; print(sqlite3.connect(f"file:{sys.argv[1]}/mlflow.db?mode=ro", uri=True, timeout=30).execute("select count(*) from spans").fetchone()[0])' "$work" 2>/dev/null || echo 0; }
http=$(port)
(cd "$work" && MLFLOW_DISABLE_TELEMETRY=true exec "$home/venv/bin/mlflow" server --host 127.0.0.1 --port "$http" --workers 2 --backend-store-uri "sqlite:///$work/mlflow.db") >"$work/log" 2>&1 &
pid=$!
until curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$http/health"; do kill -0 "$pid" || { tail -20 "$work/log" >&2; exit 1; }; sleep 0.5; done
drive "$1" --http --endpoint "http://127.0.0.1:$http" --header x-mlflow-experiment-id=0 "${@:2}"
