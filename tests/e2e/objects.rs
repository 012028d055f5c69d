//! Tables in an object store: real servers over HTTP, two nodes that write to one table, and a store that lies.
//!
//! minio and the liar take minutes to install, so they are started only with KARAT_SERVICE_TESTS=all.

use std::path::Path;
use std::process::Stdio;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::operations::{run, said};
use crate::server::{Server, karat, sql_at_rest};

/// 2026-11-01T00:00:00Z.
const START_NANOS: u64 = 1_793_491_200_000_000_000;
pub const REQUESTS: u64 = 40;
pub const SPANS: u64 = 25;

/// An S3 server; ended, and its objects deleted, when this is dropped.
pub struct S3 {
    server: &'static str,
    port: String,
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
        let directory = pairs.clone().find(|(name, _)| *name == "DIR").unwrap().1.to_owned();
        let variables = pairs.filter(|(name, _)| name.starts_with("AWS_")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(S3 { server, port, variables, directory })
    }

    /// Returns the variables that say where it is, and the keys to it.
    #[cfg(feature = "kafka")]
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

fn body(node: u64, request: u64) -> Vec<u8> {
    let span = |number: u64| {
        let id = ((node * REQUESTS + request) * SPANS + number + 1).to_be_bytes();
        Span {
            trace_id: [id, id].concat(),
            span_id: id.to_vec(),
            name: "work".to_owned(),
            start_time_unix_nano: START_NANOS + number * 1_000_000,
            end_time_unix_nano: START_NANOS + number * 1_000_000 + 1,
            ..Span::default()
        }
    };
    let scope = ScopeSpans { spans: (0..SPANS).map(span).collect(), ..ScopeSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] }.encode_to_vec()
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

async fn wait_for_rows(server: &Server, rows: u64) {
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
    let one = c.sql(None, "select name from spans where trace_id = '00000000000000070000000000000007'").await;
    assert_eq!(one.len(), 1);
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
