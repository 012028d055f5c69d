//! Planted changes, and what the gate makes of them.

use evaluator::report::{Report, RunOutcome};
use evaluator::suite::Compare;
use serde_json::{Value, json};

use crate::workspace::Workspace;

const ROWS: &str = "datasets/rag/questions.jsonl";

fn outcome(report: &Report, metric: &str) -> Option<RunOutcome> {
    report.metrics.iter().find(|found| found.name == metric).unwrap().outcome
}

fn answer(mut row: Value, text: &str) -> Value {
    row["answer"] = json!(text);
    row
}

#[tokio::test]
async fn worse_answers_are_a_regression() {
    let workspace = Workspace::of_rag();
    // Two questions of every topic answered beside the point, in the right form.
    workspace.edit_rows(ROWS, |index, row| Some(if index % 6 < 2 { answer(row, "Ferries are slow but pretty [kb-1].") } else { row }));
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 100);
    assert_eq!(report.verdict.outcome, RunOutcome::Regressed);
    assert_eq!(outcome(&report, "correct"), Some(RunOutcome::Regressed));
    assert_eq!(outcome(&report, "f1"), Some(RunOutcome::Regressed));
    assert_eq!(outcome(&report, "form"), Some(RunOutcome::Pass));
    assert_eq!(report.changes.newly_failing.len(), 28);
    let correct = &report.metrics[0];
    assert!((correct.difference.unwrap() + 28.0 / 80.0).abs() < 1e-9 && correct.p_adjusted.unwrap() < 0.01, "{correct:?}");
}

/// A critical metric needs no statistics: one answer that loses its form is enough, and it is named.
#[tokio::test]
async fn one_critical_case_is_enough() {
    let workspace = Workspace::of_rag();
    workspace.edit_rows(ROWS, |index, row| Some(if index == 5 { answer(row, "{\"answer\": \"the scanner role\"}") } else { row }));
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 100);
    assert_eq!(outcome(&report, "form"), Some(RunOutcome::Regressed));
    assert_eq!(report.metrics[1].newly_failing, ["accounts-06"]);
    assert_eq!(outcome(&report, "correct"), Some(RunOutcome::Pass));
}

/// One answer of 80 that got worse is no regression, and a run that shows it is no failure.
#[tokio::test]
async fn noise_is_no_regression() {
    let workspace = Workspace::of_rag();
    workspace.edit_rows(ROWS, |index, row| Some(if index == 0 { answer(row, "It is valid for three days [kb-1].") } else { row }));
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 0);
    assert_eq!(report.changes.newly_failing, ["accounts-01"]);
}

#[tokio::test]
async fn too_few_cases_are_inconclusive() {
    let workspace = Workspace::of_rag();
    workspace.edit_rows(ROWS, |index, row| (index % 6 == 0).then_some(row));
    Workspace::expect(workspace.update_baseline("suites/rag.yaml").await, 0);
    let outcome_of_run = workspace.eval("suites/rag.yaml").await;
    assert!(outcome_of_run.text.contains("max_mde wants 25.0 points") && outcome_of_run.text.contains("cases would do"), "{}", outcome_of_run.text);
    let report = Workspace::expect(outcome_of_run, 101);
    assert_eq!(outcome(&report, "correct"), Some(RunOutcome::Inconclusive));
    workspace.edit("suites/rag.yaml", "gate:\n", "gate:\n  on_inconclusive: warn\n");
    Workspace::expect(workspace.eval("suites/rag.yaml").await, 0);
}

/// The order of the rows, and where the suite lies, change no digit of the verdict.
#[tokio::test]
async fn the_same_data_gives_the_same_verdict() {
    let mut metrics = Vec::new();
    for reversed in [false, true] {
        let workspace = Workspace::of_rag();
        workspace.edit_rows(ROWS, |index, row| Some(if index % 9 == 0 { answer(row, "Sorry, no idea [kb-1].") } else { row }));
        if reversed {
            let rows = workspace.read(ROWS);
            workspace.write(ROWS, &(rows.lines().rev().collect::<Vec<_>>().join("\n") + "\n"));
        }
        let mut report = workspace.eval("suites/rag.yaml").await.report.unwrap();
        report.metrics.iter_mut().for_each(|metric| metric.candidate_interval = None);
        metrics.push(report.metrics);
    }
    assert_eq!(metrics[0], metrics[1]);
}

