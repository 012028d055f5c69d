//! An object store that stalls, refuses, or is away at the start; a disk that fails: nothing acked is lost, whoever asks is told, and good work goes
//! on by itself.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use tonic_types::StatusExt as _;

use crate::faults;
use crate::objects::{REQUESTS, S3, SPANS, send_all, wait_for_rows};
use crate::proxy::{Mood, Proxy};
use crate::ready::free_ports;
use crate::server::{Server, karat, spawn};

/// Commits a few times a second, so that a commit that hangs is trouble after five seconds.
fn hasty(command: &mut Command) -> &mut Command {
    command.env("KARAT_STORE_FLUSH_INTERVAL_MS", "200").env("KARAT_STORE_DURABILITY", "wal")
}

fn start(command: &mut Command) -> Server {
    Server::ready(command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()).expect("a node comes up")
}

fn is_stuck(said: &serde_json::Value) -> bool {
    said["reason"].as_str().is_some_and(|reason| reason.starts_with("commits hang or fail"))
}

/// The log takes what comes; the tables get it when the store answers again.
async fn ride_out(node: &Server, fresh: impl FnOnce() -> Server, begin: impl FnOnce(), end: impl FnOnce()) {
    send_all(node.otlp_http.clone(), 0).await;
    wait_for_rows(node, REQUESTS * SPANS).await;
    begin();
    send_all(node.otlp_http.clone(), 1).await;
    node.wait_until_ready_says("commits that hang are told", |is_ready, said| !is_ready && is_stuck(said)).await;
    assert_eq!(node.status("/health").await, 200, "the process lives");
    let doctor = karat().args(["doctor", "--url", &format!("http://{}", node.http)]).output().unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout);
    assert!(!doctor.status.success() && told.contains("not ready: commits hang or fail"), "{told}");
    end();
    node.wait_until_ready_says("it passes by itself", |is_ready, _| is_ready).await;
    send_all(node.otlp_http.clone(), 2).await;
    wait_for_rows(node, 3 * REQUESTS * SPANS).await;
    let reader = fresh();
    wait_for_rows(&reader, 3 * REQUESTS * SPANS).await;
    reader.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_that_stalls_is_ridden_out() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let node = start(hasty(&mut s3.command(&dir.path().join("a"))));
    ride_out(&node, || s3.node(&dir.path().join("b")), || s3.signal("STOP"), || s3.signal("CONT")).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_that_answers_503_is_ridden_out() {
    let Some(s3) = S3::start("versitygw") else { return };
    let proxy = Proxy::start(&s3, Mood::Kind).await;
    let dir = tempfile::tempdir().unwrap();
    let node = start(hasty(s3.command(&dir.path().join("a")).env("AWS_ENDPOINT_URL", &proxy.url)));
    ride_out(&node, || s3.node(&dir.path().join("b")), || proxy.set(Mood::Busy), || proxy.set(Mood::Kind)).await;
    node.stop();
}

/// Under `durability = "commit"` nothing can be acked meanwhile: senders are told to come back, and what they send again is there once.
#[tokio::test(flavor = "multi_thread")]
async fn senders_who_want_a_commit_are_told_to_come_back() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let node = start(s3.command(&dir.path().join("a")).env("KARAT_STORE_COMMIT_WAIT_MS", "5000"));
    send_all(node.otlp_http.clone(), 0).await;
    s3.signal("STOP");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = faults::body(1_000_000);
    let send =
        || client.post(format!("http://{}/v1/traces", node.otlp_http)).header("content-type", "application/x-protobuf").body(body.clone()).send();
    for _ in 0..2 {
        let refused = send().await.unwrap();
        assert_eq!(refused.status().as_u16(), 503);
        assert!(refused.headers().contains_key("retry-after"));
    }
    node.wait_until_ready_says("commits that hang are told", |is_ready, said| !is_ready && is_stuck(said)).await;
    s3.signal("CONT");
    let began = Instant::now();
    while !send().await.unwrap().status().is_success() {
        assert!(began.elapsed() < Duration::from_secs(120), "it passes by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    wait_for_rows(&node, REQUESTS * SPANS + 1).await;
    node.stop();
}

/// A start waits for the store for as long as it takes, and says so; the process lives meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_its_object_store() {
    let Some(s3) = S3::start("versitygw") else { return };
    let proxy = Proxy::start(&s3, Mood::Away).await;
    let dir = tempfile::tempdir().unwrap();
    let ports = free_ports::<3>();
    let mut command = karat();
    command.envs(s3.variables().iter().map(|(name, value)| (name, value))).env("AWS_ENDPOINT_URL", &proxy.url);
    command
        .env("KARAT_STORE_ROOT", "s3://lake/tables")
        .env("KARAT_LOG_FILTER", "warn")
        .stderr(std::fs::File::create(dir.path().join("log")).unwrap());
    let mut child = spawn(command, &dir.path().join("data"), None, &ports);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str| {
        let answer = client.get(format!("http://127.0.0.1:{}{path}", ports[2])).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.unwrap()))
    };
    let log = || std::fs::read_to_string(dir.path().join("log")).unwrap();
    let began = Instant::now();
    while !log().contains("waiting for the object store") && !log().contains("the object store cannot be reached") {
        assert!(began.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "{}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (status, said) = ask("/ready").await.unwrap();
    assert_eq!(status, 503);
    assert!(said.contains("waiting for the object store"), "{said}");
    assert_eq!(ask("/health").await.unwrap().0, 200);
    proxy.set(Mood::Kind);
    let server = tokio::task::spawn_blocking(move || Server::ready(child)).await.unwrap();
    let server = server.unwrap_or_else(|| panic!("it did not come up by itself: {}", log()));
    assert_eq!(server.status("/ready").await, 200);
    send_all(server.otlp_http.clone(), 0).await;
    server.stop();
}

/// Waiting would not make a bucket, nor give access.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_bucket_or_key_ends_a_start_at_once() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, value) in [("KARAT_STORE_ROOT", "s3://no-such-lake/tables"), ("AWS_SECRET_ACCESS_KEY", "wrong")] {
        let mut command = s3.command(&dir.path().join(name));
        let output = tokio::task::spawn_blocking(move || command_output(command.env(name, value))).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("cannot write the object"), "{said}");
    }
}

