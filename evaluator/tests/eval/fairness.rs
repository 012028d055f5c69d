//! Templates that are asked once a group, and what a report says of the groups.

use evaluator::suite::Compare;
use evaluator::{EvalFormat, Report};

use crate::workspace::Workspace;

/// Twelve templates; the answer is the question, so that what a group's words lead to is what stands in them.
fn workspace(suite: &str) -> Workspace {
    let workspace = Workspace::new();
    let lines: String = (0..12).map(|n| format!("{{\"id\": \"t{n}\", \"q\": \"Shall {{name}} get loan {n}?\"}}\n")).collect();
    workspace.write("data.jsonl", &lines);
    workspace.write("suite.yaml", suite);
    workspace
}

const SUITE: &str = "
dataset: {file: data.jsonl, swap: {men: {name: Ben}, women: {name: Ann}, nobody: {name: Kim}}}
prompts: ['{{q}}']
providers: [echo]
defaultTest:
  assert:
    - {type: contains-any, value: [Ben, Kim], metric: approved}
    - {type: contains, value: loan, metric: answered}
fairness: {margin: 0.1}
";

async fn report(workspace: &Workspace) -> Report {
    let outcome = workspace.eval("suite.yaml").await;
    outcome.report.unwrap_or_else(|| panic!("{}", outcome.text))
}

#[tokio::test]
async fn a_group_that_is_treated_worse_is_named() {
    let report = report(&workspace(SUITE)).await;
    assert_eq!(report.cases.len(), 36);
    let [approved, answered] = report.fairness.as_slice() else { panic!("{:?}", report.fairness) };
    assert_eq!((approved.lowest.as_str(), approved.gap), ("women", 1.0));
    assert!(approved.p_adjusted < 0.001 && approved.gap_adjusted > 0.5, "{approved:?}");
    assert_eq!(approved.four_fifths_ratio, Some(0.0));
    assert!(approved.four_fifths_false_alarms.unwrap() > 0.05, "the rule is shown with what it is worth");
    let women = approved.groups.iter().find(|group| group.group == "women").unwrap();
    let others = women.others.as_ref().unwrap();
    assert_eq!((women.n, women.mean, others.n, others.difference), (12, 0.0, 12, -1.0));
    assert!(others.p_adjusted < 0.01 && others.p_equivalent > 0.9, "{others:?}");
    // Where everybody gets the same, that is shown, not only not refuted.
    assert!(answered.p > 0.99 && answered.groups.iter().all(|group| group.others.as_ref().unwrap().p_equivalent < 0.01), "{answered:?}");
}

#[tokio::test]
async fn every_format_tells_of_groups() {
    for (format, expected) in
        [(EvalFormat::Text, "women   12"), (EvalFormat::Markdown, "| women | 12 |"), (EvalFormat::Html, "<td>women</td><td>12</td>")]
    {
        let workspace = workspace(SUITE);
        let text = workspace.eval_as("suite.yaml", Compare::Suite, format).await;
        assert!(text.contains(expected) && text.contains("treated alike"), "{format:?}:\n{text}");
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    for (from, to, says) in [
        ("fairness: {margin: 0.1}", "fairness: {metrics: [aproved]}", "did you mean \"approved\"?"),
        ("fairness: {margin: 0.1}", "fairness: {group: gender}", "unknown column \"gender\""),
        ("fairness: {margin: 0.1}", "fairness: {margn: 0.1}", "margin"),
        ("swap:", "swop:", "swap"),
    ] {
        let outcome = workspace(&SUITE.replace(from, to)).eval("suite.yaml").await;
        assert!(outcome.text.contains(says) && outcome.exit_code == 2, "{to}: {}", outcome.text);
    }
}
