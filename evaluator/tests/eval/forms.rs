//! The forms of a report.

use evaluator::suite::Compare;
use evaluator::{EvalFormat, Report};

use crate::workspace::Workspace;

/// The JSON report is a baseline, and reads back as the same report.
#[tokio::test]
async fn json_reads_back() {
    let workspace = Workspace::of_rag();
    let text = workspace.eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Json).await;
    let report: Report = serde_json::from_str(&text).unwrap();
    assert_eq!((report.schema.as_str(), report.verdict.exit_code), ("karat.report/1", 0));
    assert_eq!(serde_json::to_string_pretty(&report).unwrap() + "\n", text);
    workspace.write("own.json", &text);
    let outcome = workspace.eval_with("suites/rag.yaml", Compare::File(workspace.path("own.json")), false).await;
    Workspace::expect(outcome, 0);
}

/// A report that another program wrote, with no more than the keys that say something, is one to compare with.
#[tokio::test]
async fn a_short_report_is_a_baseline() {
    let workspace = Workspace::new();
    let case = |id: usize| {
        format!(
            "{{\"id\": \"{id}\", \"repeat\": 0, \"prompt\": null, \"provider\": \"dataset:answer\", \"outcome\": \"pass\", \"scores\": [{{\"metric\": \"right\", \"check\": \"exact\", \"assertion\": \"a0\", \"value\": 1.0, \"passed\": true, \"outcome\": \"value\"}}]}}"
        )
    };
    let run = r#"{"id": "01JD", "suite": "suite.yaml", "started_at": "2026-11-20T10:00:00Z", "duration_ms": 48210, "hashes": {"suite": "a", "dataset": "b"}, "n_cases": 60, "n_repeats": 1}"#;
    let metrics = r#"[{"name": "right", "mode": "guard", "outcome": "PASS"}, {"name": "other", "mode": "prove", "margin": 0.05, "outcome": "INCONCLUSIVE", "n_needed": 9}]"#;
    let slices = r#"[{"column": "language", "value": "de", "metric": "right", "difference": -0.02, "p_adjusted": 0.71, "gating": false}]"#;
    let verdict = r#"{"outcome": "PASS", "exit_code": 0, "summary": "fine"}"#;
    let cases = (0..60).map(case).collect::<Vec<_>>().join(", ");
    let report = format!(
        "{{\"schema\": \"karat.report/1\", \"run\": {run}, \"verdict\": {verdict}, \"metrics\": {metrics}, \"slices\": {slices}, \"cases\": [{cases}]}}"
    );
    workspace.write("short.json", &report);
    workspace.write("data.jsonl", &(0..60).map(|id| format!("{{\"id\": \"{id}\", \"answer\": \"x\"}}\n")).collect::<String>());
    let suite =
        "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: exact, value: x, metric: right}]\nbaseline: {file: short.json}\n";
    workspace.write("suite.yaml", suite);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((report.metrics[0].n, report.metrics[0].difference), (60, Some(0.0)));
}

/// In CI a failing answer fails the build only where no baseline says that it always did.
#[tokio::test]
async fn junit_counts_what_fails_the_build() {
    let workspace = Workspace::of_rag();
    let compared = workspace.eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Junit).await;
    assert!(compared.contains("tests=\"88\" failures=\"0\" errors=\"0\" skipped=\"6\""), "{}", &compared[..300]);
    let alone = workspace.eval_as("suites/rag.yaml", Compare::Nothing, EvalFormat::Junit).await;
    assert!(alone.contains("failures=\"7\" errors=\"0\" skipped=\"0\""), "{}", &alone[..300]);
    assert!(alone.contains("does not hold [&quot;cannot&quot;]"));
}

#[tokio::test]
async fn the_terminal_shows_what_a_pass_is_worth() {
    let text = Workspace::of_rag().eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Text).await;
    assert!(text.contains("or more would have been caught (80 %)") && text.contains("PASS  no regression found in 7 metrics"), "{text}");
}

