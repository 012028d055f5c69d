//! Apps over HTTP as targets, which misbehave as they are told: one bad case costs that case, a dead app costs little time.

use std::time::{Duration, Instant};

use evaluator::Outcome;
use evaluator::report::CaseReport;
use serde_json::json;

use crate::endpoint::{Endpoint, Reply, Seen};
use crate::workspace::Workspace;

/// A suite that asks an app these questions; `config` is YAML beside the body.
fn suite(address: &str, questions: &[&str], config: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.write("data.jsonl", &questions.iter().map(|q| format!("{}\n", json!({"id": q, "q": q}))).collect::<String>());
    workspace.write(
        "suite.yaml",
        &format!(
            "dataset: data.jsonl\nprompts: [\"{{{{q}}}}\"]\nproviders:\n  - id: {address}\n    config: {{body: {{q: \"{{{{prompt}}}}\"}}, output: answer{config}}}\n\
             checks: [{{check: contains, value: fine, metric: m}}]\n"
        ),
    );
    workspace
}

fn app(endpoint: &Endpoint) -> String {
    format!("{}/chat/completions", endpoint.url)
}

fn question(seen: &Seen) -> String {
    seen.json()["q"].as_str().unwrap().to_owned()
}

#[track_caller]
fn check(cases: &[CaseReport], id: &str, error: &str) {
    let case = cases.iter().find(|case| case.id == id).unwrap();
    let told = case.error.as_deref().unwrap_or_default();
    assert!(told.contains(error) && case.scores[0].outcome == Outcome::Failed, "{id}: {told:?} does not say {error:?}");
}

#[tokio::test]
async fn one_bad_case_never_ends_a_run() {
    let endpoint = Endpoint::start(|number, seen| match question(seen).as_str() {
        "hangs" => Reply::Silence,
        "breaks" => Reply::Broken,
        "fails" => Reply::Status(500, None),
        "refuses" => Reply::Status(404, None),
        "busy" if number < 8 => Reply::Status(429, Some("0.05")),
        "large" => Reply::Body(json!({"answer": "x".repeat(100_000)}).to_string()),
        "prose" => Reply::Raw("fine, but not JSON"),
        "empty" => Reply::Raw("{\"other\": 1}"),
        _ => Reply::Raw("{\"answer\": \"fine\", \"trace\": \"0af7651916cd43dd8448eb211c80319c\"}"),
    })
    .await;
    let questions = ["busy", "hangs", "breaks", "fails", "refuses", "large", "prose", "empty", "good"];
    let mut workspace = suite(&app(&endpoint), &questions, ", trace: trace");
    workspace.config.answer_bytes_max = 10_000;
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    check(&report.cases, "hangs", "no answer within 1000 ms");
    check(&report.cases, "breaks", "the answer broke off");
    check(&report.cases, "fails", "answered 500");
    check(&report.cases, "refuses", "answered 404");
    check(&report.cases, "large", "more than 10000 bytes");
    check(&report.cases, "prose", "not JSON");
    check(&report.cases, "empty", "nothing where the output should be");
    for id in ["busy", "good"] {
        let case = report.cases.iter().find(|case| case.id == id).unwrap();
        assert_eq!((case.scores[0].value, case.trace_id.as_deref()), (Some(1.0), Some("0af7651916cd43dd8448eb211c80319c")), "{id}: {:?}", case.error);
    }
    let asked = |id: &str| endpoint.seen().iter().filter(|seen| question(seen) == id).count();
    assert_eq!([asked("fails"), asked("refuses"), asked("large"), asked("good")], [4, 1, 1, 1], "what may pass is asked again, and nothing else");
    assert_eq!(asked("hangs"), 1, "an app is never asked twice because it is slow");
}

