//! Runs of suites in a running karat: pushed by `karat eval --push` and `karat eval push`, read back as baselines, fed by production spans.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::server::{Server, TENANTS, karat, settings_for_two_tenants};

const CHECKS: &str = "checks: [{check: exact, reference: reference, metric: right}]\n";

/// Runs `karat eval` in a directory as the first tenant.
fn eval(dir: &Path, token: &str, args: &[&str]) -> Output {
    karat().current_dir(dir).env("KARAT_TOKEN", token).arg("eval").args(args).output().unwrap()
}

#[track_caller]
fn check(dir: &Path, token: &str, args: &[&str], exit_code: i32) -> (String, String) {
    let output = eval(dir, token, args);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(exit_code), "{args:?}\n{said}{errors}");
    (said, errors)
}

/// A directory with a suite of recorded answers that are all right, as the branch `main`.
fn workspace(dir: &Path, more: &str) {
    let rows: String = (0..30).map(|n| format!("{{\"id\": \"{n}\", \"answer\": \"a{n}\", \"reference\": \"a{n}\"}}\n")).collect();
    std::fs::write(dir.join("data.jsonl"), rows).unwrap();
    std::fs::write(dir.join("suite.yaml"), format!("dataset: data.jsonl\nproviders: [\"dataset:answer\"]\n{CHECKS}{more}")).unwrap();
    if !dir.join(".git").exists() {
        std::fs::create_dir_all(dir.join(".git/refs/heads")).unwrap();
        std::fs::write(dir.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::write(dir.join(".git/refs/heads/main"), format!("{}\n", "ab".repeat(20))).unwrap();
    }
}

/// A server with two tenants, an empty directory beside its data to work in, and where it is reached.
fn served() -> (tempfile::TempDir, Server, PathBuf, String) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings_for_two_tenants(dir.path(), "")));
    let (work, url) = (dir.path().join("work"), format!("http://{}", server.http));
    std::fs::create_dir(&work).unwrap();
    (dir, server, work, url)
}