async fn junit(workspace: &Workspace) -> String {
    workspace.eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Junit).await
}

/// A CI system that reads the file alone sees what the exit code said: of a run that could not be judged, of one that a slice alone failed, of one
/// that could not tell, and of one that ran out of money.
#[tokio::test]
async fn junit_fails_whenever_the_exit_code_does() {
    let verdict = |xml: &str| xml.lines().find(|line| line.contains("classname=\"run\"")).unwrap().to_owned();

    let workspace = Workspace::of_rag();
    workspace.edit_rows("datasets/rag/questions.jsonl", |index, mut row| {
        if index == 1 {
            row["id"] = "accounts-01".into();
        }
        Some(row)
    });
    let duplicate = junit(&workspace).await;
    assert!(verdict(&duplicate).contains("<error type=\"ERROR\" message=\"1 duplicate id"), "{duplicate}");
    assert!(duplicate.contains("errors=\"1\""), "{}", &duplicate[..300]);

    let workspace = Workspace::of_rag();
    workspace.edit_rows("datasets/rag/questions.jsonl", |_, mut row| {
        if row["language"] == "de" && row["format"] != "json" {
            row["answer"] = "Leider unklar [kb-21].".into();
        }
        Some(row)
    });
    workspace.edit("suites/rag.yaml", "cluster: topic", "# cluster: topic");
    workspace.edit("suites/rag.yaml", "slices: [language, format]", "slices: [language]");
    workspace.edit("suites/rag.yaml", "gate:\n", "gate:\n  slices: [language]\n");
    let sliced = junit(&workspace).await;
    assert!(verdict(&sliced).contains("<failure type=\"REGRESSED\""), "{sliced}");
    let of_slice = sliced.lines().find(|line| line.contains("name=\"correct where language is de\"")).unwrap();
    assert!(of_slice.contains("classname=\"slices.language\"") && of_slice.contains("<failure type=\"REGRESSED\""), "{of_slice}");
    assert!(sliced.contains("name=\"correct where language is en\"/>"), "{sliced}");

    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "gate:\n", "budget: {minutes: 0}\ngate:\n");
    let spent = junit(&workspace).await;
    assert!(verdict(&spent).contains("<error type=\"ERROR\" message=\"the budget was spent"), "{spent}");
}

/// What the suite only warns of is no failure of the build.
#[tokio::test]
async fn junit_skips_what_is_only_warned_of() {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "grounded: {margin: 0.10, min: 0.8}", "grounded: {margin: 0.001}");
    let failing = workspace.eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Junit).await;
    assert!(failing.contains("failures=\"2\""), "{}", &failing[..300]);
    workspace.edit("suites/rag.yaml", "gate:\n", "gate:\n  on_inconclusive: warn\n");
    let warned = workspace.eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Junit).await;
    assert!(warned.contains("failures=\"0\" errors=\"0\" skipped=\"7\""), "{}", &warned[..300]);
}

/// Markdown and HTML say what the terminal says: slices, cases that changed, how old the baseline is.
#[tokio::test]
async fn every_form_for_people_says_as_much() {
    let workspace = Workspace::of_rag();
    workspace.edit_rows("datasets/rag/questions.jsonl", |index, mut row| {
        if index == 10 {
            row["id"] = "brand-new".into();
        }
        if row["language"] == "de" && row["format"] != "json" {
            row["answer"] = "Leider unklar [kb-21].".into();
        }
        (index != 11).then_some(row)
    });
    for format in [EvalFormat::Text, EvalFormat::Markdown, EvalFormat::Html] {
        let text = workspace.eval_as("suites/rag.yaml", Compare::Suite, format).await.replace('\\', "");
        for wanted in ["where language is de: f1 -", "brand-new", "billing-05", "billing-06", "old)", "against rag.json", "explored"] {
            assert!(text.contains(wanted), "{format:?} lacks {wanted:?}: {text}");
        }
    }
}
