#!/usr/bin/env bash
# Measures the evaluator beside its peers, on this machine, in one run: 1,000 exact matches from cold start to report (deepeval), ROUGE-L a core
# (rouge-score), and the 80 cases of suites/rag.yaml. The peers are installed at the first run.
#   benches/evaluator.sh
# Prints one JSON line a measurement and the ratios. Needs a release build (made here), python3; KARAT_BENCH_NO_BUILD=1 takes the one that is there.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/karat/target}
if [ -z "${KARAT_BENCH_NO_BUILD:-}" ]; then
  cargo build --release --quiet --bin karat
  cargo build --release --quiet -p karat-measure --example rouge_pairs
fi
bin=$CARGO_TARGET_DIR/release
peers=${KARAT_SERVICES:-$HOME/.cache/karat/services}/deepeval/venv
if [ ! -x "$peers/bin/python" ]; then
  python3 -m venv "$peers"
  "$peers/bin/pip" install -q --disable-pip-version-check deepeval rouge-score
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 - "$work" <<'PY'
import json, random, sys
random.seed(7)
stems = "connect relate general nation operate formal sense adjust depend replace active special final hope rational vector bank ship friend answer".split()
words = [stem + end for stem in stems for end in ("", "s", "ed", "ing", "ation", "ly", "ness", "able", "ive", "ment")] + list("abcde") + ["the", "of", "and", "to", "in"]
def text(): return " ".join(random.choices(words, k=52))
def near(text): return " ".join(word if random.random() < 0.7 else random.choice(words) for word in text.split())
with open(f"{sys.argv[1]}/cases.jsonl", "w") as cases, open(f"{sys.argv[1]}/pairs.jsonl", "w") as pairs:
    for i in range(1000):
        reference = f"{random.choice(words)} {i}"
        answer = reference if random.random() < 0.8 else f"{reference}, or so"
        cases.write(json.dumps({"id": str(i), "question": f"What is {i}?", "reference": reference, "answer": answer}) + "\n")
        reference = text()
        pairs.write(json.dumps({"reference": reference, "answer": near(reference)}) + "\n")
PY
cat >"$work/suite.yaml" <<'YAML'
dataset: cases.jsonl
providers: ["dataset:answer"]
checks: [{check: exact, reference: reference}]
YAML

# timed SUITE: runs it five times, each in a new process without what a run before it left
timed() {
  python3 - "$bin/karat" "$1" "$work" <<'PY'
import json, shutil, statistics, subprocess, sys, time
karat, suite, work = sys.argv[1:]
seconds = []
for _ in range(5):
    began = time.perf_counter()
    command = [karat, "eval", suite, "--data", f"{work}/data", "--no-baseline", "-o", f"{work}/report.json"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seconds.append(time.perf_counter() - began)
    assert done.returncode in (0, 100), done.stderr
    shutil.rmtree(f"{work}/data")
with open(f"{work}/report.json") as file:
    cases = json.load(file)["cases"]
passed = sum(case["outcome"] == "pass" for case in cases)
print(json.dumps({"what": f"karat eval {suite.rsplit('/', 1)[-1]}", "cases": len(cases), "passed": passed, "seconds": round(statistics.median(seconds), 3)}))
PY
}
exact=$(timed "$work/suite.yaml")
timed suites/rag.yaml
theirs=$("$peers/bin/python" benches/peers/deepeval_exact.py "$work/cases.jsonl" 2>/dev/null)
rouge=$("$bin/examples/rouge_pairs" "$work/pairs.jsonl")
their_rouge=$("$peers/bin/python" benches/peers/rouge.py "$work/pairs.jsonl")
printf '%s\n' "$exact" "$theirs" "$rouge" "$their_rouge"
python3 - "$exact" "$theirs" "$rouge" "$their_rouge" <<'PY'
import json, sys
exact, theirs, rouge, their_rouge = map(json.loads, sys.argv[1:])
assert exact["passed"] == theirs["passed"], "the two disagree on the verdicts"
assert abs(rouge["sum_of_f"] - their_rouge["sum_of_f"]) < 1e-6, "the two disagree on ROUGE-L"
print(json.dumps({"ratio": {"exact_match": round(theirs["seconds"] / exact["seconds"]), "rouge_l": round(rouge["pairs_per_s"] / their_rouge["pairs_per_s"])}}))
PY