async fn post(server: &Server, token: &str, body: String) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/api/v1/runs", server.http)).header("content-type", "application/json");
    let answer = request.bearer_auth(token).body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_pushed_once_and_is_a_baseline_from_then_on() {
    let (_dir, server, work, url) = served();
    let (token, other) = (TENANTS[0].0, TENANTS[1].0);
    workspace(&work, "");
    check(&work, token, &["suite.yaml", "--format", "json", "--output", "report.json", "--push", &url], 0);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(work.join("report.json")).unwrap()).unwrap();
    let id = report["run"]["id"].as_str().unwrap();
    let runs = server.sql(Some(token), "select id, git_branch, (select count(*) from results) as n from runs").await;
    assert_eq!(runs, [json!({"id": id, "git_branch": "main", "n": 30})]);
    assert!(server.sql(Some(other), "select id from runs").await.is_empty(), "a run belongs to the tenant of its token");

    let (said, _) = check(&work, token, &["push", "report.json", "--to", &url], 0);
    assert!(said.contains("was there already"), "{said}");
    assert_eq!(post(&server, token, json!({"report": report}).to_string()).await, (200, json!({"id": id, "kept": false})));
    let (said, _) = check(&work, other, &["push", "report.json", "--to", &url], 0);
    assert!(said.contains("is kept"), "{said}");
    assert_eq!(server.sql(Some(token), "select count(*) as n from results").await, [json!({"n": 30})]);

    for baseline in ["{branch: main, last: 3}".to_owned(), format!("{{run: {id}}}")] {
        workspace(&work, &format!("baseline: {baseline}\n"));
        let (said, _) = check(&work, token, &["suite.yaml", "--format", "json", "--push", &url], 0);
        let against: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&against["run"]["baseline"]["run"], &against["metrics"][0]["n"]), (&json!(id), &json!(30)), "{baseline}");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings_for_two_tenants(dir.path(), "");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("[dashboard]\n", "[dashboard]\nrun_bytes_max = 200000\n")).unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings));
    let token = TENANTS[0].0;
    workspace(dir.path(), "");
    check(dir.path(), token, &["suite.yaml", "--format", "json", "--output", "report.json"], 0);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(dir.path().join("report.json")).unwrap()).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut report = report.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        json!({"report": report}).to_string()
    };
    let cases = [
        (changed("/run/id", json!("")), 400, "run.id"),
        (changed("/run/id", json!("x".repeat(65))), 400, "run.id"),
        (changed("/run/suite", json!(" ")), 400, "run.suite"),
        (changed("/schema", json!("karat.report/2")), 400, "karat.report/1"),
        (changed("/run/started_at", json!("yesterday")), 400, "run.started_at"),
        (changed("/cases/0/scores/0/value", json!(7)).replace("\"value\":7", "\"value\":NaN"), 400, "no run"),
        (json!({"report": report, "more": 1}).to_string(), 400, "more"),
        ("{".to_owned(), 400, "no run"),
        (" ".repeat(200_001), 413, "200000 bytes"),
    ];
    for (body, status, expect) in cases {
        let shown = body.chars().take(80).collect::<String>();
        let (found, answer) = post(&server, token, body).await;
        assert_eq!(found, status, "{shown}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(expect), "{shown}: {answer}");
        assert!(answer["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{answer}");
    }
    let (status, answer) = post(&server, "nobody's", json!({"report": report}).to_string()).await;
    assert_eq!((status, &answer["error"]["kind"]), (401, &json!("unauthorized")));
    // The page of another site may not write runs.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/api/v1/runs", server.http)).header("origin", "http://evil.example").bearer_auth(token);
    assert_eq!(request.json(&json!({"report": report})).send().await.unwrap().status().as_u16(), 403);
    // A clock that goes ahead writes no rows of tomorrow.
    let future = changed("/run/started_at", json!("2999-01-01T00:00:00Z"));
    assert_eq!(post(&server, token, future).await.1["kept"], true);
    assert_eq!(server.sql(Some(token), "select time <= now() as past from runs").await, [json!({"past": true})]);
    server.stop();
}

/// Nobody has to run a suite again because a server was away: its report is there, and the run waits in a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_pushed_is_reported_and_pushed_later() {
    let dir = tempfile::tempdir().unwrap();
    workspace(dir.path(), "");
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (said, errors) = check(dir.path(), "x", &["suite.yaml", "--push", &format!("http://{nowhere}")], 3);
    assert!(said.contains("PASS") || said.contains("passed"), "{said}");
    let advice = errors.split("`karat eval push ").nth(1).unwrap_or_else(|| panic!("{errors}"));
    let file = advice.split_whitespace().next().unwrap();

    let server = Server::start(&dir.path().join("data"), Some(&settings_for_two_tenants(dir.path(), "")));
    let url = format!("http://{}", server.http);
    let (_, errors) = check(dir.path(), "nobody's", &["push", file, "--to", &url], 3);
    assert!(errors.contains("token"), "{errors}");
    check(dir.path(), TENANTS[0].0, &["push", file, "--to", &url], 0);
    assert_eq!(server.sql(Some(TENANTS[0].0), "select count(*) as n from results").await, [json!({"n": 30})]);
    let (_, errors) = check(dir.path(), "nobody's", &["suite.yaml", "--push", &url], 3);
    assert!(errors.contains("token") && errors.contains("karat eval push"), "{errors}");
    // A word behind the flag that is no address was meant for something else.
    check(dir.path(), "x", &["--push", "suite.yaml"], 2);
    server.stop();
}