#[tokio::test]
async fn changed_case_sets_are_named() {
    let workspace = Workspace::of_rag();
    // Five of 80 gone, one new, one edited: within max_changed.
    workspace.edit_rows(ROWS, |index, mut row| {
        if index == 10 {
            row["id"] = json!("brand-new");
        } else if index == 11 {
            row["question"] = json!("Another question under the same id?");
        }
        (index >= 5).then_some(row)
    });
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 0);
    assert_eq!((report.changes.removed.len(), report.changes.new.as_slice()), (6, ["brand-new".to_owned()].as_slice()));
    assert_eq!(report.changes.edited, ["billing-06"]);
    assert_eq!(report.metrics[0].n, 73);
    // Five more, and the two runs are no longer about the same thing.
    workspace.edit_rows(ROWS, |index, row| (index >= 5).then_some(row));
    let outcome = workspace.eval("suites/rag.yaml").await;
    assert!(outcome.text.contains("more than max_changed"), "{}", outcome.text);
    Workspace::expect(outcome, 3);
}

#[tokio::test]
async fn duplicate_ids_cannot_be_judged() {
    let workspace = Workspace::of_rag();
    workspace.edit_rows(ROWS, |index, mut row| {
        if index == 1 {
            row["id"] = json!("accounts-01");
        }
        Some(row)
    });
    let outcome = workspace.eval("suites/rag.yaml").await;
    assert!(outcome.text.contains("1 duplicate id in the dataset (accounts-01)"), "{}", outcome.text);
    Workspace::expect(outcome, 3);
}

/// A check that is taken out guards nothing: the verdict says so. A critical one that is put in holds from its first run on.
#[tokio::test]
async fn metrics_that_come_and_go_are_told() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", &(0..60).map(|n| format!("{{\"id\": \"{n}\", \"answer\": \"x{n}\", \"odd\": {}}}\n", n % 2)).collect::<String>());
    let suite = |checks: &str, gate: &str| {
        let head = "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nbaseline: {file: b.json}\n";
        workspace
            .write("suite.yaml", &format!("{head}checks: [{{check: contains, value: x, metric: right}}{checks}]\ngate: {{metrics: {{{gate}}}}}\n"));
    };
    suite(", {check: pii, metric: leaks}", "leaks: {critical: true}");
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    suite("", "");
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(report.changes.dropped_metrics, ["leaks"]);
    assert!(report.verdict.summary.ends_with("; in the baseline, and not measured by this run: leaks"), "{:?}", report.verdict);
    let told = ", {check: pii, metric: leaks}, {check: contains, value: \"7\", metric: seven, when: {odd: 1}}";
    suite(told, "seven: {critical: true}");
    let ended = workspace.eval("suite.yaml").await;
    assert!(ended.text.contains("seven: the baseline does not have it yet, and 24 cases fail newly"), "{}", ended.text);
    Workspace::expect(ended, 100);
    suite(told, "");
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(outcome(&report, "seven"), None, "what only guards has nothing to be held against yet");
    assert!(report.verdict.summary.ends_with("; not in the baseline yet: seven"), "{:?}", report.verdict);
    // A critical metric that no case has any more tells nothing.
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    suite(&told.replace("odd: 1", "odd: 5"), "seven: {critical: true}");
    assert_eq!(outcome_of(&workspace, "seven").await, Some(RunOutcome::Inconclusive));
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    assert_eq!(outcome_of(&workspace, "seven").await, None, "neither run has anything to judge");
}

async fn outcome_of(workspace: &Workspace, metric: &str) -> Option<RunOutcome> {
    outcome(&workspace.eval("suite.yaml").await.report.unwrap(), metric)
}

/// Where answers failed, too, the ids that stand there twice are still named, and are no flaky case.
#[tokio::test]
async fn duplicate_ids_are_named_beside_failures() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", "{\"id\": \"a\", \"answer\": \"x\"}\n{\"id\": \"a\", \"answer\": \"y\"}\n");
    workspace.write("suite.yaml", "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: equals, value: x}]\n");
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 100);
    assert!(report.verdict.summary.contains("1 of 2 answers failed; 1 duplicate id in the dataset (a)"), "{:?}", report.verdict);
    assert!(report.changes.flaky.is_empty(), "{:?}", report.changes);
}

/// A case without an answer is unscored, never 0: a few do not matter, many make the run inconclusive, and none of them a regression.
#[tokio::test]
async fn missing_answers_are_not_zeros() {
    let without = |n: usize| {
        let workspace = Workspace::of_rag();
        // Spread over topics and formats.
        workspace.edit_rows(ROWS, move |index, mut row| {
            if index % 7 == 0 && index / 7 < n {
                row["answer"] = Value::Null;
            }
            Some(row)
        });
        workspace
    };
    let report = Workspace::expect(without(2).eval("suites/rag.yaml").await, 0);
    assert_eq!((report.metrics[0].n_unscored, report.metrics[0].n), (2, 78));
    let outcome = without(8).eval("suites/rag.yaml").await;
    assert!(outcome.text.contains("went unscored, more than max_unscored = 0.05; 4 cases more with a score would do"), "{}", outcome.text);
    assert!(outcome.text.contains("whatever the 8 unscored cases, the difference is from -"), "{}", outcome.text);
    let report = Workspace::expect(outcome, 101);
    let correct = &report.metrics[0];
    assert_eq!(correct.n_missing, Some(4));
    let [low, high] = correct.bounds.unwrap();
    assert!(low < -0.05 && (0.0..0.1).contains(&high), "{correct:?}");
}

