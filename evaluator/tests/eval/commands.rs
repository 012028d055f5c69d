//! `validate`, `compare`, `aa`, and the forms of a report.

use std::path::PathBuf;

use evaluator::suite::{Compare, load_to_compare};
use evaluator::{Archive, Control, EvalFormat, Options, Report, aa, compare, read_report, validate};

use crate::workspace::{NOW, Workspace};

#[track_caller]
fn findings(suite: &str) -> Vec<String> {
    let workspace = Workspace::new();
    workspace.write("suite.yaml", suite);
    let found = validate::validate(&workspace.path("suite.yaml"), &workspace.config, &|_| None).unwrap();
    found.iter().map(|fault| fault.rsplit_once("suite.yaml:").map_or(fault.clone(), |(_, told)| told.to_owned())).collect()
}

#[test]
fn validate_names_line_and_nearest_key() {
    let head = "prompts: [\"{{t}}\"]\nproviders: [echo]\n";
    assert_eq!(findings(&format!("{head}test:\n  - {{vars: {{t: a}}}}\n")), ["3: unknown key \"test\"; did you mean \"tests\"?"]);
    let unknown = format!("{head}tests:\n  - vars: {{t: a}}\n    assert:\n      - {{type: contians, value: a}}\n");
    assert_eq!(findings(&unknown), ["6: unknown assertion type \"contians\"; did you mean \"contains\"?"]);
    assert!(findings(&format!("{head}tests:\n  - {{vars: {{t: a}}, assert: [{{type: equals, value: a}}]}}\n")).is_empty());
}

/// What could judge no answer is named before anybody is asked.
#[test]
fn validate_names_what_does_not_run() {
    let of = |assertion: &str| {
        findings(&format!("prompts: [\"{{{{t}}}}\"]\nproviders: [echo]\ntests:\n  - {{vars: {{t: a}}, assert: [{{{assertion}}}]}}\n")).join("\n")
    };
    for kind in ["factuality", "g-eval", "select-best", "webhook", "not-context-recall", "trajectory:goal-success"] {
        assert!(of(&format!("type: \"{kind}\", value: \"{{{{t}}}}\"")).contains("does not run here"), "{kind}");
    }
    assert!(of("type: contains").contains("must have a text"), "{}", of("type: contains"));
    assert!(of("type: latency").contains("must have a threshold"));
    for fine in [
        "type: contains, value: \"{{t}}\"",
        "type: word-count, value: \"{{t}}\"",
        "type: latency, threshold: 9",
        "type: is-json",
        "type: perplexity, threshold: 2",
    ] {
        assert_eq!(of(fine), "", "{fine}");
    }
}

/// promptfoo's prompts may have an id and a text, and settings that nobody here is asked by.
#[test]
fn promptfoos_prompts_and_keys_are_taken() {
    let of = |prompt: &str, provider: &str| {
        findings(&format!("prompts: [{prompt}]\nproviders: [{provider}]\ntracing: {{enabled: true}}\ntests:\n  - {{vars: {{t: a}}, assert: [{{type: equals, value: a}}]}}\n")).join("\n")
    };
    assert_eq!(of("{id: p, label: one, raw: \"{{t}}\", config: {temperature: 0}}", "echo"), "");
    assert_eq!(of("{id: \"{{t}}\", label: one, config: {}}", "openai:chat:m"), "");
    assert!(of("{label: one}", "echo").contains("needs `raw`"));
    assert!(of("{raw: x, config: {temperature: 0}}", "openai:chat:m").contains("reaches no model here"));
    assert!(of("x", "opnai:chat:m").contains("did you mean \"openai:chat:<model>\"?"));
}

/// A run of the shipped suite, and the file that it is in.
async fn made_before(workspace: &Workspace) -> (PathBuf, Report) {
    workspace.write("before.json", &workspace.eval_as("suites/rag.yaml", Compare::Nothing, EvalFormat::Json).await);
    let path = workspace.path("before.json");
    let report = read_report(&path).unwrap();
    (path, report)
}

/// A run against itself has lost nothing; against worse answers it regressed.
#[tokio::test]
async fn two_reports_are_compared() {
    let workspace = Workspace::of_rag();
    let (path, before) = made_before(&workspace).await;
    let same = compare::compare((&path, before.clone()), before.clone(), None, NOW).unwrap();
    assert!([0, 101].contains(&same.verdict.exit_code), "{:?}", same.verdict);
    let mut worse = before.clone();
    for score in worse.cases.iter_mut().step_by(2).flat_map(|case| &mut case.scores).filter(|score| score.metric == "correct") {
        (score.value, score.passed) = (Some(0.0), Some(false));
    }
    assert_eq!(compare::compare((&path, before), worse, None, NOW).unwrap().verdict.exit_code, 100);
}

