"""Asks DuckDB the queries that karat was asked, over the same live files, and compares answers and times.

python duckdb.py TABLE_DIR QUERIES.sql KARAT.jsonl KARAT_ANSWERS_DIR [TIMES]; `benches/queries.sh` calls it.
"""
import csv
import json
import math
import os
import re
import statistics
import sys
import time

import duckdb
from deltalake import DeltaTable

table, queries, karat, answers = sys.argv[1:5]
times = int(sys.argv[5]) if len(sys.argv) > 5 else 5
files = DeltaTable(table).file_uris()
db = duckdb.connect(config={"threads": os.cpu_count()})
for setting in ("SET TimeZone='UTC'", "SET parquet_metadata_cache=true", "SET enable_object_cache=true"):
    try:
        db.execute(setting)
    except duckdb.Error as error:  # one that a version no longer has
        print(f"{setting}: {error}", file=sys.stderr)
db.read_parquet(files, hive_partitioning=True).create_view("spans")


def cell(value):
    """Numbers as numbers, moments as microseconds, and nothing as nothing."""
    if value is None or value == "":
        return None
    text = str(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return text
    moment = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?", text)
    if moment:
        return f"{moment[1]} {moment[2]}.{(moment[3] or '.0')[1:]:0<6}"
    try:
        return float(text)
    except ValueError:
        return text


def alike(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return ours == theirs


measured = {line["query"]: line for line in map(json.loads, open(karat))}
ratios, differences = [], 0
for part in open(queries).read().split("-- name:")[1:]:
    name, sql = part.split("\n", 1)
    name = name.strip()
    rows = db.execute(sql).fetchall()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        db.execute(sql).fetchall()
        taken.append((time.perf_counter() - started) * 1e3)
    with open(f"{answers}/{name}.csv", newline="") as file:
        ours = [[cell(value) for value in row] for row in list(csv.reader(file))[1:]]
    theirs = [[cell(value) for value in row] for row in rows]
    same = len(ours) == len(theirs) and all(len(a) == len(b) and all(map(alike, a, b)) for a, b in zip(ours, theirs))
    differences += not same
    ours_ms, theirs_ms = measured[name]["median_ms"], statistics.median(taken)
    ratios.append(ours_ms / theirs_ms)
    print(json.dumps({"query": name, "rows": len(theirs), "same_answer": same, "karat_ms": round(ours_ms, 1), "duckdb_ms": round(theirs_ms, 1), "ratio": round(ratios[-1], 2)}))
    if not same:
        for ours_row, theirs_row in [pair for pair in zip(ours, theirs) if not all(map(alike, *pair))][:3]:
            print(f"  karat {ours_row}\n  duckdb {theirs_row}", file=sys.stderr)
mean = math.exp(statistics.fmean(map(math.log, ratios)))
print(json.dumps({"duckdb": duckdb.__version__, "files": len(files), "queries": len(ratios), "different_answers": differences, "geometric_mean_of_ratios": round(mean, 2)}))
sys.exit(differences > 0)
