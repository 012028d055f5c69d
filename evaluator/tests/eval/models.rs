//! Models behind an OpenAI-compatible endpoint as targets: promptfoo's settings, its forms of an answer, and what it costs.

use evaluator::suite::Compare;
use evaluator::{Outcome, Prices, validate};
use schema::NanoUsd;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Reply, Seen};
use crate::workspace::Workspace;

const TOOLS: &str = r#"[{"type": "function", "function": {"name": "refund", "parameters":
    {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}}}]"#;

fn suite(endpoint: &str, text: &str) -> Workspace {
    let mut workspace = Workspace::new();
    workspace.env = vec![("OPENAI_BASE_URL", endpoint.to_owned())];
    workspace.write("tools.json", TOOLS);
    workspace.write("suite.yaml", text);
    workspace
}

/// A completion that ended for this reason, with the probability of its only token where that was asked for.
fn said(seen: &Seen, message: &Value, finish_reason: &str) -> Reply {
    let tokens = json!({"content": [{"token": "hi", "logprob": -0.5, "top_logprobs": []}]});
    let logprobs = if seen.json()["logprobs"] == true { tokens } else { Value::Null };
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}});
    let choices = json!([{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish_reason}]);
    Reply::Body(json!({"choices": choices, "usage": usage}).to_string())
}

fn answer(seen: &Seen) -> Reply {
    let call = json!({"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{\"order\": 7}"}});
    match seen.message("user").as_str() {
        "call" => said(seen, &json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls"),
        "both" => said(seen, &json!({"role": "assistant", "content": "On it.", "tool_calls": [call]}), "tool_calls"),
        _ => said(seen, &json!({"role": "assistant", "content": "hi"}), "stop"),
    }
}

const CHAT: &str = r#"
prompts: ["{{q}}"]
providers:
  - id: openai:chat:gpt-4o-mini
    config:
      temperature: 0
      top_p: 0.5
      seed: 3
      stop: [END]
      tools: file://tools.json
      tool_choice: auto
      vendor_flag: true
      organization: acme
      showThinking: false
tests:
  - vars: {q: call}
    assert: [{type: tool-call-f1, value: [refund]}, {type: finish-reason, value: tool_calls}, {type: contains, value: '"order'}, {type: is-valid-openai-tools-call}]
  - vars: {q: both}
    assert: [{type: tool-call-f1, value: [refund]}, {type: contains, value: On it.}]
  - vars: {q: plain}
    assert: [{type: equals, value: hi}, {type: finish-reason, value: stop}, {type: perplexity, threshold: 1.7}, {type: not-perplexity, threshold: 1.6}]
"#;

/// promptfoo's settings go to the endpoint as they are, and what it answers is judged as promptfoo judges it.
#[tokio::test]
async fn promptfoos_settings_and_answers_are_its_own() {
    let endpoint = Endpoint::start(|_, seen| answer(seen)).await;
    let report = Workspace::expect(suite(&endpoint.url, CHAT).eval("suite.yaml").await, 0);
    for seen in endpoint.seen() {
        let body = seen.json();
        assert_eq!((&body["tools"], &body["tool_choice"]), (&serde_json::from_str(TOOLS).unwrap(), &json!("auto")));
        assert_eq!((&body["stop"], &body["seed"], &body["top_p"], &body["vendor_flag"]), (&json!(["END"]), &json!(3), &json!(0.5), &json!(true)));
        assert!(body.get("organization").is_none() && body.get("showThinking").is_none(), "{body}");
        assert_eq!(body.get("logprobs").is_some(), seen.message("user") == "plain", "log-probabilities are asked for where a check reads them");
        let trace_id = seen.traceparent.as_deref().unwrap().split('-').nth(1).unwrap().to_owned();
        assert!(report.cases.iter().any(|case| case.trace_id.as_deref() == Some(trace_id.as_str())), "the case opens as the trace that was sent");
    }
}

/// An endpoint without log-probabilities costs the check that reads them, not the others.
#[tokio::test]
async fn an_endpoint_without_log_probabilities_answers_all_the_same() {
    let endpoint = Endpoint::start(|_, seen| match seen.json().get("logprobs") {
        Some(_) => Reply::Refusal("logprobs are not supported by this model"),
        None => answer(seen),
    })
    .await;
    let report = Workspace::expect(suite(&endpoint.url, CHAT).eval("suite.yaml").await, 3);
    let outcomes: Vec<Outcome> = report.cases[2].scores.iter().map(|score| score.outcome).collect();
    assert_eq!(outcomes, [Outcome::Value, Outcome::Value, Outcome::Failed, Outcome::Failed]);
}

/// A misspelled setting of ours is refused, one of the endpoint's is sent and named by `validate`; code is an error of every case.
#[tokio::test]
async fn wrong_settings_are_named() {
    let with = |setting: &str| {
        let config = format!("{{{setting}}}");
        let text =
            format!("prompts: [x]\nproviders: [{{id: openai:chat:m, config: {config}}}]\ntests: [{{assert: [{{type: equals, value: hi}}]}}]\n");
        suite("http://127.0.0.1:9/v1", &text)
    };
    let found = |setting: &str| {
        let workspace = with(setting);
        validate::validate(&workspace.path("suite.yaml"), &workspace.config, &|_| None).unwrap().join("\n")
    };
    assert!(found("apiBaseURL: x").contains("did you mean \"apiBaseUrl\"?"));
    assert!(found("temperture: 1").contains("suite.yaml:2: key \"temperture\" in the config of provider"), "{}", found("temperture: 1"));
    assert_eq!(found("temperature: 1"), "");
    assert!(found("tools: file://tools.py:get").contains("code that does not run here"));
    let report = Workspace::expect(with("functionToolCallbacks: {refund: x}").eval("suite.yaml").await, 3);
    assert!(report.cases[0].error.as_ref().unwrap().contains("functionToolCallbacks is code"));
    let outcome = suite("http://127.0.0.1:9/v1", "prompts: [x]\nproviders: [openai:responses:gpt]\ntests: [{assert: [{type: equals, value: hi}]}]\n");
    assert!(Workspace::expect(outcome.eval("suite.yaml").await, 3).cases[0].error.as_ref().unwrap().contains("write openai:chat:<model>"));
}

