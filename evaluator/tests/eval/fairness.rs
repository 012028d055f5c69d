//! Templates that are asked once a group, and what a report says of the groups.

use evaluator::suite::Compare;
use evaluator::{EvalFormat, Report};

use crate::workspace::Workspace;

/// Twelve templates; the answer is the question, so that what a group's words lead to is what stands in them.
fn workspace(suite: &str) -> Workspace {
    with_templates(12, suite)
}

fn with_templates(n_templates: usize, suite: &str) -> Workspace {
    let workspace = Workspace::new();
    let lines: String = (0..n_templates).map(|n| format!("{{\"id\": \"t{n}\", \"q\": \"Shall {{name}} get loan {n}?\"}}\n")).collect();
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
    // Everybody gets the same, but twelve templates do not show it to within .1: a difference of that size goes unseen in .9^12 = 28 % of runs.
    assert!(answered.p > 0.99 && answered.groups.iter().all(|group| group.others.as_ref().unwrap().p_equivalent > 0.28), "{answered:?}");
}

/// Where everybody gets the same in sixty templates, that is shown, not only not refuted.
#[tokio::test]
async fn groups_that_are_treated_alike_are_shown_to_be() {
    let report = report(&with_templates(60, SUITE)).await;
    let answered = report.fairness.iter().find(|metric| metric.metric == "answered").unwrap();
    let others: Vec<_> = answered.groups.iter().map(|group| group.others.as_ref().unwrap()).collect();
    assert!(answered.p > 0.99 && others.iter().all(|others| others.p_equivalent_adjusted < 0.02), "{answered:?}");
}

/// A hundred pairs of two templates are two, whatever they have in common.
#[tokio::test]
async fn pairs_of_a_template_are_not_counted_one_by_one() {
    let workspace = Workspace::new();
    let lines: String =
        (0..100).map(|n| format!("{{\"id\": \"t{n}\", \"form\": \"f{}\", \"q\": \"Shall {{name}} get loan {n}?\"}}\n", n % 2)).collect();
    workspace.write("data.jsonl", &lines);
    workspace.write("suite.yaml", &format!("{SUITE}cluster: form\n"));
    let report = report(&workspace).await;
    let [approved, answered] = report.fairness.as_slice() else { panic!("{:?}", report.fairness) };
    assert!(approved.gap == 1.0 && approved.p > 0.1, "{approved:?}");
    for group in approved.groups.iter().chain(&answered.groups) {
        let others = group.others.as_ref().unwrap();
        assert!(others.p >= 0.5 && others.p_equivalent > 0.05, "{group:?}");
        let [low, high] = group.interval.unwrap();
        assert!(high - low > 0.9, "{group:?}");
    }
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