fn command_output(command: &mut Command) -> std::process::Output {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap()
}

/// Little memory, and commits ten times a second.
const TIGHT: &str = "[store]\nflush_interval_ms = 100\nflush_bytes = 1000000\ncompact_bytes = 500000\ningest_bytes_max = 208000000\nbody_bytes_max = 4000000\n\
                     [log]\nfilter = \"error\"\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n";

/// Memory that is used up because the tables cannot be written is no matter of a second: senders hear 503 or UNAVAILABLE, and wait longer.
#[tokio::test(flavor = "multi_thread")]
async fn tables_that_cannot_be_written_are_told_to_senders() {
    let dir = tempfile::tempdir().unwrap();
    let (data, settings) = (dir.path().join("data"), dir.path().join("karat.toml"));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(&settings, TIGHT).unwrap();
    // Where the tenant's tables should be is a file.
    std::fs::write(data.join("default"), "").unwrap();
    let server = Server::start(&data, Some(&settings));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = |number: u64| {
        let url = format!("http://{}/v1/traces", server.otlp_http);
        client.post(url).header("content-type", "application/x-protobuf").body(faults::body(number)).send()
    };
    let (mut n_acked, began) = (0, Instant::now());
    let asked: u64 = loop {
        let answer = send(n_acked).await.unwrap();
        match answer.status().as_u16() {
            200 => n_acked += 1,
            503 => break answer.headers()["retry-after"].to_str().unwrap().parse().unwrap(),
            // For the first moments it may be the load alone.
            status => assert_eq!(status, 429),
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{n_acked} acked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(n_acked > 2 && asked >= 5, "{n_acked} acked, then {asked} s");
    let mut grpc = TraceServiceClient::connect(format!("http://{}", server.otlp_grpc)).await.unwrap();
    // There may be room for a few more.
    let refused = loop {
        let request = ExportTraceServiceRequest::decode(faults::body(n_acked).as_slice()).unwrap();
        match grpc.export(request).await {
            Ok(_) => n_acked += 1,
            Err(refused) => break refused,
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{n_acked} acked");
    };
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs(), asked);
    server.wait_until_ready_says("tables that cannot be written are told", |is_ready, _| !is_ready).await;
    assert_eq!(server.status("/health").await, 200);

    std::fs::remove_file(data.join("default")).unwrap();
    server.wait_until_ready_says("it passes by itself", |is_ready, _| is_ready).await;
    for number in n_acked..n_acked + 5 {
        while !send(number).await.unwrap().status().is_success() {
            assert!(began.elapsed() < Duration::from_secs(180), "ingest did not recover");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    server.kill();
    let server = Server::start(&data, Some(&settings));
    assert_eq!(count(&server).await, (n_acked + 5, n_acked + 5));
    server.stop();
}

/// A log whose writes, or whose syncs, fail with EIO.
async fn a_failing_disk_is_told(call: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (data, fault) = (dir.path().join("data"), dir.path().join("fault"));
    let mut command = karat();
    command.env("KARAT_DISK_FAULT", &fault).env("KARAT_LOG_FILTER", "error");
    let server = Server::ready(spawn(command, &data, None, &[0; 3])).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = |number: u64| {
        let url = format!("http://{}/v1/traces", server.otlp_http);
        client.post(url).header("content-type", "application/x-protobuf").body(faults::body(number)).send()
    };
    for number in 0..3 {
        assert!(send(number).await.unwrap().status().is_success());
    }
    std::fs::write(&fault, call).unwrap();
    let refused = send(3).await.unwrap();
    assert_eq!(refused.status().as_u16(), 503, "a client may try again after 503, but not after 500");
    assert!(refused.headers().contains_key("retry-after"));
    server
        .wait_until_ready_says("a log that cannot be written is told", |is_ready, said| {
            !is_ready && said.to_string().contains("the log cannot be written")
        })
        .await;
    assert_eq!(server.status("/health").await, 200);
    assert_eq!(count(&server).await, (3, 3), "what was acked can be read meanwhile");
    std::fs::remove_file(&fault).unwrap();
    server.wait_until_ready_says("it passes by itself", |is_ready, _| is_ready).await;
    for number in 3..6 {
        assert!(send(number).await.unwrap().status().is_success());
    }
    server.kill();
    let server = Server::start(&data, None);
    assert_eq!(count(&server).await, (6, 6), "each once, and none that was refused");
    server.stop();
}

async fn count(server: &Server) -> (u64, u64) {
    let seen = server.sql(None, "select count(*) as n, count(distinct span_id) as d from spans").await;
    (seen[0]["n"].as_u64().unwrap(), seen[0]["d"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_are_told_and_forgotten() {
    a_failing_disk_is_told("write").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_that_fail_are_told_and_forgotten() {
    a_failing_disk_is_told("sync").await;
}
