//! `on_inconclusive: extend`, and metrics that are made of repeats.

use evaluator::report::{Report, RunOutcome};
use evaluator::suite::Compare;

use crate::workspace::Workspace;

/// Forty cases that a command answers; `script` sees the number of the case as `$id` and of the repeat, from 0, as `$repeat`.
fn workspace(script: &str, gate: &str, keys: &str) -> Workspace {
    let mut workspace = Workspace::new();
    // Commands take long to start on a machine that is at its limit.
    workspace.config.call_timeout_s = 60;
    workspace.write("data.jsonl", &(1..=40).map(|id| format!("{{\"id\": \"c{id:02}\", \"n\": {id}}}\n")).collect::<String>());
    answers_by(&workspace, script);
    workspace.write(
        "suite.yaml",
        &format!(
            "dataset: data.jsonl\nproviders: [\"exec:sh answer.sh\"]\nprompts: [\"{{{{n}}}}\"]\n{keys}checks:\n  - {{check: exact, value: right, metric: right}}\n\
             baseline: {{file: baseline.json}}\ngate:\n{gate}"
        ),
    );
    workspace
}

fn answers_by(workspace: &Workspace, script: &str) {
    let head = "id=$1\nrepeat=${3#*\\\"repeatIndex\\\":}\nrepeat=${repeat%%[,\\}]*}\n";
    workspace.write("answer.sh", &format!("{head}{script}\n"));
}

const RIGHT: &str = "echo right";

/// In every repeat six other cases are wrong: too few to tell in one answer a case, and hardly to be missed in two.
const SIX_WRONG: &str = "if [ \"$id\" -gt $((repeat * 6)) ] && [ \"$id\" -le $((repeat * 6 + 6)) ]; then echo wrong; else echo right; fi";

async fn against_right_answers(workspace: &Workspace, script: &str) -> Report {
    Workspace::expect(workspace.update_baseline("suite.yaml").await, 0);
    answers_by(workspace, script);
    workspace.eval("suite.yaml").await.report.unwrap()
}

#[tokio::test]
async fn repeats_are_added_until_the_run_can_tell() {
    let workspace = workspace(RIGHT, "  on_inconclusive: extend\n", "");
    let report = against_right_answers(&workspace, SIX_WRONG).await;
    assert_eq!((report.verdict.outcome, report.verdict.exit_code), (RunOutcome::Regressed, 100), "{:?}", report.metrics);
    assert_eq!((report.run.n_repeats, report.cases.len(), report.metrics[0].n), (2, 80, 40));
    assert!(report.metrics[0].test.as_ref().unwrap().contains("anytime-valid"), "{:?}", report.metrics);
    // Once is not enough, and says so: what would decide, and where to look.
    workspace.edit("suite.yaml", "on_inconclusive: extend", "on_inconclusive: fail");
    workspace.edit("suite.yaml", "gate:\n", "gate:\n  max_mde: 0.15\n  q: 0.001\n");
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 101);
    let metric = &report.metrics[0];
    assert!(metric.n_needed.unwrap() > 40 && metric.most_different == ["c01", "c02", "c03", "c04", "c05"], "{metric:?}");
    assert!(metric.reason.contains("most different: c01 -1.000"), "{}", metric.reason);
}

/// Answers that never vary gain nothing by repeats: one is drawn to find out, and the run stays as it is and fails.
#[tokio::test]
async fn repeats_that_change_nothing_are_not_drawn() {
    let workspace = workspace(RIGHT, "  on_inconclusive: extend\n  max_mde: 0.05\n", "");
    let report = against_right_answers(&workspace, RIGHT).await;
    assert_eq!((report.verdict.outcome, report.verdict.exit_code), (RunOutcome::Inconclusive, 101));
    assert_eq!(report.run.n_repeats, 2, "{:?}", report.metrics);
}

/// Recorded answers have no repeats to add.
#[tokio::test]
async fn recorded_answers_are_not_extended() {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", "gate:\n", "gate:\n  on_inconclusive: extend\n  max_mde: 0.01\n");
    let report = Workspace::expect(workspace.eval("suites/rag.yaml").await, 101);
    assert_eq!((report.run.n_repeats, report.cases.len()), (1, 80));
}

/// Where one answer in three is wrong, another one each time, single answers are right in two of three and no case is right three times.
#[tokio::test]
async fn attempts_are_metrics() {
    let gate = "  metrics:\n    reliable: {pass_k: {of: right, k: 3}}\n    possible: {pass_at_k: {of: right, k: 2}, min: 0.9}\n";
    let workspace = workspace("if [ $((id % 3)) = \"$repeat\" ]; then echo wrong; else echo right; fi", gate, "repeat: 3\n");
    let report = workspace.eval_with("suite.yaml", Compare::Nothing, false).await.report.unwrap();
    let metric = |name: &str| report.metrics.iter().find(|metric| metric.name == name).unwrap();
    assert!((metric("right").candidate.unwrap() - 2.0 / 3.0).abs() < 1e-9, "{:?}", report.metrics);
    assert_eq!((metric("reliable").candidate, metric("possible").candidate), (Some(0.0), Some(1.0)));
    assert_eq!(metric("possible").outcome, Some(RunOutcome::Pass));
    let [low, high] = metric("reliable").candidate_interval.unwrap();
    assert!(low == 0.0 && high > 0.05 && high < 0.12, "{low} {high}");
    // Three answers that were all right and are so no more: the mean fell by a third, the metric over attempts by all.
    answers_by(&workspace, RIGHT);
    let report = against_right_answers(&workspace, "if [ $((id % 3)) = \"$repeat\" ]; then echo wrong; else echo right; fi").await;
    let reliable = report.metrics.iter().find(|metric| metric.name == "reliable").unwrap();
    assert_eq!((reliable.outcome, reliable.difference), (Some(RunOutcome::Regressed), Some(-1.0)), "{reliable:?}");
}

#[tokio::test]
async fn attempts_that_there_are_not_are_refused() {
    let refused = async |gate: &str, keys: &str, expect: &str| {
        let outcome = workspace(RIGHT, gate, keys).eval_with("suite.yaml", Compare::Nothing, false).await;
        assert!(outcome.exit_code == 2 && outcome.text.contains(expect), "{}", outcome.text);
    };
    refused("  metrics: {reliable: {pass_k: {of: right, k: 3}}}\n", "repeat: 2\n", "looks at 3 attempts at a case, and there are 2").await;
    refused("  metrics: {reliable: {pass_k: {of: rigth, k: 1}}}\n", "", "unknown metric \"rigth\"; there is right").await;
    refused("  metrics: {right: {pass_k: {of: right, k: 1}}}\n", "", "a name of their own").await;
    refused("  on_inconclusive: extend\n  extend_max: 1\n", "", "gate.extend_max is above repeat = 1").await;
}
