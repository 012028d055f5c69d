//! Checks in SQL: any SELECT over the row of one result.

use evaluator::{EvalOutcome, Outcome};

use crate::workspace::Workspace;

const ROWS: &str = "{\"id\": \"a\", \"answer\": \"four words of text\", \"n\": 4, \"latency_ms\": 80, \"tags\": [\"x\"]}\n\
                    {\"id\": \"b\", \"answer\": \"two words\", \"n\": 0, \"latency_ms\": 900, \"tags\": null}\n";

async fn eval(checks: &str) -> EvalOutcome {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", ROWS);
    workspace.write("suite.yaml", &format!("dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{checks}]\n"));
    workspace.eval("suite.yaml").await
}

/// What a check says about both rows: outcome, value, pass.
async fn said(check: &str) -> [(Outcome, Option<f64>, Option<bool>); 2] {
    let outcome = eval(&format!("{{check: sql, metric: m, {check}}}")).await;
    let report = outcome.report.unwrap_or_else(|| panic!("{check}: {}", outcome.text));
    [0, 1].map(|place| {
        let score = &report.cases[place].scores[0];
        (score.outcome, score.value, score.passed)
    })
}

fn value(value: f64, passed: Option<bool>) -> (Outcome, Option<f64>, Option<bool>) {
    (Outcome::Value, Some(value), passed)
}

#[tokio::test]
async fn a_boolean_passes_and_a_number_is_the_value() {
    let (pass, fail) = (value(1.0, Some(true)), value(0.0, Some(false)));
    let nothing = (Outcome::NotApplicable, None, None);
    let failed = (Outcome::Failed, None, None);
    assert_eq!(said("select: \"length(output) > 10\"").await, [pass, fail]);
    assert_eq!(said("select: \"select length(output) > 10 as long from result\"").await, [pass, fail]);
    assert_eq!(said("select: \"latency_ms < 100 and id = 'a'\"").await, [pass, fail]);
    assert_eq!(said("select: \"with r as (select output as o from result) select o like '%four%' from r\"").await, [pass, fail]);
    assert_eq!(said("select: \"n\"").await, [value(4.0, None), value(0.0, None)]);
    assert_eq!(said("select: \"n * 1.5\", threshold: 3").await, [value(6.0, Some(true)), value(0.0, Some(false))]);
    assert_eq!(said("select: \"n\", better: lower, threshold: 3").await, [value(4.0, Some(false)), value(0.0, Some(true))]);
    assert_eq!(said("select: \"(tags ->> 0) = 'x'\"").await, [pass, nothing]);
    assert_eq!(said("select: \"case when n > 0 then true end\"").await, [pass, nothing]);
    // What cannot be computed is never a pass.
    assert_eq!(said("select: \"12 / n > 1\"").await, [pass, failed]);
    assert_eq!(said("select: \"select true from result where n > 0\"").await, [pass, failed]);
    assert_eq!(said("select: \"select n > 0 from result cross join (values (1), (2)) as t(x)\"").await, [failed, failed]);
}

#[tokio::test]
async fn a_reason_stands_beside_the_verdict() {
    let report = Workspace::expect(eval("{check: sql, select: \"n > 0 as ok, concat('n is ', n) as reason\"}").await, 100);
    assert_eq!(report.cases.iter().map(|case| case.scores[0].reason.as_str()).collect::<Vec<_>>(), ["", "n is 0"]);
}

#[tokio::test]
async fn mistakes_are_found_before_the_run() {
    for (check, expect) in [
        ("select: \"lenght(output) > 10\"", "did you mean \"length\"?"),
        ("select: \"length(outptu) > 10\"", "did you mean \"output\"?"),
        ("select: \"output\"", "a boolean (it passes or fails) or a number"),
        ("select: \"select true from spans\"", "there is no table \"spans\""),
        ("select: \"drop table result\"", "checks[0]"),
        ("select: \"true; select true\"", "one statement"),
        ("threshold: 1", "sql needs `select`"),
        ("select: \"true\", answer: answer", "key \"answer\" means nothing to sql"),
    ] {
        let outcome = eval(&format!("{{check: sql, {check}}}")).await;
        assert_eq!(outcome.exit_code, 2, "{check}: {}", outcome.text);
        assert!(outcome.text.contains(expect), "{check}: {}", outcome.text);
    }
}
