"""rouge-score's ROUGE-L with stems over the pairs of benches/evaluator.sh.

python rouge.py pairs.jsonl      (pip install rouge-score)
"""

import importlib.metadata
import json
import sys
import time

from rouge_score.rouge_scorer import RougeScorer

with open(sys.argv[1]) as lines:
    pairs = [json.loads(line) for line in lines]
scorer = RougeScorer(["rougeL"], use_stemmer=True)
rates, total = [], 0.0
for _ in range(3):
    began = time.perf_counter()
    total = sum(scorer.score(pair["reference"], pair["answer"])["rougeL"].fmeasure for pair in pairs)
    rates.append(len(pairs) / (time.perf_counter() - began))
version = importlib.metadata.version("rouge-score")
print(json.dumps({"what": f"rouge-score {version}, ROUGE-L with stems", "pairs": len(pairs), "pairs_per_s": round(sorted(rates)[1]), "sum_of_f": round(total, 9)}))
