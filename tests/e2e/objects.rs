//! Tables in an object store: real servers over HTTP, two nodes that write to one table, and a store that lies.
//!
//! minio and the liar take minutes to install, so they are started only with KARAT_SERVICE_TESTS=all.

use std::path::Path;
use std::process::Stdio;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use crate::operations::{run, said};
use crate::server::{Server, karat, signal, sql_at_rest};

/// 2026-11-20T00:00:00Z.
const START_NANOS: u64 = 1_795_132_800_000_000_000;
/// The first trace and the first session: those that the questions of the benchmark ask for.
const FIRST_TRACE: u64 = 200_000;
const FIRST_SESSION: u64 = 31_337;
const MODELS: [&str; 3] = ["gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "mistral-large-2411"];
pub const REQUESTS: u64 = 40;
pub const SPANS: u64 = 25;

/// An S3 server; ended, and its objects deleted, when this is dropped.
pub struct S3 {
    server: &'static str,
    port: String,
    pid: u32,
    /// `AWS_...`, by which it is reached.
    pub variables: Vec<(String, String)>,
    /// Where it keeps its objects as plain files.
    pub directory: String,
}

impl S3 {
    /// Starts a server of the name with a bucket `lake`; nothing where services are not to be started.
    pub fn start(server: &'static str) -> Option<S3> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let said = service_of(server, &["start", &port])?;
        let pairs = said.split_whitespace().filter_map(|word| word.split_once('='));
        let value = |key: &str| pairs.clone().find(|(name, _)| *name == key).unwrap().1.to_owned();
        let (pid, directory) = (value("PID").parse().unwrap(), value("DIR"));
        let variables = pairs.filter(|(name, _)| name.starts_with("AWS_")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(S3 { server, port, pid, variables, directory })
    }

    /// Returns the variables that say where it is, and the keys to it.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Starts a node that keeps its tables here and has only its log in `data`.
    fn spawn(&self, data: &Path, log: Stdio) -> std::process::Child {
        let mut command = self.command(data);
        command.stdout(Stdio::piped()).stderr(log).spawn().unwrap()
    }

    /// A command that serves the tables here on ports of its own choice.
    pub fn command(&self, data: &Path) -> std::process::Command {
        let mut command = self.karat();
        command.args(["serve", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"]).arg(data);
        command
    }

    /// A command of a karat that keeps its tables here.
    fn karat(&self) -> std::process::Command {
        let mut command = karat();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("KARAT_STORE_ROOT", "s3://lake/tables").env("KARAT_STORE_DURABILITY", "commit").env("KARAT_LOG_FILTER", "warn");
        command
    }

    /// Sends the server a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(self.pid, name);
    }

    pub fn node(&self, data: &Path) -> Server {
        Server::ready(self.spawn(data, Stdio::inherit())).expect("a node comes up")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        service_of(self.server, &["clean", &self.port]);
    }
}

/// Runs s3.sh for one kind of server; nothing where services are not to be started, or cannot be.
fn service_of(server: &str, args: &[&str]) -> Option<String> {
    let builds = std::process::Command::new(if server == "s3s-fs" { "cargo" } else { "go" }).arg("version").output();
    if std::env::var("KARAT_SERVICE_TESTS").is_err() || builds.is_err() {
        eprintln!("SKIPPED: needs tests/services/s3.sh and go; run with KARAT_SERVICE_TESTS=1 (it installs what is missing)");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/s3.sh");
    let mut command = std::process::Command::new("bash");
    let output = command.arg(script).args(args).env("S3_SERVER", server).env("S3_BUCKETS", "lake").output().unwrap();
    assert!(output.status.success(), "s3.sh {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Any::StringValue(value.into()))
}

/// One call of a model; five make a trace, twenty a session, and of ten two fail.
fn call(number: u64) -> Span {
    let message = |role: &str, text: &str| serde_json::json!([{"role": role, "parts": [{"type": "text", "content": text}]}]).to_string();
    let model = MODELS[usize::try_from(number % 3).unwrap()];
    let start = START_NANOS + number * 40_000_000_000;
    Span {
        trace_id: (u128::from(FIRST_TRACE + number / 5) << 64 | 0xab_cdef).to_be_bytes().to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        name: format!("chat {model}"),
        kind: 3,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 300_000_000 + number * 7_919 % 1_500_000_000,
        status: (number % 10 < 2).then(|| Status { code: 2, message: "the model did not answer in time".to_owned() }),
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", if number % 3 == 2 { "mistral_ai" } else { "openai" }),
            text("gen_ai.request.model", model),
            text("gen_ai.response.model", model),
            attribute("gen_ai.usage.input_tokens", Any::IntValue(200 + (number % 800) as i64)),
            attribute("gen_ai.usage.output_tokens", Any::IntValue(50 + (number % 300) as i64)),
            text("gen_ai.conversation.id", format!("session-{}", FIRST_SESSION + number / 20)),
            text("user.id", format!("user-{}", number / 20 % 7)),
            text("gen_ai.input.messages", message("user", &format!("what does parcel {number} weigh?"))),
            text("gen_ai.output.messages", message("assistant", "ask the customs vault parcel desk")),
        ],
        ..Span::default()
    }
}

fn body(node: u64, request: u64) -> Vec<u8> {
    let first = (node * REQUESTS + request) * SPANS + 1;
    let scope = ScopeSpans { spans: (first..first + SPANS).map(call).collect(), ..ScopeSpans::default() };
    let resource = Resource { attributes: vec![text("service.name", ["checkout", "support"][(request % 2) as usize])], ..Resource::default() };
    let of_service = ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![of_service] }.encode_to_vec()
}

pub async fn send_all(otlp_http: String, node: u64) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{otlp_http}/v1/traces");
    let send = |request: u64| client.post(&url).header("content-type", "application/x-protobuf").body(body(node, request)).send();
    for first in (0..REQUESTS).step_by(8) {
        for answer in futures_of((first..first + 8).map(send)).await {
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        }
    }
}

async fn futures_of<F: Future<Output = reqwest::Result<reqwest::Response>>>(requests: impl Iterator<Item = F>) -> Vec<reqwest::Response> {
    let mut answers = Vec::new();
    let mut waiting: Vec<_> = requests.map(Box::pin).collect();
    while let Some(next) = waiting.pop() {
        answers.push(next.await.unwrap());
    }
    answers
}

const COUNT: &str = "select count(*) as n, count(distinct span_id) as n_ids from spans";

pub async fn wait_for_rows(server: &Server, rows: u64) {
    let started = std::time::Instant::now();
    loop {
        let found = server.sql(None, COUNT).await;
        if found[0]["n"] == rows && found[0]["n_ids"] == rows {
            return;
        }
        assert!(started.elapsed().as_secs() < 60, "{} of {rows}", found[0]);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Two nodes take spans in at the same time; what one has acked, the other finds, also when the first and its disk are gone.
async fn two_nodes_on(server: &'static str) {
    let Some(s3) = S3::start(server) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (s3.node(&dir.path().join("a")), s3.node(&dir.path().join("b")));
    tokio::join!(send_all(a.otlp_http.clone(), 0), send_all(b.otlp_http.clone(), 1));
    let all = 2 * REQUESTS * SPANS;
    a.kill();
    std::fs::remove_dir_all(dir.path().join("a")).unwrap();
    wait_for_rows(&b, all).await;
    b.kill();
    std::fs::remove_dir_all(dir.path().join("b")).unwrap();
    let c = s3.node(&dir.path().join("c"));
    wait_for_rows(&c, all).await;
    let one = c.sql(None, "select name from spans where trace_id = '0000000000030d410000000000abcdef'").await;
    assert_eq!(one.len(), 5);
    c.stop();
}

/// A backup of tables over HTTP goes back into a directory, and under another prefix.
#[tokio::test(flavor = "multi_thread")]
async fn tables_on_versitygw_are_backed_up() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, back) = (dir.path().join("data"), dir.path().join("copy"), dir.path().join("back"));
    let node = s3.node(&data);
    send_all(node.otlp_http.clone(), 0).await;
    said(&s3.karat().arg("backup").arg(&copy).arg("--data").arg(&data).output().unwrap());
    node.stop();
    said(&run(&["restore", &copy.display().to_string()], &back));
    assert_eq!(sql_at_rest(&back, "default", COUNT)[0], serde_json::json!({"n": REQUESTS * SPANS, "n_ids": REQUESTS * SPANS}));
    let mut elsewhere = s3.karat();
    let elsewhere = elsewhere.env("KARAT_STORE_ROOT", "s3://lake/elsewhere");
    said(&elsewhere.args(["restore", "--data"]).arg(dir.path().join("other")).arg(&copy).output().unwrap());
    let mut asking = s3.karat();
    let asking = asking.env("KARAT_STORE_ROOT", "s3://lake/elsewhere").args(["sql", "--format", "csv", "--data"]).arg(dir.path().join("other"));
    assert!(said(&asking.arg("select count(*) as n from spans").output().unwrap()).contains(&(REQUESTS * SPANS).to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_write_to_one_table_on_versitygw() {
    two_nodes_on("versitygw").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_write_to_one_table_on_minio() {
    if std::env::var("KARAT_SERVICE_TESTS").is_ok_and(|tests| tests == "all") {
        two_nodes_on("minio").await;
    }
}

/// Two nodes that join files of one table at the same time: each file goes into one other, and no row is lost or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_compact_one_table() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let hasty = |name: &str| {
        let mut command = s3.command(&dir.path().join(name));
        command.env("KARAT_STORE_COMPACT_FILES", "2").env("KARAT_STORE_COMMITS_PER_SECOND", "200");
        Server::ready(command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()).expect("a node comes up")
    };
    let (a, b) = (hasty("a"), hasty("b"));
    let has_joined = async |node: &Server| node.store_status().await["maintenance"]["compactions"].as_u64() > Some(0);
    let (mut rounds, started) = (0, std::time::Instant::now());
    while !(has_joined(&a).await && has_joined(&b).await) {
        assert!(started.elapsed().as_secs() < 120, "both nodes join files");
        tokio::join!(send_all(a.otlp_http.clone(), 2 * rounds), send_all(b.otlp_http.clone(), 2 * rounds + 1));
        rounds += 1;
    }
    let all = 2 * rounds * REQUESTS * SPANS;
    wait_for_rows(&a, all).await;
    wait_for_rows(&b, all).await;
    a.kill();
    b.kill();
    let c = s3.node(&dir.path().join("c"));
    wait_for_rows(&c, all).await;
    c.stop();
}

/// A store that lets several writers win would lose commits silently: karat does not start on it.
#[test]
fn a_store_that_lies_is_refused() {
    if std::env::var("KARAT_SERVICE_TESTS").is_ok_and(|tests| tests == "all") {
        let Some(s3) = S3::start("s3s-fs") else { return };
        let dir = tempfile::tempdir().unwrap();
        let output = s3.spawn(dir.path(), Stdio::piped()).wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("cannot be trusted with commits"), "{said}");
    }
}

#[test]
fn a_root_that_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let output = karat().env("KARAT_STORE_ROOT", "ftp://somewhere/x").args(["serve", "--data"]).arg(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the scheme \"ftp\" is unknown; take s3://bucket/prefix"), "{said}");
}
