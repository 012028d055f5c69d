"""Evidently's DataDriftPreset over the columns of measure/examples/drift_report.rs, for the ratio in benches/README.md.

python drift_report.py [rows a side]      (pip install evidently==0.7.23 'pandas<3')
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


def side(seed):
    rng = np.random.default_rng(seed)
    columns = {f"normal{i}": rng.normal(size=n) for i in range(5)}
    columns |= {f"lognormal{i}": rng.lognormal(size=n) for i in range(3)}
    columns |= {f"category{i}": np.minimum(np.abs(rng.normal(size=n)) * 4, 9).astype(int).astype(str) for i in range(2)}
    return pd.DataFrame(columns)


reference, current = side(1), side(2)
began, cpu_began = time.perf_counter(), time.process_time()
Report([DataDriftPreset()]).run(current, reference)
seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
print(json.dumps({"what": "evidently DataDriftPreset, 10 columns", "rows_a_side": n, "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2)}))
