//! Checks on the trace of an answer, over a trace that a server took in and keeps.

use serde_json::{Value, json};

use crate::server::{Server, karat};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A span of an agent's turn: its place in time, in milliseconds, its length, and what it says about itself.
fn span(id: u8, name: &str, start_ms: u64, length_ms: u64, attributes: &[(&str, &str)]) -> Value {
    let nanos = |ms: u64| (1_795_000_000_000_000_000 + ms * 1_000_000).to_string();
    let attributes: Vec<Value> = attributes.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect();
    json!({"traceId": TRACE, "spanId": format!("{id:016x}"), "name": name, "kind": 1, "startTimeUnixNano": nanos(start_ms),
        "endTimeUnixNano": nanos(start_ms + length_ms), "attributes": attributes})
}

fn tool(id: u8, name: &str, start_ms: u64, arguments: &str) -> Value {
    let attributes = [("gen_ai.operation.name", "execute_tool"), ("gen_ai.tool.name", name), ("gen_ai.tool.call.arguments", arguments)];
    span(id, &format!("execute_tool {name}"), start_ms, 20, &attributes)
}

const SUITE: &str = r#"
dataset: data.jsonl
providers: ["dataset:answer"]
defaultTest:
  assert:
    - {type: trace-span-count, value: {pattern: "execute_tool *", min: 2, max: 2}, metric: count}
    - {type: trace-error-spans, value: 0, metric: errors}
    - {type: trace-span-duration, value: {pattern: "execute_tool *", max: 20}, metric: fast}
    - {type: trace-span-duration, value: {pattern: "chat *", max: 20}, metric: slow}
    - {type: "trajectory:tool-used", value: [look_up, refund], metric: used}
    - {type: "not-trajectory:tool-used", value: [delete], metric: spared}
    - {type: "trajectory:tool-sequence", value: {mode: exact, steps: [look_up, refund]}, metric: order}
    - {type: "trajectory:tool-sequence", value: [refund, look_up], metric: reverse}
    - {type: "trajectory:tool-args-match", value: {name: refund, args: {order: 7}}, metric: arguments}
    - {type: "trajectory:step-count", value: {type: tool, max: 2}, metric: steps}
checks:
  - {check: tool_f1, reference: expected, metric: f1}
"#;

/// A case opens as its trace: what its spans tell is judged, and a case whose trace is not kept is an error, never a pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_trace_is_judged() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data, None);
    let spans = [
        span(1, "chat m", 0, 100, &[("gen_ai.operation.name", "chat")]),
        tool(2, "look_up", 10, "{\"order\": 7}"),
        tool(3, "refund", 40, "{\"order\": 7, \"amount\": 5}"),
    ];
    let body = json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "t"}, "spans": spans}]}]}).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let sent = client.post(url).header("content-type", "application/json").body(body).send().await.unwrap();
    assert!(sent.status().is_success(), "{}", sent.status());
    server.stop();

    let expected = json!([{"name": "look_up", "arguments": {"order": 7}}, {"name": "refund", "arguments": {"order": 7, "amount": 5}}]);
    let row = |id: &str, trace: &str| json!({"id": id, "answer": "Done.", "trace_id": trace, "expected": expected});
    let rows = format!("{}\n{}\n", row("kept", TRACE), row("lost", "ffffffffffffffffffffffffffffffff"));
    std::fs::write(dir.path().join("data.jsonl"), rows).unwrap();
    std::fs::write(dir.path().join("suite.yaml"), SUITE).unwrap();
    let output = karat().current_dir(dir.path()).args(["eval", "suite.yaml", "--format", "json", "--data"]).arg(&data).output().unwrap();
    assert_eq!(output.status.code(), Some(100), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let scores = |case: usize| report["cases"][case]["scores"].as_array().unwrap().clone();
    for score in scores(0) {
        let metric = score["metric"].as_str().unwrap();
        match metric {
            "f1" => assert_eq!(score["value"], json!(1.0), "{score}"),
            "slow" | "reverse" => assert_eq!(score["passed"], json!(false), "{score}"),
            _ => assert_eq!(score["passed"], json!(true), "{score}"),
        }
    }
    let lost = scores(1);
    assert_eq!((lost.len(), report["cases"][1]["outcome"].as_str()), (11, Some("error")));
    assert!(lost[0]["reason"].as_str().unwrap().contains("there is no trace of this answer"), "{}", lost[0]);
}