/// Two calls of a model as an SDK sends them, in traces of their own.
fn calls(answers: [&str; 2]) -> Value {
    let text = |value: &str| json!({"stringValue": value});
    let span = |(number, answer): (usize, &str)| {
        let output = json!([{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]).to_string();
        json!({
            "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1), "name": "chat m", "kind": 3,
            "startTimeUnixNano": "1793491200000000000", "endTimeUnixNano": "1793491200250000000",
            "attributes": [
                {"key": "gen_ai.operation.name", "value": text("chat")},
                {"key": "gen_ai.request.model", "value": text("m")},
                {"key": "gen_ai.output.messages", "value": text(&output)},
            ],
        })
    };
    let spans: Vec<Value> = answers.into_iter().enumerate().map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn production_spans_are_the_cases_of_a_suite() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings_for_two_tenants(dir.path(), "")));
    let (token, url) = (TENANTS[0].0, format!("http://{}", server.http));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent =
        client.post(format!("http://{}/v1/traces", server.otlp_http)).bearer_auth(token).json(&calls(["yes it is", "no"])).send().await.unwrap();
    assert!(sent.status().is_success(), "{}", sent.status());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while server.sql(Some(token), "select trace_id from llm_calls").await.len() < 2 {
        assert!(std::time::Instant::now() < deadline, "the spans do not become visible");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let suite = "dataset: {sql: \"select trace_id, output_text, duration_ns from llm_calls order by trace_id\"}\n\
                 providers: [\"dataset:output_text\"]\n\
                 checks:\n  - {check: contains, value: \"yes\", metric: yes}\n  - {check: latency, threshold: 1000}\n  - {check: sql, select: \"length(output) < 100\"}\n";
    std::fs::write(dir.path().join("spans.yaml"), suite).unwrap();
    check(dir.path(), token, &["spans.yaml", "--push", &url], 100);
    let results = server.sql(Some(token), "select case_id, trace_id, output, outcome, latency_ms from results order by trace_id").await;
    let row = |number: usize, output: &str, outcome: &str| {
        let id = format!("{number:032x}");
        json!({"case_id": id, "trace_id": id, "output": output, "outcome": outcome, "latency_ms": 250})
    };
    assert_eq!(results, [row(1, "yes it is", "pass"), row(2, "no", "fail")]);
    check(dir.path(), token, &["validate", "spans.yaml"], 0);
    let (said, _) = check(dir.path(), token, &["spans.yaml"], 2);
    assert!(said.contains("--data") && said.contains("--push"), "{said}");
    server.stop();
}

/// Runs are compared by their ids as by their files, what failed is run again alone, and one command writes every report.
#[tokio::test(flavor = "multi_thread")]
async fn runs_are_compared_by_their_ids() {
    let (_dir, server, work, url) = served();
    let token = TENANTS[0].0;
    let id = |file: &str| {
        let report: Value = serde_json::from_str(&std::fs::read_to_string(work.join(file)).unwrap()).unwrap();
        report["run"]["id"].as_str().unwrap().to_owned()
    };
    workspace(&work, "");
    check(&work, token, &["./suite.yaml", "-o", "{suite}.json", "-o", "junit.xml", "--push", &url], 0);
    assert!(std::fs::read_to_string(work.join("junit.xml")).unwrap().starts_with("<?xml"));
    let text = std::fs::read_to_string(work.join("data.jsonl")).unwrap();
    std::fs::write(work.join("data.jsonl"), text.replace("\"answer\": \"a1", "\"answer\": \"b1")).unwrap();
    check(&work, token, &[work.join("suite.yaml").to_str().unwrap(), "-o", "worse.json", "--push", &url], 100);
    let (first, worse) = (id("suite.json"), id("worse.json"));

    for baseline in [first.as_str(), "suite.json"] {
        let (said, _) = check(&work, token, &["compare", baseline, &worse, "--url", &url, "--suite", "suite.yaml", "-o", "comment.md"], 100);
        assert!(said.contains("newly failing (11): 1, 10, 11"), "{said}");
        assert!(std::fs::read_to_string(work.join("comment.md")).unwrap().starts_with("### ❌ REGRESSED"), "{said}");
    }
    check(&work, token, &["compare", &worse, &worse, "--url", &url], 0);
    let (said, errors) = check(&work, token, &["compare", &first, &worse], 2);
    assert!(errors.contains("--data") && said.is_empty(), "{errors}");

    let (said, errors) = check(&work, token, &["suite.yaml", "--filter-failing", &worse, "--format", "json", "--push", &url], 100);
    let part: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&part["run"]["n_cases"], part["run"]["part"].as_str()), (&json!(11), Some("19 left out by --filter-failing")));
    assert!(errors.contains("not kept"), "{errors}");
    check(&work, token, &["suite.yaml", "-n", "1", "--repeat", "3", "-j", "2"], 0);
    let runs = server.sql(Some(token), "select suite, count(*) as n from runs group by suite").await;
    assert_eq!(runs, [json!({"suite": "suite.yaml", "n": 2})], "one suite, however it was named, and no part of it");

    let (_, errors) = check(&work, token, &["suite.yaml", "suite.yaml", "-o", "a.json"], 2);
    assert!(errors.contains("two reports would go to a.json"), "{errors}");
    check(&work, token, &["aa", "suite.yaml", "--pairs", "2", "--url", &url], 0);
    server.stop();
}