/// An app that is gone ends the run soon, and is named.
#[tokio::test]
async fn a_dead_app_is_not_asked_for_ever() {
    let address = Endpoint::dead().await;
    let questions: Vec<String> = (0..200).map(|index| format!("q{index}")).collect();
    let mut workspace = suite(&address, &questions.iter().map(String::as_str).collect::<Vec<_>>(), "");
    workspace.config.concurrency = 2;
    workspace.config.failures_in_a_row_max = 3;
    let begun = Instant::now();
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let origin = address.trim_end_matches("/v1");
    let unasked = report.cases.iter().filter(|case| case.error.as_ref().unwrap().contains(&format!("not called: {origin} failed"))).count();
    assert!(unasked >= 195, "{unasked} of 200: {:?}", report.cases[199].error);
}

/// A case takes no longer than the deadline, whatever a call may take; and an app that wants to be left alone for an hour is not waited for.
#[tokio::test]
async fn no_case_takes_for_ever() {
    let endpoint = Endpoint::start(|_, seen| if question(seen) == "later" { Reply::Status(429, Some("3600")) } else { Reply::Silence }).await;
    let mut workspace = suite(&app(&endpoint), &["hangs", "later"], "");
    workspace.config.calls.deadline_s = 1;
    workspace.config.call_timeout_s = 600;
    let begun = Instant::now();
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    check(&report.cases, "hangs", "the deadline of 1 s");
    check(&report.cases, "later", "answered 429");
}

/// The suite's own number of retries goes before the settings'.
#[tokio::test]
async fn retries_are_the_suites() {
    let endpoint = Endpoint::start(|_, _| Reply::Status(503, None)).await;
    Workspace::expect(suite(&app(&endpoint), &["a"], ", retries: 1").eval("suite.yaml").await, 3);
    assert_eq!(endpoint.seen().len(), 2);
}

/// What an app says it cost is the run's cost, and ends it where the budget does.
#[tokio::test]
async fn an_app_costs_what_it_says() {
    let answer = json!({"answer": "fine", "meta": {"usd": 0.01, "usage": {"prompt_tokens": 1_000, "completion_tokens": 100}}}).to_string();
    let endpoint = Endpoint::start(move |_, _| Reply::Body(answer.clone())).await;
    let questions = ["a", "b", "c", "d", "e", "f"];
    let by_cost = suite(&app(&endpoint), &questions, ", cost: meta.usd");
    let report = Workspace::expect(by_cost.eval("suite.yaml").await, 0);
    assert!((report.run.cost_usd.unwrap() - 0.06).abs() < 1e-12);
    let mut bounded = suite(&app(&endpoint), &questions, ", cost: meta.usd");
    bounded.config.concurrency = 1;
    bounded.write("suite.yaml", &format!("{}budget: {{usd: 0.035}}\n", bounded.read("suite.yaml")));
    let report = Workspace::expect(bounded.eval("suite.yaml").await, 4);
    assert_eq!(report.cases.iter().filter(|case| case.output.is_some()).count(), 4);
    let by_tokens = suite(&app(&endpoint), &["a"], ", usage: meta.usage, price: {input: 1, output: 10}");
    let report = Workspace::expect(by_tokens.eval("suite.yaml").await, 0);
    assert!((report.run.cost_usd.unwrap() - 0.002).abs() < 1e-12, "1,000 and 100 tokens");
}

/// A cost assertion sees what the app said, and errs where it said nothing.
#[tokio::test]
async fn a_cost_that_is_not_told_is_not_nothing() {
    let endpoint = Endpoint::start(|_, seen| match question(seen).as_str() {
        "told" => Reply::Raw("{\"answer\": \"fine\", \"usd\": 0.01}"),
        _ => Reply::Raw("{\"answer\": \"fine\", \"usd\": null}"),
    })
    .await;
    let workspace = suite(&app(&endpoint), &["told", "untold"], ", cost: usd");
    workspace.write("suite.yaml", &format!("{}defaultTest: {{assert: [{{type: cost, threshold: 0.02}}]}}\n", workspace.read("suite.yaml")));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    let cost = |index: usize| report.cases[index].scores.iter().find(|score| score.metric == "cost").map(|score| score.value);
    assert_eq!((cost(0), cost(1)), (Some(Some(0.01)), Some(None)));
}
