//! What an operator does: looks after the health, copies the data, puts it back, moves spans, forgets a person.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::server::{Server, karat, sql_at_rest};

/// 2026-11-01T00:00:00Z.
const START_NANOS: u64 = 1_793_491_200_000_000_000;

/// Five spans of one trace, as a line of OTLP in JSON.
fn line(trace: u64) -> String {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let span = |number: u64| {
        let start = START_NANOS + trace * 1_000_000_000 + number * 1_000;
        json!({
            "traceId": format!("{:032x}", trace + 1), "spanId": format!("{:016x}", trace * 10 + number + 1), "name": "chat gpt-5", "kind": 3,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 2_000).to_string(), "status": {"code": 1},
            "attributes": [
                attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.provider.name", "openai"),
                attribute("gen_ai.request.model", "gpt-5"), attribute("user.id", &format!("user-{}", trace % 2)),
                attribute("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"an answer"}]}]"#),
                attribute("shop", "north"), {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
            ],
        })
    };
    let resource = json!({"attributes": [attribute("service.name", "shop")]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "lib"}, "spans": (0..5).map(span).collect::<Vec<_>>()}]}]})
        .to_string()
}

/// Two log records, of which one belongs to no span.
fn logs() -> String {
    let record = |trace: &str| json!({"timeUnixNano": START_NANOS.to_string(), "traceId": trace, "body": {"stringValue": "a word"}});
    let records = [record(""), record(&format!("{:032x}", 1))];
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string()
}

async fn send(server: &Server, trace: u64) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let answer = client.post(url).header("content-type", "application/json").body(line(trace)).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

fn run(args: &[&str], data: &Path) -> Output {
    karat().args(args).arg("--data").arg(data).env("KARAT_LISTEN_HTTP", "127.0.0.1:1").output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn count(data: &Path) -> Value {
    sql_at_rest(data, "default", "select count(*) as n, count(distinct span_id) as ids from spans").remove(0)
}

/// A copy that is made while spans come in holds whatever was acked before it began, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_while_the_server_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, back) = (dir.path().join("data"), dir.path().join("copy"), dir.path().join("back"));
    let server = Server::start(&data, None);
    for trace in 0..20 {
        send(&server, trace).await;
    }
    let ((), output) = tokio::join!(
        async {
            for trace in 20..60 {
                send(&server, trace).await;
            }
        },
        async {
            let (data, copy) = (data.clone(), copy.display().to_string());
            tokio::task::spawn_blocking(move || run(&["backup", &copy], &data)).await.unwrap()
        }
    );
    assert!(said(&output).contains("tables"));
    server.stop();
    said(&run(&["restore", &copy.display().to_string()], &back));
    let found = count(&back);
    assert!(found["n"].as_u64() >= Some(100) && found["n"] == found["ids"], "{found}");
    assert_eq!(count(&data), json!({"n": 300, "ids": 300}));
    let again = run(&["restore", &copy.display().to_string()], &back);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"), "a restore writes over nothing");
    // A server goes on from where the copy was made.
    let server = Server::start(&back, None);
    send(&server, 99).await;
    server.stop();
    assert_eq!(count(&back)["n"].as_u64().unwrap(), found["n"].as_u64().unwrap() + 5);
}

/// What is exported and imported elsewhere is the same; importing it again changes nothing.
#[test]
fn spans_move_from_one_karat_to_another() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let (first, second) = (dir.path().join("first.jsonl"), dir.path().join("second.jsonl"));
    std::fs::write(&first, (0..30).map(|trace| line(trace) + "\n").collect::<String>() + &logs()).unwrap();
    let (first, second) = (first.display().to_string(), second.display().to_string());
    assert!(said(&run(&["import", &first], &from)).contains("sent 152 spans and log records, left out 0"));
    assert!(said(&run(&["import", &first], &from)).contains("sent 0 spans and log records, left out 152"));
    said(&run(&["export", &second], &from));
    assert!(said(&run(&["import", &second], &to)).contains("sent 150 spans"));
    let columns = "trace_id, span_id, parent_span_id, start_unix_nano, duration_ns, service_name, name, kind, status, scope_name, operation, is_llm_call, \
                   provider, request_model, input_tokens, user_id, attributes, resource, output_messages, output_text, cost_nanousd";
    let rows = |data: &Path| sql_at_rest(data, "default", &format!("select {columns} from spans order by start_unix_nano, span_id"));
    assert_eq!(rows(&from), rows(&to));
    assert_eq!(rows(&to)[0]["output_text"], "an answer");
}

/// The doctor sees that all is well, at which stage a trace is, and a person that is forgotten is gone.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_follows_a_trace_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), None);
    for trace in 0..4 {
        send(&server, trace).await;
    }
    let url = format!("http://{}", server.http);
    let nonsense = reqwest::Client::new().post(format!("http://{}/v1/traces", server.otlp_http)).header("content-type", "application/x-protobuf");
    assert_eq!(nonsense.body("no protobuf").send().await.unwrap().status(), 400);
    let doctor = karat().args(["doctor", "--url", &url]).output().unwrap();
    let text = said(&doctor);
    assert!(text.contains("traces: 5 received, 4 acked") && text.contains("1 malformed") && text.contains("spans: 20 rows are kept"), "{text}");
    let id = format!("{:032x}", 2);
    let trace = karat().args(["doctor", "trace", &id, "--url", &url]).env("KARAT_STORE_DATA", dir.path()).output().unwrap();
    let text = said(&trace);
    assert!(text.contains(&format!("{id} is visible")) || text.contains(&format!("{id} is committed: 5 spans")), "{text}");

    assert!(said(&run(&["forget", "--user", "user-1"], dir.path())).contains("asked the running karat"));
    let started = std::time::Instant::now();
    while server.sql(None, "select count(*) as n from spans").await[0]["n"] != 10 {
        assert!(started.elapsed().as_secs() < 60, "the server does what was asked");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.stop();
    let gone = run(&["doctor", "trace", &id], dir.path());
    assert!(String::from_utf8_lossy(&gone.stdout).contains("is not here") && gone.status.code() == Some(1));
    let text = said(&run(&["doctor"], dir.path()));
    assert!(!text.contains("BAD"), "{text}");
}