/// Which of two answers is meant cannot be told, with a suite or without.
#[tokio::test]
async fn a_report_with_two_answers_to_one_question_is_not_compared() {
    let workspace = Workspace::of_rag();
    let (path, before) = made_before(&workspace).await;
    let mut twice = before.clone();
    twice.cases.push(before.cases[0].clone());
    let report = compare::compare((&path, before), twice, None, NOW).unwrap();
    assert!(report.verdict.exit_code == 3 && report.verdict.summary.contains("1 duplicate id"), "{:?}", report.verdict);
}

/// Clusters and slices of cases that the suite does not know would be made up.
#[tokio::test]
async fn a_run_of_other_cases_than_the_suites_is_refused() {
    let workspace = Workspace::of_rag();
    let (path, before) = made_before(&workspace).await;
    let load = async || load_to_compare(Archive::Nowhere, &workspace.path("suites/rag.yaml"), &workspace.config, &|_| None).await;
    let suite = load().await.unwrap();
    assert_eq!(compare::compare((&path, before.clone()), before.clone(), Some(suite), NOW).unwrap().verdict.exit_code, 0);
    workspace.edit_rows("datasets/rag/questions.jsonl", |index, row| (index != 1).then_some(row));
    let refused = compare::compare((&path, before.clone()), before, Some(load().await.unwrap()), NOW).unwrap_err();
    assert!(refused.to_string().contains("1 of the candidate's cases") && refused.to_string().contains("accounts-02"), "{refused}");
}

#[tokio::test]
async fn recorded_answers_raise_no_false_alarm() {
    let workspace = Workspace::of_rag();
    let options = Options {
        config: workspace.config.clone(),
        env: &|_| None,
        compare: Compare::Nothing,
        git: evaluator::git::Git::default(),
        archive: Archive::Nowhere,
        control: Control::default(),
    };
    let report = aa::aa(&workspace.path("suites/rag.yaml"), 3, &options, NOW).await.unwrap();
    assert_eq!((report.n_pairs, report.n_alarms, report.is_deterministic), (3, 0, true));
    assert!(report.text().contains("0 of 3 pairs"), "{}", report.text());
    let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!((report.exit_code(), &json["n_alarms"], &json["is_deterministic"]), (0, &0.into(), &true.into()));
}

/// Answers are hostile text: in no form of a report do they become markup or commands.
#[tokio::test]
async fn every_form_keeps_text_as_text() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", "{\"id\": \"<img src=x>\", \"answer\": \"<script>alert(1)</script>\\n::error::x\", \"reference\": \"y\"}\n");
    workspace
        .write("suite.yaml", "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: exact, reference: reference, metric: m}]\n");
    for format in [EvalFormat::Html, EvalFormat::Markdown, EvalFormat::Github, EvalFormat::Junit] {
        let text = workspace.eval_as("suite.yaml", Compare::Nothing, format).await;
        // Markdown keeps text as text in a span of code.
        let outside = text.replace("`<img src=x>`", "");
        assert!(!outside.contains("<script") && !outside.contains("<img"), "{format:?}: {text}");
        assert!(format != EvalFormat::Github || !text.contains("\n::error::x"), "a line of an answer became a command: {text}");
        assert!(text.contains("FAIL"), "{format:?}: {text}");
    }
}

/// The run was paid for: a baseline that cannot be written costs the baseline, and neither the report nor what stood there before.
#[tokio::test]
async fn a_baseline_that_cannot_be_written_does_not_swallow_the_report() {
    let workspace = Workspace::of_rag();
    std::fs::remove_file(workspace.path("baselines/rag.json")).unwrap();
    workspace.write("baselines/rag.json/taken.txt", "by a directory");
    let outcome = workspace.update_baseline("suites/rag.yaml").await;
    assert!(
        outcome.text.contains("PASS") && outcome.text.contains("cannot write") && !outcome.text.contains("wrote the baseline"),
        "{}",
        outcome.text
    );
    Workspace::expect(outcome, 3);
    assert_eq!(workspace.read("baselines/rag.json/taken.txt"), "by a directory");
}

/// That a suite names no baseline is told before its run is paid for.
#[tokio::test]
async fn a_suite_without_a_baseline_is_not_run_for_one() {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", "{\"id\": \"a\", \"answer\": \"x\"}\n");
    workspace.write("suite.yaml", "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: contains, value: x, metric: m}]\n");
    let outcome = workspace.update_baseline("suite.yaml").await;
    assert!(outcome.exit_code == 2 && outcome.report.is_none() && outcome.text.contains("names no baseline"), "{}", outcome.text);
}