/// List prices make costs and budgets; a suite's own price goes before them.
#[tokio::test]
async fn models_cost_what_the_list_says() {
    let endpoint = Endpoint::start(|_, seen| answer(seen)).await;
    let prices = Prices::new(|call| {
        let tokens = call.input_tokens - call.cached_tokens + call.output_tokens;
        (call.model == "gpt-4o-mini").then(|| NanoUsd(i64::try_from(tokens).unwrap() * 1_000))
    });
    let text = "dataset: data.jsonl\nprompts: [\"{{q}}\"]\nproviders: [{id: openai:chat:gpt-4o-mini, config: {temperature: 0}}]\n\
                checks: [{check: contains, value: hi, metric: m}]\nbudget: {usd: 0.002}\n";
    let mut workspace = suite(&endpoint.url, text);
    workspace.write("data.jsonl", &(0..6).map(|index| format!("{{\"q\": \"q{index}\"}}\n")).collect::<String>());
    workspace.config.concurrency = 1;
    let refused = workspace.eval("suite.yaml").await;
    assert!(refused.exit_code == 2 && refused.text.contains("a model stands in the price list"), "{}", refused.text);
    workspace.config.prices = prices;
    // A call costs 1,000 - 400 + 100 tokens at a thousand nano-dollars.
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 4);
    assert_eq!((report.cases.iter().filter(|case| case.output.is_some()).count(), report.cases[0].cost_usd), (3, Some(0.0007)));
    workspace.edit("suite.yaml", "temperature: 0", "price: {input: 0.1, output: 0.1}");
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert!((report.run.cost_usd.unwrap() - 6.0 * 0.00011).abs() < 1e-12, "{:?}", report.run.cost_usd);
}

/// The form that the documents show loads as it stands.
const SHOWN: &str = r#"
description: answers of the support bot, from the documents that it was given
dataset: datasets/rag/questions.jsonl
prompts: [file://prompts/answer.txt]
providers:
  - id: openai:chat:gpt-4o-mini
    config: {temperature: 0, max_tokens: 400, apiBaseUrl: "{{env.OPENAI_BASE_URL}}"}
repeat: 3
cluster: topic
slices: [language]
defaultTest:
  assert:
    - {type: contains-json, metric: format}
    - {type: latency, threshold: 2000}
checks:
  - {check: token_f1, answer: output, reference: reference, metric: correct}
  - {check: groundedness, sources: documents, metric: grounded}
  - {check: judge, rubric: rubrics/relevancy.txt, model: "openai:chat:qwen3-32b", metric: relevant, votes: 1}
  - {check: pii, metric: leaks, better: lower}
baseline: {branch: main, last: 3}
gate:
  q: 0.05
  max_mde: 0.25
  max_unscored: 0.05
  max_changed: 0.10
  on_inconclusive: fail
  metrics:
    correct: {}
    grounded: {margin: 0.05}
    relevant: {min: 0.80}
    leaks: {critical: true}
    latency: {margin: 10%}
budget: {usd: 2.00, minutes: 20}
"#;

#[test]
fn the_suite_that_is_shown_loads() {
    let mut workspace = Workspace::of_rag();
    workspace.write("prompts/answer.txt", "Answer from the documents.\n{{documents}}\n{{question}}\n");
    workspace.edit_rows("datasets/rag/questions.jsonl", |_, mut row| {
        row["language"] = json!("en");
        Some(row)
    });
    workspace.write("suites/shown.yaml", SHOWN);
    workspace.config.prices = Prices::new(|call| (call.model == "gpt-4o-mini").then_some(NanoUsd(1)));
    let path = workspace.path("suites/shown.yaml");
    evaluator::suite::load(&path, &Compare::Nothing, &workspace.config, &|_| None).unwrap();
    assert_eq!(validate::validate(&path, &workspace.config, &|_| None).unwrap(), Vec::<String>::new());
}

/// A call is held against the schema of its tool.
#[tokio::test]
async fn a_call_that_does_not_fit_its_tool_fails() {
    let endpoint = Endpoint::start(|_, seen| {
        let (name, arguments) = if seen.message("user") == "other" { ("delete", "{}") } else { ("refund", "{\"order\": \"seven\"}") };
        let call = json!({"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}});
        said(seen, &json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
    })
    .await;
    let text = "prompts: [\"{{q}}\"]\nproviders: [{id: openai:chat:m, config: {tools: [file://tools.json]}}]\ntests:\n  \
                - {vars: {q: wrong}, assert: [{type: is-valid-openai-tools-call}]}\n  - {vars: {q: other}, assert: [{type: is-valid-openai-tools-call}]}\n";
    let report = Workspace::expect(suite(&endpoint.url, text).eval("suite.yaml").await, 100);
    assert!(report.cases[0].scores[0].reason.contains("does not fit its schema"), "{}", report.cases[0].scores[0].reason);
    assert!(report.cases[1].scores[0].reason.contains("no tool of that name"), "{}", report.cases[1].scores[0].reason);
}