#[tokio::test]
async fn thresholds_hold_beside_the_comparison() {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "f1: {}", "f1: {min: 0.9}");
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 100);
    assert_eq!((report.verdict.outcome, outcome(&report, "f1")), (RunOutcome::Fail, Some(RunOutcome::Fail)));
    assert!(report.verdict.summary.contains("is below 0.900"), "{}", report.verdict.summary);
}

/// A margin is proven by data, not by silence: a fall of the margin's size is not passed, and a slight one with few cases neither.
#[tokio::test]
async fn margins_have_to_be_proven() {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "grounded: {margin: 0.10, min: 0.8}", "grounded: {margin: 0.001}");
    let outcome_of_run = workspace.eval("suites/rag.yaml").await;
    let report = Workspace::expect(outcome_of_run, 101);
    let grounded = &report.metrics[3];
    assert!(grounded.reason.contains("not yet shown to be within 0.1 points") && grounded.n_needed.unwrap() > 48, "{grounded:?}");
}

#[tokio::test]
async fn a_slice_gates_where_it_is_listed() {
    let workspace = Workspace::of_rag();
    // Only the German answers fall; as a share of all they are too few to see.
    workspace
        .edit_rows(ROWS, |_, row| Some(if row["language"] == "de" && row["format"] != "json" { answer(row, "Leider unklar [kb-21].") } else { row }));
    workspace.edit("suites/rag.yaml", "cluster: topic", "# cluster: topic");
    workspace.edit("suites/rag.yaml", "slices: [language, format]", "slices: [language]");
    let report = workspace.eval("suites/rag.yaml").await.report.unwrap();
    let slice = report.slices.iter().find(|slice| slice.value == "de" && slice.metric == "correct").unwrap();
    assert!(!slice.gating && slice.difference < -0.8 && slice.p_adjusted.unwrap() < 0.01, "{slice:?}");
    workspace.edit("suites/rag.yaml", "gate:\n", "gate:\n  slices: [language]\n");
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 100);
    assert!(report.verdict.summary.contains("correct fell where language is de"), "{}", report.verdict.summary);
}

/// Repeats are averaged into their case; they are never counted as cases of their own.
#[tokio::test]
async fn repeats_are_no_cases() {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "cluster: topic", "repeat: 3\ncluster: topic");
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 0);
    assert_eq!((report.cases.len(), report.metrics[0].n), (240, 80));
}

#[tokio::test]
async fn without_a_baseline_assertions_decide() {
    let workspace = Workspace::of_rag();
    let report = Workspace::expect(workspace.eval_with("suites/rag.yaml", Compare::Nothing, false).await, 100);
    assert_eq!(report.verdict.outcome, RunOutcome::Fail);
    workspace.edit_rows(ROWS, |_, row| ["accounts", "billing"].contains(&row["topic"].as_str().unwrap()).then_some(row));
    workspace.edit("suites/rag.yaml", "recall_at_3: {min: 0.85}", "recall_at_3: {min: 0.5}");
    let report = Workspace::expect(workspace.eval_with("suites/rag.yaml", Compare::Nothing, false).await, 0);
    assert!(report.metrics.iter().all(|metric| metric.candidate_interval.is_some() && metric.p.is_none()));
}

#[tokio::test]
async fn a_spent_budget_ends_the_run_and_keeps_what_was_scored() {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "gate:\n", "budget: {minutes: 0}\ngate:\n");
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 4);
    assert_eq!(report.cases.len(), 80);
    assert!(report.cases.iter().all(|case| case.error.as_deref() == Some("not run: the budget is spent")));
}

/// Sixty cases in six clusters, the last of which is the only German one; `answer` is the answer to a German case, nothing where there is none.
fn of_two_languages(answer: Option<&str>) -> String {
    let row = |index: usize| {
        let (cluster, german) = (index / 10, index >= 50);
        let answer = if german { answer } else { Some("right") };
        format!("{}\n", json!({"id": format!("c{index}"), "ref": "right", "answer": answer, "cl": cluster, "lang": if german { "de" } else { "en" }}))
    };
    (0..60).map(row).collect()
}

const TWO_LANGUAGES: &str = "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nslices: [lang]\nbaseline: {file: baseline.json}\n\
                             checks: [{check: exact, reference: ref, metric: ok}]\n";

