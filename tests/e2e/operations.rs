//! What an operator does: looks after the health, copies the data, puts it back, forgets a person.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::server::{Server, TENANTS, karat, settings_for_two_tenants, sql_at_rest};

/// 2026-11-01T00:00:00Z.
pub const START_NANOS: u64 = 1_793_491_200_000_000_000;

/// Five spans of one trace, as a line of OTLP in JSON.
pub fn line(trace: u64) -> String {
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

/// Sends the line of a trace.
pub async fn send(server: &Server, trace: u64) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let answer = client.post(url).header("content-type", "application/json").body(line(trace)).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Runs a command on a data directory, beside no server.
pub fn run(args: &[&str], data: &Path) -> Output {
    karat().args(args).arg("--data").arg(data).env("KARAT_LISTEN_HTTP", "127.0.0.1:1").output().unwrap()
}

/// Returns what a command said, which must have gone well.
#[track_caller]
pub fn said(output: &Output) -> String {
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

/// A bare name is one in the working directory.
#[test]
fn a_backup_can_be_named_from_where_one_stands() {
    let dir = tempfile::tempdir().unwrap();
    let here = |args: &[&str]| karat().args(args).current_dir(dir.path()).env("KARAT_LISTEN_HTTP", "127.0.0.1:1").output().unwrap();
    std::fs::write(dir.path().join("first.jsonl"), line(0)).unwrap();
    said(&here(&["import", "first.jsonl", "--data", "data"]));
    said(&here(&["backup", "copy", "--data", "data"]));
    said(&here(&["restore", "copy", "--data", "back"]));
    assert_eq!(count(&dir.path().join("back")), json!({"n": 5, "ids": 5}));
}

/// The directory that is named is the one that is meant, whatever server runs elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_forgotten_where_it_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let (running, resting) = (dir.path().join("a"), dir.path().join("b"));
    let server = Server::start(&running, None);
    send(&server, 1).await;
    let first = dir.path().join("first.jsonl");
    std::fs::write(&first, line(0) + "\n" + &line(1)).unwrap();
    said(&run(&["import", &first.display().to_string()], &resting));
    let forget =
        |data: &Path| karat().args(["forget", "--user", "user-1", "--data"]).arg(data).env("KARAT_LISTEN_HTTP", &server.http).output().unwrap();
    let told = said(&forget(&resting));
    assert!(told.contains("removed 5 rows of 1 traces"), "{told}");
    assert_eq!(count(&resting), json!({"n": 5, "ids": 5}));
    assert_eq!(server.sql(None, "select count(*) as n from spans").await[0]["n"], 5);
    let nowhere = forget(&dir.path().join("c"));
    assert!(!nowhere.status.success() && !dir.path().join("c").exists(), "a name that is mistyped makes no directory");
}

/// Somewhere else than on the server's machine there is its SQL and nothing more; beside it there is its directory, which knows less.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_no_more_than_it_can_see() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings_for_two_tenants(dir.path(), "[store]\nflush_interval_ms = 3600000\n");
    let (data, nowhere) = (dir.path().join("data"), dir.path().join("nowhere"));
    let server = Server::start(&data, Some(&settings));
    let (token, tenant) = TENANTS[1];
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = client.post(format!("http://{}/v1/traces", server.otlp_http)).header("content-type", "application/json").bearer_auth(token);
    assert!(post.body(line(0)).send().await.unwrap().status().is_success());
    while server.sql(Some(token), "select count(*) as n from spans").await[0]["n"] != 5 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (url, id) = (format!("http://{}", server.http), format!("{:032x}", 1));
    let remote =
        |args: &[&str]| karat().args(args).args(["--url", &url]).env("KARAT_TOKEN", token).env("KARAT_STORE_DATA", &nowhere).output().unwrap();

    let text = said(&remote(&["doctor"]));
    assert!(text.contains("visible") && text.contains("spans: 5 rows are kept, and queries see all of them"), "{text}");
    let wrong = remote(&["doctor", "--tenant", TENANTS[0].1]);
    assert!(wrong.status.code() == Some(2) && String::from_utf8_lossy(&wrong.stderr).contains("shows the rows of tenant team-b"));
    let text = said(&remote(&["doctor", "trace", &id]));
    assert!(text.contains("is visible: 5 spans") && text.contains("`--data` tells on the server's machine"), "{text}");
    let text = said(&run(&["doctor", "trace", &id, "--tenant", tenant], &data));
    assert!(text.contains("is acked") && text.contains("may show it already"), "{text}");
    server.stop();
    let text = said(&run(&["doctor", "trace", &id, "--tenant", tenant], &data));
    assert!(text.contains("is committed: 5 spans"), "{text}");
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
