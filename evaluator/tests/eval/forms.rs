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

/// In CI a failing answer fails the build only where no baseline says that it always did.
#[tokio::test]
async fn junit_counts_what_fails_the_build() {
    let workspace = Workspace::of_rag();
    let compared = workspace.eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Junit).await;
    assert!(compared.contains("tests=\"84\" failures=\"0\" errors=\"0\" skipped=\"6\""), "{}", &compared[..300]);
    let alone = workspace.eval_as("suites/rag.yaml", Compare::Nothing, EvalFormat::Junit).await;
    assert!(alone.contains("failures=\"6\" errors=\"0\" skipped=\"0\""), "{}", &alone[..300]);
    assert!(alone.contains("does not hold [&quot;cannot&quot;]"));
}

#[tokio::test]
async fn the_terminal_shows_what_a_pass_is_worth() {
    let text = Workspace::of_rag().eval_as("suites/rag.yaml", Compare::Suite, EvalFormat::Text).await;
    assert!(text.contains("or more would have been caught (80 %)") && text.contains("PASS  no regression found in 4 metrics"), "{text}");
}
