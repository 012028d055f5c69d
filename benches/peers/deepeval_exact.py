"""deepeval.evaluate over the cases of benches/evaluator.sh: seconds from import to the last verdict.

python deepeval_exact.py cases.jsonl      (pip install deepeval)
"""

import contextlib
import importlib.metadata
import io
import json
import os
import sys
import time

os.environ |= {"DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "DEEPEVAL_UPDATE_WARNING_OPT_OUT": "YES"}
began = time.perf_counter()
from deepeval import evaluate
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase

with open(sys.argv[1]) as lines:
    rows = [json.loads(line) for line in lines]
cases = [LLMTestCase(input=row["question"], actual_output=row["answer"], expected_output=row["reference"]) for row in rows]
with contextlib.redirect_stdout(io.StringIO()):
    result = evaluate(cases, [ExactMatchMetric()])
seconds = time.perf_counter() - began
passed = sum(case.success for case in result.test_results)
version = importlib.metadata.version("deepeval")
print(json.dumps({"what": f"deepeval {version}, exact match", "cases": len(cases), "passed": passed, "seconds": round(seconds, 2)}))
