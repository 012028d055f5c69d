//! Models on Amazon Bedrock, through the SDK and its wire format: they judge and answer by Converse, and judge in batches over a real S3 server.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::objects::S3;
use crate::server::karat;

const MODEL: &str = "anthropic.claude-3-haiku-20240307-v1:0";

/// One request as it came.
#[derive(Debug, Clone)]
struct Seen {
    path: String,
    authorization: String,
    body: Value,
}

/// What the server answers: status, the error's type, and a body.
type Reply = (u16, Option<&'static str>, Value);
type Answer = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

struct Bedrock {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Shared {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Answer>,
}

impl Bedrock {
    fn start(answer: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { seen: Arc::default(), answer: Arc::new(answer) };
        let seen = Arc::clone(&shared.seen);
        runtime.spawn(async move { axum::serve(listener, Router::new().fallback(handle).with_state(shared)).await });
        Self { url, seen, _runtime: runtime }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn handle(State(shared): State<Shared>, _: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let request = Seen { path: uri.path().to_owned(), authorization, body: serde_json::from_slice(&body).unwrap_or_default() };
    let number = {
        let mut seen = shared.seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let (status, error, body) = (shared.answer)(number, &request);
    let mut response = (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body.to_string()).into_response();
    if let Some(error) = error {
        response.headers_mut().insert("x-amzn-errortype", error.parse().unwrap());
    }
    response
}

fn converse(text: &str) -> Value {
    let usage = json!({"inputTokens": 100, "outputTokens": 10, "totalTokens": 110});
    json!({"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 5}})
}

const RELEVANT: &str = "{\"verdict\": \"relevant\", \"reason\": \"x\"}";

/// A suite of some cases, judged on Bedrock; `more` are further settings of the model.
fn suite(dir: &Path, cases: usize, url: &str, more: &str) -> PathBuf {
    let rows: String =
        (0..cases).map(|i| format!("{}\n", json!({"id": format!("c{i}"), "question": "What?", "answer": format!("answer {i}")}))).collect();
    std::fs::write(dir.join("data.jsonl"), rows).unwrap();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("rubrics/relevancy.txt"), dir.join("rubric.txt")).unwrap();
    let config = format!("{{region: us-east-1, endpoint: \"{url}\", price: {{input: 1, output: 10}}{more}}}");
    let check = format!("{{check: judge, rubric: rubric.txt, model: \"bedrock:{MODEL}\", metric: relevant, config: {config}}}");
    let path = dir.join("suite.yaml");
    std::fs::write(&path, format!("dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check}]\n")).unwrap();
    path
}

fn eval(dir: &Path, args: &[&str], variables: &[(String, String)]) -> Output {
    let mut command = karat();
    command.current_dir(dir).env("AWS_ACCESS_KEY_ID", "key-of-the-test").env("AWS_SECRET_ACCESS_KEY", "secret-of-the-test");
    command.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().map(|(name, value)| (name, value)));
    command.arg("eval").args(args).args(["--format", "json"]).output().unwrap()
}

#[track_caller]
fn report(output: &Output, exit_code: i32) -> Value {
    assert_eq!(output.status.code(), Some(exit_code), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Throttling is waited out, a model without structured output is asked in words, and requests are signed with the chain's credentials.
#[test]
fn converse_judges() {
    let bedrock = Bedrock::start(|number, seen| match number {
        0 => (429, Some("ThrottlingException"), json!({"message": "Too many requests"})),
        _ if seen.body.get("outputConfig").is_some() => {
            (400, Some("ValidationException"), json!({"message": "outputConfig is not supported by this model"}))
        }
        _ => (200, None, converse(RELEVANT)),
    });
    let dir = tempfile::tempdir().unwrap();
    let path = suite(dir.path(), 3, &bedrock.url, "");
    let report = report(&eval(dir.path(), &[path.to_str().unwrap()], &[]), 0);
    assert_eq!(report["metrics"][0]["candidate"], json!(1.0));
    assert!((report["run"]["cost_usd"].as_f64().unwrap() - 0.0006).abs() < 1e-12, "three calls of 100 and 10 tokens");
    let seen = bedrock.seen();
    let last = seen.last().unwrap();
    assert!(last.path.starts_with("/model/anthropic.claude-3-haiku-20240307-v1") && last.path.ends_with("/converse"), "{}", last.path);
    assert!(last.authorization.starts_with("AWS4-HMAC-SHA256 Credential=key-of-the-test/"), "{}", last.authorization);
    assert_eq!((last.body["inferenceConfig"]["temperature"].as_f64(), &last.body["messages"][0]["role"]), (Some(0.0), &json!("user")));
    assert!(last.body["system"][0]["text"].as_str().unwrap().contains("never an instruction"));
    let guided =
        seen.iter().find_map(|seen| seen.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"].as_str().map(str::to_owned));
    assert!(guided.unwrap().contains("\"enum\":[\"relevant\""));
    let shown = serde_json::to_string(&report).unwrap();
    assert!(!shown.contains("secret-of-the-test"));
}

/// A model answers a prompt: roles, settings and tools as the suite writes them, throttling waited out, calls of tools in promptfoo's form, and
/// the tokens at list price.
#[test]
fn converse_answers() {
    let bedrock = Bedrock::start(|number, seen| {
        let user = seen.body["messages"][0]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        let usage = json!({"inputTokens": 1_000_000, "outputTokens": 0, "totalTokens": 1_000_000});
        let call = json!({"toolUse": {"toolUseId": "t1", "name": "refund", "input": {"order": 7}}});
        let (content, stop) =
            if user == "call" { (json!([{"text": "I will."}, call]), "tool_use") } else { (json!([{"text": "hello"}]), "end_turn") };
        match number {
            0 => (429, Some("ThrottlingException"), json!({"message": "Too many requests"})),
            _ => (200, None, json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop, "usage": usage})),
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("suite.yaml");
    let config = format!(
        "{{region: us-east-1, endpoint: \"{}\", temperature: 0.5, max_tokens: 64, stop: [END], tools: [{{type: function, function: {{name: refund, parameters: {{type: object}}}}}}], tool_choice: auto}}",
        bedrock.url
    );
    let prompt = r#"'[{"role": "system", "content": "Be short."}, {"role": "user", "content": "{{q}}"}]'"#;
    let tests = "  - {vars: {q: hi}, assert: [{type: equals, value: hello}, {type: finish-reason, value: stop}]}\n  \
                 - {vars: {q: call}, assert: [{type: tool-call-f1, value: [refund]}, {type: finish-reason, value: tool_calls}]}\n";
    std::fs::write(&path, format!("prompts: [{prompt}]\nproviders: [{{id: \"bedrock:converse:{MODEL}\", config: {config}}}]\ntests:\n{tests}"))
        .unwrap();
    let report = report(&eval(dir.path(), &[path.to_str().unwrap()], &[]), 0);
    // Claude 3 Haiku: a quarter of a dollar for a million tokens.
    assert_eq!(report["run"]["cost_usd"], json!(0.5));
    let output: Value = serde_json::from_str(report["cases"][1]["output"].as_str().unwrap()).unwrap();
    assert_eq!(output, json!({"type": "tool_use", "id": "t1", "name": "refund", "input": {"order": 7}}));
    let seen = bedrock.seen();
    let body = &seen.last().unwrap().body;
    assert_eq!((&body["system"], &body["inferenceConfig"]["stopSequences"]), (&json!([{"text": "Be short."}]), &json!(["END"])));
    assert_eq!((&body["inferenceConfig"]["maxTokens"], &body["inferenceConfig"]["temperature"]), (&json!(64), &json!(0.5)));
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"], json!({"type": "object"}));
    assert_eq!((body["toolConfig"]["toolChoice"].get("auto").is_some(), seen.len()), (true, 3));
}

/// Who may not call the model is told so at once.
#[test]
fn a_refused_model_is_an_error_case() {
    let bedrock = Bedrock::start(|_, _| (403, Some("AccessDeniedException"), json!({"message": "You don't have access to the model"})));
    let dir = tempfile::tempdir().unwrap();
    let path = suite(dir.path(), 1, &bedrock.url, "");
    let report = report(&eval(dir.path(), &[path.to_str().unwrap()], &[]), 3);
    assert!(report["cases"][0]["scores"][0]["reason"].as_str().unwrap().contains("access to the model"));
    assert_eq!(bedrock.seen().len(), 1);
}

/// Questions go to S3, a job answers them at half of the price, and the run asks nobody any more. The service is ours, S3 is a real server: the
/// service reads and writes its objects as the files that they are.
#[test]
fn a_batch_is_answered_over_s3() {
    let Some(s3) = S3::start("versitygw") else { return };
    let lake = Path::new(&s3.directory).join("data/lake");
    let n_looks = std::sync::atomic::AtomicUsize::new(0);
    let service = Bedrock::start(move |_, seen| {
        let file = |uri: &str| lake.join(uri.strip_prefix("s3://lake/").unwrap());
        if seen.path == "/model-invocation-job" {
            let (input, output) = (&seen.body["inputDataConfig"]["s3InputDataConfig"], &seen.body["outputDataConfig"]["s3OutputDataConfig"]);
            let questions = std::fs::read_to_string(file(input["s3Uri"].as_str().unwrap())).unwrap();
            let answered = questions.lines().map(|line| {
                let question: Value = serde_json::from_str(line).unwrap();
                assert!(question["modelInput"]["messages"][0]["content"][0]["text"].as_str().unwrap().contains("<answer>"));
                json!({"recordId": question["recordId"], "modelInput": question["modelInput"], "modelOutput": converse(RELEVANT)}).to_string()
            });
            let place = file(output["s3Uri"].as_str().unwrap()).join("abc123");
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("input.jsonl.out"), answered.collect::<Vec<_>>().join("\n")).unwrap();
            return (200, None, json!({"jobArn": "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abc123"}));
        }
        if seen.path.starts_with("/model-invocation-job/") {
            let status = if n_looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { "InProgress" } else { "Completed" };
            let arn = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abc123";
            let data = json!({"s3InputDataConfig": {"s3Uri": "s3://lake/x"}});
            let out = json!({"s3OutputDataConfig": {"s3Uri": "s3://lake/y"}});
            let job = json!({"jobArn": arn, "modelId": MODEL, "roleArn": "arn:aws:iam::123456789012:role/r", "status": status,
                "submitTime": "2026-11-21T00:00:00Z", "inputDataConfig": data, "outputDataConfig": out});
            return (200, None, job);
        }
        (500, None, json!({"message": "nobody is asked beside the batch"}))
    });
    let dir = tempfile::tempdir().unwrap();
    let endpoint = s3.variables.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").unwrap().1.clone();
    let path = suite(dir.path(), 120, &service.url, &format!(", s3Endpoint: \"{endpoint}\", pollS: 1"));
    let variables: Vec<(String, String)> = s3.variables.iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL").cloned().collect();
    let role = "arn:aws:iam::123456789012:role/karat";
    let args = [path.to_str().unwrap(), "--batch-s3", "s3://lake/judged", "--batch-role", role];
    let report = report(&eval(dir.path(), &args, &variables), 0);
    assert_eq!((&report["metrics"][0]["candidate"], &report["metrics"][0]["n"]), (&json!(1.0), &json!(120)));
    let seen = service.seen();
    let created = seen.iter().find(|seen| seen.path == "/model-invocation-job").unwrap();
    assert_eq!((&created.body["modelInvocationType"], &created.body["roleArn"]), (&json!("Converse"), &json!(role)));
    assert!(seen.iter().all(|seen| seen.path.starts_with("/model-invocation-job")), "{:?}", seen.iter().map(|seen| &seen.path).collect::<Vec<_>>());
}
