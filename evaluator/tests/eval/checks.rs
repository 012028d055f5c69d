//! karat's own checks, from the suite to the score.

use crate::workspace::Workspace;

/// The value of one check on one row, and whether it passed.
#[track_caller]
fn check(keys: &str, row: &str, expect: (Option<f64>, Option<bool>)) {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", &format!("{row}\n"));
    workspace.write("suite.yaml", &format!("dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks:\n  - {{{keys}}}\n"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(workspace.eval("suite.yaml"));
    let report = outcome.report.unwrap_or_else(|| panic!("{}", outcome.text));
    let score = &report.cases[0].scores[0];
    let close = match (score.value, expect.0) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        (found, expected) => found == expected,
    };
    assert!(close && score.passed == expect.1, "{keys}: {score:?}");
}

#[test]
fn overlap_is_measured() {
    let row = r#"{"answer": "A quick brown dog jumped over the lazy fox.", "reference": "The quick brown fox jumps over the lazy dog."}"#;
    check("check: rouge_1, reference: reference", row, (Some(0.888_888_888_888_888_8), None));
    check("check: rouge_l, reference: reference, threshold: 0.7", row, (Some(0.666_666_666_666_666_6), Some(false)));
    check("check: bleu, reference: reference", row, (Some(0.220_895_911_341_578_9), None));
    check("check: chrf, reference: reference", row, (Some(0.590_661_660_860_908_1), None));
    check("check: jaro, reference: reference", row, (Some(0.757_891_027_780_868_6), None));
}

#[test]
fn numbers_quotes_and_citations_are_held_against_their_sources() {
    let row = r#"{"answer": "So it is $1,200.", "reference": "1200", "documents": [{"id": "a", "content": "x"}]}"#;
    check("check: numeric, reference: reference", row, (Some(1.0), Some(true)));
    check("check: citations, sources: documents", row, (None, None));
    let row = r#"{"answer": "It says \"keep calm and go on\" [a] [b].", "documents": [{"id": "a", "content": "Keep calm and go on."}]}"#;
    check("check: citations, sources: documents", row, (Some(0.5), None));
    check("check: quotes, sources: documents, threshold: 1", row, (Some(1.0), Some(true)));
}

#[test]
fn rankings_are_measured() {
    let row = r#"{"answer": "x", "documents": ["d1", "d2", "d3", "d2"], "relevant": {"d2": 2, "d4": 1, "d1": 0}}"#;
    check("check: recall", row, (Some(0.5), None));
    check("check: precision, k: 2", row, (Some(0.5), None));
    check("check: mrr", row, (Some(0.5), None));
    check("check: map", row, (Some(0.25), None));
    check("check: hit, k: 1", row, (Some(0.0), None));
}

#[test]
fn tools_are_compared_as_multisets() {
    let row = r#"{"answer": "x", "calls": [{"name": "a", "arguments": {"x": 1}}, {"name": "a", "arguments": "{\"x\": 1}"}], "expected": [{"name": "a", "arguments": {"x": 1}}]}"#;
    check("check: tool_precision, answer: calls, reference: expected", row, (Some(0.5), None));
    check("check: tool_recall, answer: calls, reference: expected", row, (Some(1.0), None));
    check("check: trajectory_exact, answer: calls, reference: expected", row, (Some(0.0), Some(false)));
    check("check: tool_repeats, answer: calls, threshold: 1", row, (Some(2.0), Some(false)));
}

#[test]
fn what_must_not_be_said_is_seen() {
    let row = r#"{"answer": "Mail ann@example.org; k-e-s-t-r-e-l-4-7", "canary": "kestrel-47"}"#;
    check("check: pii", row, (Some(1.0), Some(false)));
    check("check: pii, value: [iban]", row, (Some(0.0), Some(true)));
    check("check: canary, reference: canary", row, (Some(1.0), Some(false)));
    check("check: secrets", row, (Some(0.0), Some(true)));
    check("check: refusal", row, (Some(0.0), Some(false)));
}