/// A slice of one cluster cannot be tested, and one whose answers are gone was not: neither is a pass.
#[tokio::test]
async fn a_gating_slice_that_cannot_tell_is_no_pass() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", &of_two_languages(Some("right")));
    let gate = "gate: {slices: [lang], max_unscored: 0.2, max_mde: 1}\n";
    workspace.write("suite.yaml", &format!("{TWO_LANGUAGES}cluster: cl\n{gate}"));
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    workspace.write("data.jsonl", &of_two_languages(Some("wrong")));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 101);
    let slice = report.slices.iter().find(|slice| slice.value == "de").unwrap();
    assert_eq!((slice.outcome, slice.p), (Some(RunOutcome::Inconclusive), None));
    assert!(report.verdict.summary.contains("ok where lang is de: nothing to test: all cases are in one cluster"), "{}", report.verdict.summary);
    workspace.write("suite.yaml", &format!("{TWO_LANGUAGES}{gate}"));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 100);
    assert!(report.verdict.summary.contains("ok fell where lang is de"), "{}", report.verdict.summary);
    workspace.write("data.jsonl", &of_two_languages(None));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 101);
    assert!(report.verdict.summary.contains("ok where lang is de: 10 of 10 cases went unscored"), "{}", report.verdict.summary);
}

/// A fall that is seen and small enough is passed, and told.
#[tokio::test]
async fn a_fall_below_min_effect_is_told() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", &of_two_languages(Some("right")));
    workspace.write("suite.yaml", &format!("{TWO_LANGUAGES}gate: {{min_effect: 0.3}}\n"));
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    workspace.write("data.jsonl", &of_two_languages(Some("wrong")));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert!(report.metrics[0].reason.starts_with("fell by 16.7 points (adjusted p 0.00"), "{}", report.metrics[0].reason);
    assert!(report.metrics[0].reason.contains("less than min_effect = 30.0 points; a fall of"), "{}", report.metrics[0].reason);
    for wrong in ["min_effect: .nan", "metrics: {ok: {min_effect: 1.5}}", "metrics: {ok: {min: .nan}}", "metrics: {ok: {margin: 5}}"] {
        workspace.write("suite.yaml", &format!("{TWO_LANGUAGES}gate: {{{wrong}}}\n"));
        assert_eq!(workspace.eval("suite.yaml").await.exit_code, 2, "{wrong}");
    }
}

/// Four providers that are right and wrong about the same cases are no four cases.
#[tokio::test]
async fn answers_to_one_case_belong_together() {
    let workspace = Workspace::new();
    let row = |index: usize| {
        format!("{}\n", json!({"id": format!("c{index}"), "ref": "x", "a": "x", "b": if index.is_multiple_of(2) { "x" } else { "y" }}))
    };
    workspace.write("data.jsonl", &(0..30).map(row).collect::<String>());
    let suite =
        "dataset: data.jsonl\nproviders: [\"dataset:a\", \"dataset:b\"]\nbaseline: {file: baseline.json}\nchecks: [{check: exact, reference: ref}]\n";
    workspace.write("suite.yaml", suite);
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((report.metrics[0].n, report.metrics[0].n_clusters), (60, Some(30)));
}

/// What is free stays free, and there is no share of nothing to fall by.
#[tokio::test]
async fn a_metric_of_zeros_passes_without_a_claim() {
    let workspace = Workspace::new();
    let row = |index: usize| format!("{}\n", json!({"id": format!("c{index}"), "answer": "x", "cost_usd": 0.0}));
    workspace.write("data.jsonl", &(0..60).map(row).collect::<String>());
    workspace.write("suite.yaml", "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nbaseline: {file: baseline.json}\nchecks: [{check: cost}]\n");
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((report.metrics[0].mde, report.metrics[0].reason.as_str()), (None, "no regression found: it is 0 in every case, as before"));
}

/// A floor under a metric that nothing was judged by is no floor that was held.
#[tokio::test]
async fn a_threshold_needs_something_to_hold() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", "{\"id\": \"a\", \"answer\": \"x\", \"ref\": \"x\", \"alt\": null}\n{\"id\": \"b\", \"answer\": \"x\"}\n");
    let suite = "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\n\
                 checks: [{check: exact, reference: ref, metric: ok}, {check: exact, reference: alt, metric: other}]\n";
    workspace.write("suite.yaml", suite);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(report.verdict.summary, "1 answer passed; 1 had nothing to judge");
    workspace.write("suite.yaml", &format!("{suite}gate: {{metrics: {{other: {{min: 0.9}}}}}}\n"));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 101);
    assert!(report.verdict.summary.contains("other: no case has anything to judge, so its threshold was not met by anything"), "{report:?}");
}
