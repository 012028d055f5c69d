"""Plans and runs the queries of benches/history.rs through delta-rs' own scan, over the table that the example left with --data.

bash tests/services/lake.sh duckdb "$PWD/benches/delta_rs_scan.py" DIR/default/spans
"""
import json
import sys
import time

from deltalake import DeltaTable, QueryBuilder

def queries(trace_id):
    return {
        "plan_hour_ms": "explain select request_model, count(*), sum(cost_nanousd) from spans where start_time >= '2026-11-20T23:00:00Z' group by request_model",
        "plan_all_ms": "explain select request_model, count(*), sum(cost_nanousd) from spans group by request_model",
        "trace_ms": f"select span_id, parent_span_id, name, start_unix_nano, duration_ns, status from spans where trace_id = '{trace_id}'",
    }


def timed(ask, times=20):
    ask()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - started) * 1e3)
    return {"p50": round(sorted(taken)[times // 2], 1), "max": round(max(taken), 1)}


started = time.perf_counter()
table = DeltaTable(sys.argv[1])
opened = round((time.perf_counter() - started) * 1e3, 1)
builder = QueryBuilder().register("spans", table)
trace_id = builder.execute("select min(trace_id) from spans").read_all().column(0)[0].as_py()
figures = {name: timed(lambda: builder.execute(sql).read_all()) for name, sql in queries(trace_id).items()}
print(json.dumps({"files": len(table.file_uris()), "open_ms": opened, **figures}))
