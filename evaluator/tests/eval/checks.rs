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
    check("check: bleu_method1, reference: reference", row, (Some(0.149_237_294_800_491_17), None));
    check("check: ter, reference: reference", row, (Some(0.444_444_444_444_444_4), None));
    check("check: gleu, reference: reference", row, (Some(0.3), None));
    let row = r#"{"answer": "the cat sat on the mat", "reference": "the cat was sitting on the mat today"}"#;
    check("check: rouge_2, reference: reference", row, (Some(0.5), None));
    check("check: rouge_lsum, reference: reference", row, (Some(0.714_285_714_285_714_3), None));
    check("check: jaro_winkler, reference: reference", row, (Some(0.867_676_767_676_767_6), None));
    check("check: hamming, reference: reference", row, (Some(0.305_555_555_555_555_6), None));
}

#[test]
fn prose_is_measured() {
    let row = r#"{"answer": "The cat sat on the mat."}"#;
    // Six words of one syllable in one sentence, 17 letters.
    check("check: reading_ease", row, (Some(206.835 - 1.015 * 6.0 - 84.6), None));
    check("check: reading_grade", row, (Some(0.39 * 6.0 + 11.8 - 15.59), None));
    check("check: reading_ari, threshold: 1", row, (Some(4.71 * 17.0 / 6.0 + 3.0 - 21.43), Some(true)));
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
    // The second place of four holds the grade 2; the best order has it first, and the 1 that was not found second.
    let second = 1.0 / 3.0_f64.log2();
    check("check: ndcg_linear", row, (Some(2.0 * second / (2.0 + second)), None));
    check("check: ndcg_exp", row, (Some(3.0 * second / (3.0 + second)), None));
    check("check: rbp", row, (Some(0.2 * 0.8), None));
    check("check: r_precision", row, (Some(0.5), None));
    check("check: bpref", row, (Some(0.0), None));
    check("check: context_precision", row, (Some(0.5), None));
    check("check: context_recall", row, (Some(0.5), None));
    check("check: context_ap_retrieved", row, (Some(0.5), None));
    let unjudged_first = r#"{"answer": "x", "documents": ["d9", "d2", "d1"], "relevant": {"d2": 1, "d1": 0}}"#;
    check("check: bpref", unjudged_first, (Some(1.0), None));
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
fn orders_and_arguments_are_compared() {
    let row = r#"{"answer": "x", "calls": [{"name": "b"}, {"name": "a", "args": {"x": 1, "y": 2}}], "expected": [{"name": "a", "args": {"x": 1, "y": 3}}, {"name": "b"}]}"#;
    let keys = "answer: calls, reference: expected";
    check(&format!("check: trajectory_any_order, {keys}"), row, (Some(1.0), Some(true)));
    check(&format!("check: trajectory_in_order, {keys}"), row, (Some(0.0), Some(false)));
    check(&format!("check: trajectory_similarity, {keys}"), row, (Some(0.0), None));
    check(&format!("check: tool_f1, {keys}"), row, (Some(0.5), None));
    check(&format!("check: tool_f1, {keys}, arguments: partial"), row, (Some(0.75), None));
    check(&format!("check: tool_f1, {keys}, arguments: ignore"), row, (Some(1.0), None));
    check("check: tool_calls, answer: calls, threshold: 2", row, (Some(2.0), Some(true)));
}

/// DeepEval's calls have `input_parameters`; a payment of 900 is none of 9.
#[test]
fn arguments_count_by_whatever_key_they_go() {
    let wrong = |key: &str| {
        let call = |eur: &str| format!(r#"[{{"name": "pay", "{key}": {eur}}}]"#);
        format!(r#"{{"input": "pay", "answer": "x", "tools_called": {}, "expected_tools": {}}}"#, call("{\"eur\": 900}"), call("{\"eur\": 9}"))
    };
    for key in ["input_parameters", "parameters", "inputParameters", "arguments", "args", "input"] {
        check("check: tool_f1, answer: calls, reference: expected_calls", &wrong(key), (Some(0.0), None));
    }
    // Arguments that are no JSON are one argument, and no call passes for another because neither could be read.
    let row = r#"{"answer": "x", "calls": [{"name": "pay", "arguments": "900 EUR"}], "expected": [{"name": "pay", "arguments": "9 EUR"}]}"#;
    check("check: tool_f1, answer: calls, reference: expected", row, (Some(0.0), None));
    let row = r#"{"answer": "x", "calls": [{"name": "pay", "arguments": {"a": {"x": 1, "y": 2}}}], "expected": [{"name": "pay", "arguments": "{\"a\": {\"y\": 2, \"x\": 1.0}}"}]}"#;
    check("check: tool_f1, answer: calls, reference: expected", row, (Some(1.0), None));
    // What is no call makes no two lists alike.
    let row = r#"{"answer": "x", "calls": [{"what": "pay"}], "expected": [{"what": "sell"}]}"#;
    check("check: tool_f1, answer: calls, reference: expected", row, (None, None));
}

/// An agent that calls nothing does not get out of a check of its calls; what cannot be read is no call, and no lack of one.
#[test]
fn an_answer_without_calls_called_nothing() {
    let answered = |answer: &str| format!(r#"{{"answer": {answer}, "expected": [{{"name": "refund", "arguments": {{"id": 7}}}}]}}"#);
    for nothing in [r#""I have refunded it.""#, r#""{\"role\": \"assistant\", \"content\": \"Done.\"}""#, r#""{\"tool_calls\": null}""#, r#""[]""#] {
        check("check: tool_f1, reference: expected, threshold: 0.9", &answered(nothing), (Some(0.0), Some(false)));
        check("check: tool_recall, reference: expected", &answered(nothing), (Some(0.0), None));
        check("check: trajectory_exact, reference: expected", &answered(nothing), (Some(0.0), Some(false)));
        check("check: tool_calls", &answered(nothing), (Some(0.0), None));
    }
    for alone in [
        r#""{\"name\": \"refund\", \"arguments\": {\"id\": 7}}""#,
        r#""{\"function\": {\"name\": \"refund\", \"arguments\": \"{\\\"id\\\": 7}\"}}""#,
        r#""{\"content\": [{\"type\": \"text\", \"text\": \"x\"}, {\"type\": \"tool_use\", \"name\": \"refund\", \"input\": {\"id\": 7}}]}""#,
    ] {
        check("check: tool_f1, reference: expected", &answered(alone), (Some(1.0), None));
    }
    check("check: tool_f1, reference: expected", &answered(r#""[{\"name\": \"refund\"""#), (None, None));
}

#[test]
fn a_column_without_calls_says_nothing_about_them() {
    let recorded = |calls: &str| format!(r#"{{"answer": "x", "calls": {calls}, "expected": [{{"name": "refund"}}]}}"#);
    for (calls, expect) in [("null", None), ("\"\"", None), ("\"no calls\"", None), ("7", None)] {
        check("check: tool_f1, answer: calls, reference: expected", &recorded(calls), (expect, None));
    }
    for (calls, expect) in [(r#"{"tool_calls": null}"#, 0.0), ("[]", 0.0), (r#""[{\"name\": \"refund\"}]""#, 1.0), (r#"{"name": "refund"}"#, 1.0)] {
        check("check: tool_f1, answer: calls, reference: expected", &recorded(calls), (Some(expect), None));
    }
}

/// An order is one of names until the suite says that arguments count.
#[test]
fn orders_look_at_arguments_where_they_are_told_to() {
    let row = r#"{"answer": "x", "calls": [{"name": "pay", "args": {"eur": 9, "note": "a"}}, {"name": "end"}], "expected": [{"name": "pay", "args": {"eur": 9}}, {"name": "end"}]}"#;
    let other = r#"{"answer": "x", "calls": [{"name": "pay", "args": {"eur": 900}}], "expected": [{"name": "pay", "args": {"eur": 9}}]}"#;
    for kind in ["trajectory_exact", "trajectory_in_order", "trajectory_any_order"] {
        let keys = |arguments: &str| format!("check: {kind}, answer: calls, reference: expected{arguments}");
        for arguments in ["", ", arguments: ignore", ", arguments: partial"] {
            check(&keys(arguments), row, (Some(1.0), Some(true)));
        }
        check(&keys(", arguments: exact"), row, (Some(0.0), Some(false)));
        check(&keys(", arguments: partial"), other, (Some(0.0), Some(false)));
        check(&keys(""), other, (Some(1.0), Some(true)));
    }
    check("check: trajectory_similarity, answer: calls, reference: expected", row, (Some(1.0), None));
    check("check: trajectory_similarity, answer: calls, reference: expected, arguments: exact", row, (Some(0.5), None));
}

#[test]
fn circles_are_seen() {
    let row = r#"{"answer": "x", "calls": ["look", "read", "look", "read", "look", "read", "answer"]}"#;
    check("check: tool_cycles, answer: calls, threshold: 2", row, (Some(3.0), Some(false)));
    check("check: tool_repeats, answer: calls", row, (Some(3.0), None));
    check("check: stagnation, answer: calls, threshold: 2", row, (Some(1.0), Some(true)));
    let row = r#"{"answer": "x", "calls": [{"name": "look", "args": {"q": "a"}}, {"name": "look", "args": {"q": "a"}}, {"name": "look", "args": {"q": "a"}}]}"#;
    check("check: stagnation, answer: calls, threshold: 2", row, (Some(3.0), Some(false)));
    check("check: tool_cycles, answer: calls", row, (Some(1.0), None));
}

#[test]
fn budgets_are_kept() {
    let row = r#"{"answer": "x", "input_tokens": 900, "output_tokens": 120, "cost_usd": 0.02, "latency_ms": 80, "plan": ["look", "read"]}"#;
    check("check: input_tokens, max: 1000", row, (Some(900.0), Some(true)));
    check("check: output_tokens, max: 100", row, (Some(120.0), Some(false)));
    check("check: tokens, max: 1020", row, (Some(1_020.0), Some(true)));
    check("check: cost, max: 0.01", row, (Some(0.02), Some(false)));
    check("check: steps, answer: plan, max: 2", row, (Some(2.0), Some(true)));
    check("check: latency, max: 50", row, (Some(80.0), Some(false)));
    // What nobody counted is not within a budget.
    check("check: tokens, max: 1000", r#"{"answer": "x", "input_tokens": 900}"#, (None, None));
}

#[test]
fn promptfoos_names_are_checks_too() {
    let row = r#"{"answer": "select 1 from t", "n": 4}"#;
    check("check: is-sql", row, (Some(1.0), Some(true)));
    check("check: not-is-xml", row, (Some(1.0), Some(true)));
    check("check: word-count, value: \"{{n}}\"", row, (Some(1.0), Some(true)));
    check("check: finish-reason, value: stop", r#"{"answer": "x", "finish_reason": "length"}"#, (Some(0.0), Some(false)));
    check("check: rouge-n, value: \"{{answer}}\"", row, (Some(1.0), Some(true)));
}

#[test]
fn what_must_not_be_said_is_seen() {
    let row = r#"{"answer": "Mail ann@example.org; k-e-s-t-r-e-l-4-7", "canary": "kestrel-47"}"#;
    check("check: pii", row, (Some(1.0), Some(false)));
    check("check: pii, value: [iban]", row, (Some(0.0), Some(true)));
    check("check: canary, reference: canary", row, (Some(1.0), Some(false)));
    check("check: secrets", row, (Some(0.0), Some(true)));
    check("check: refusal", row, (Some(0.0), Some(false)));
    // Put together here: a whole key in a file would be found by others than this test.
    let key = ["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    check("check: secrets", &format!("{{\"answer\": \"the token is {key}\"}}"), (Some(1.0), Some(false)));
}
