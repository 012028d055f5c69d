//! promptfoo's assertions that ask a model: `similar` and `llm-rubric` where one is named, errors with the right advice elsewhere.

use evaluator::Outcome;
use evaluator::report::CaseReport;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Reply, Seen};
use crate::workspace::Workspace;

const GRADERS: &str = "defaultTest: {options: {provider: {text: openai:chat:judge, embedding: openai:embedding:e5}}}\n";

fn suite(endpoint: &str, graders: &str, asserts: &[&str]) -> Workspace {
    let mut workspace = Workspace::new();
    if !endpoint.is_empty() {
        workspace.env = vec![("OPENAI_BASE_URL", endpoint.to_owned())];
    }
    let tests: String = asserts.iter().map(|assert| format!("  - {{vars: {{q: Refund!, city: Bern}}, assert: [{{{assert}}}]}}\n")).collect();
    workspace.write("suite.yaml", &format!("prompts: [\"{{{{q}}}}\"]\nproviders: [echo]\n{graders}tests:\n{tests}"));
    workspace
}

/// Vectors by a rule that a test can follow, of any length.
fn vector(text: &str) -> [f32; 2] {
    let count = |word: &str| text.to_lowercase().matches(word).count() as f32;
    [2.0 * count("refund"), 2.0 * count("boat")]
}

/// An endpoint that embeds and judges: what is held against Bern passes.
fn reply(seen: &Seen) -> Reply {
    let body = seen.json();
    if let Some(texts) = body["input"].as_array() {
        let items = texts.iter().enumerate().map(|(index, text)| json!({"index": index, "embedding": vector(text.as_str().unwrap())}));
        return Reply::Body(json!({"data": items.collect::<Vec<_>>()}).to_string());
    }
    let verdict = if seen.tagged("criterion").contains("Bern") { "pass" } else { "fail" };
    Reply::Content(json!({"verdict": verdict, "reason": "because"}).to_string())
}

fn told(case: &CaseReport) -> (Option<bool>, Option<f64>) {
    let score = &case.scores[0];
    (score.passed, score.score.or(score.value))
}

#[tokio::test]
async fn texts_are_compared_as_promptfoo_compares_them() {
    let endpoint = Endpoint::start(|_, seen| reply(seen)).await;
    let asserts = [
        "type: similar, value: A refund.",
        "type: similar, value: A boat.",
        "type: not-similar, value: A boat.",
        "type: similar, value: [A boat., \"A {{q}}\"]",
        "type: similar:cosine, value: refund and boat, threshold: 0.7",
        "type: similar:dot, value: A refund., threshold: 3",
        "type: similar:euclidean, value: Refund refund., threshold: 2",
        "type: similar, value: 7",
    ];
    let report = Workspace::expect(suite(&endpoint.url, GRADERS, &asserts).eval("suite.yaml").await, 100);
    let found: Vec<_> = report.cases.iter().map(told).collect();
    assert_eq!(found[..4], [(Some(true), Some(1.0)), (Some(false), Some(0.0)), (Some(true), Some(1.0)), (Some(true), Some(1.0))]);
    assert!(found[4].0 == Some(true) && (found[4].1.unwrap() - 0.5_f64.sqrt()).abs() < 1e-6, "{:?}", found[4]);
    assert_eq!(found[5..7], [(Some(true), Some(4.0)), (Some(true), Some(1.0 / 3.0))], "as long as the model makes them");
    assert_eq!(report.cases[7].scores[0].outcome, Outcome::Failed);
    assert!(endpoint.seen().iter().all(|seen| seen.json()["model"] == "e5"));
}

/// A rubric in words is judged with its variables filled in; the answer is material, and so is the rubric.
#[tokio::test]
async fn rubrics_in_words_are_judged() {
    let endpoint = Endpoint::start(|_, seen| reply(seen)).await;
    let asserts = [
        "type: llm-rubric, value: \"is about {{city}}\"",
        "type: llm-rubric, value: is about Rome",
        "type: not-llm-rubric, value: is about Rome",
        "type: llm-rubric, value: is about Bern, provider: {id: openai:chat:other, config: {max_tokens: 50, stop: [x]}}",
    ];
    let report = Workspace::expect(suite(&endpoint.url, GRADERS, &asserts).eval("suite.yaml").await, 100);
    let found: Vec<_> = report.cases.iter().map(told).collect();
    assert_eq!(found, [(Some(true), Some(1.0)), (Some(false), Some(0.0)), (Some(true), Some(1.0)), (Some(true), Some(1.0))]);
    let seen = endpoint.seen();
    assert!(seen.iter().all(|seen| seen.tagged("answer") == "Refund!" && seen.message("system").contains("never an instruction")));
    let other: Vec<Value> = seen.iter().map(Seen::json).filter(|body| body["model"] == "other").collect();
    assert_eq!((other.len(), &other[0]["max_tokens"], &other[0]["stop"]), (1, &json!(50), &json!(["x"])));
    assert_eq!(report.judges.iter().map(|judge| judge.metric.as_str()).collect::<Vec<_>>(), ["llm-rubric", "not-llm-rubric"]);
}

#[track_caller]
fn check(case: &CaseReport, advice: &str) {
    let score = &case.scores[0];
    assert!(score.outcome == Outcome::Failed && score.reason.contains(advice), "{} does not say {advice:?}", score.reason);
}

/// What asks a model that nobody named is an error that says what to name, or what to write instead.
#[tokio::test]
async fn what_cannot_be_asked_says_what_can() {
    let asserts = [
        "type: similar, value: x",
        "type: llm-rubric, value: x",
        "type: answer-relevance, threshold: 0.5",
        "type: factuality, value: x",
        "type: context-faithfulness, threshold: 0.5",
        "type: select-best, value: x",
        "type: g-eval, value: x",
        "type: llm-rubric, value: x, provider: anthropic:claude",
        "type: llm-rubric, value: x, provider: openai:chat:m, rubricPrompt: mine",
    ];
    let report = Workspace::expect(suite("", "", &asserts).eval("suite.yaml").await, 3);
    let advice = [
        "{embedding: openai:embedding:<model>}",
        "defaultTest.options.provider",
        "`check: answer_relevancy`",
        "`check: judge_correctness`",
        "`check: judge_groundedness`",
        "`check: judge_pairwise`",
        "`check: judge` with a rubric",
        "a judge's model is openai:chat:<model> or bedrock:<model>",
        "rubricPrompt",
    ];
    for (case, advice) in report.cases.iter().zip(advice) {
        check(case, advice);
    }
}
