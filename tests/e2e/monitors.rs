//! `karat monitors` through the binary: a starting set, a backtest with its picture, and what a person says to an alert.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::ready::free_ports;
use crate::server::{Server, karat, sql_at_rest};

/// Any span is too slow for it.
const SLOW: &str = "name: slow\nselect: select start_time as time, duration_ns / 1e9 as value, service_name, trace_id from spans\nwatch: threshold\nabove: 0\n\
                    level: max\nevery: 1h\nwindow: 1d\nmin_n: 1\nfor: 1\n";

fn monitors(args: &[&str]) -> Output {
    karat().arg("monitors").args(args).env("KARAT_LISTEN_HTTP", "127.0.0.1:1").output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Sends a call of two hours ago.
async fn send(server: &Server) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let start = now - Duration::from_secs(2 * 3_600);
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let tokens = |key: &str, n: u64| json!({"key": key, "value": {"intValue": n.to_string()}});
    let span = json!({
        "traceId": "0123456789abcdef0123456789abcdef", "spanId": "0123456789abcdef", "name": "chat gpt-5", "kind": 3,
        "startTimeUnixNano": start.as_nanos().to_string(), "endTimeUnixNano": (start + Duration::from_secs(2)).as_nanos().to_string(),
        "attributes": [
            attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.provider.name", "openai"), attribute("gen_ai.request.model", "gpt-5"),
            attribute("gen_ai.response.model", "gpt-5"), tokens("gen_ai.usage.input_tokens", 90_000), tokens("gen_ai.usage.output_tokens", 9_000),
        ],
    });
    let resource = json!({"attributes": [attribute("service.name", "shop")]});
    let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let sent = client.post(url).header("content-type", "application/json").body(body).send().await.unwrap();
    assert!(sent.status().is_success(), "{}", sent.status());
}

/// The id of the alert, as soon as there is one; a minute is patience, not a pause.
async fn firing(server: &Server) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let rows = server.sql(None, "select id from alerts where state = 'firing'").await;
        if let Some(row) = rows.first() {
            return row["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "no alert");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Settings under which the one monitor looks every so many seconds.
fn settings(dir: &Path, inspect_every_s: u32) -> std::path::PathBuf {
    let own = dir.join("own");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("slow.yaml"), SLOW).unwrap();
    let file = dir.join("karat.toml");
    let text = format!(
        "[log]\nfilter = \"warn\"\n[stages]\nscore_every_s = 0\ninspect_every_s = {inspect_every_s}\n[monitor]\nshipped = false\nextended = false\ndir = {own:?}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_an_alert_and_looks_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // A turn that was taken is not taken again, so the call is there before the first.
    let server = Server::start(&data, Some(&settings(dir.path(), 0)));
    send(&server).await;
    server.stop();
    let server = Server::start(&data, Some(&settings(dir.path(), 1)));
    let id = firing(&server).await;
    let url = format!("http://{}", server.http);

    let ack = monitors(&["ack", &id, "--url", &url, "--actor", "ann"]);
    assert_eq!(said(&ack), format!("{id}: acknowledge noted\n"));
    let mute = monitors(&["mute", &id, "--for", "2h", "--url", &url, "--actor", "ann"]);
    assert_eq!(said(&mute), format!("{id}: mute noted\n"));
    let rows = server.sql(None, "select state, actor from alerts where actor is not null order by time").await;
    assert_eq!(
        rows.iter().map(|row| (row["state"].as_str().unwrap(), row["actor"].as_str().unwrap())).collect::<Vec<_>>(),
        [("acknowledged", "ann"), ("muted", "ann")]
    );
    let unknown = monitors(&["ack", "nothing", "--url", &url, "--actor", "ann"]);
    assert!(
        !unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("nothing"),
        "{}",
        String::from_utf8_lossy(&unknown.stderr)
    );
    let wrong = monitors(&["mute", &id, "--for", "soon", "--url", &url, "--actor", "ann"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", String::from_utf8_lossy(&wrong.stderr));
    server.stop();

    starting_set(dir.path(), &data);
    backtest(dir.path(), &data);
}

/// The shipped set and what belongs to the services that are seen; what is there stays.
fn starting_set(dir: &Path, data: &Path) {
    let into = dir.join("set");
    let into = into.to_str().unwrap();
    let data = data.to_str().unwrap();
    assert!(said(&monitors(&["init", into, "--data", data])).contains("wrote"));
    for (file, _) in monitor::shipped_files() {
        assert!(Path::new(into).join(file).exists(), "{file}");
    }
    for file in ["budget-shop.yaml", "slow-shop.yaml"] {
        assert!(Path::new(into).join(file).exists(), "{file}");
    }
    std::fs::write(Path::new(into).join("latency.yaml"), SLOW.replace("slow", "mine")).unwrap();
    assert!(said(&monitors(&["init", into, "--data", data])).contains("wrote 0 files"));
    assert!(std::fs::read_to_string(Path::new(into).join("latency.yaml")).unwrap().starts_with("name: mine"));
    let tested = monitors(&["test", into]);
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
}

fn backtest(dir: &Path, data: &Path) {
    let (picture, own) = (dir.join("backtest.html"), dir.join("own"));
    let before = sql_at_rest(data, "default", "select count(*) as n from alerts");
    let args = ["backtest", "slow", "--last", "2d", "--simulate-null", "2", "--html", picture.to_str().unwrap(), "--dir", own.to_str().unwrap()];
    let text = said(&karat().arg("monitors").args(args).arg("--data").arg(data).output().unwrap());
    assert!(text.starts_with("slow ") && (text.contains(" 1 alerts in 48 looks") || text.contains(" 1 alerts in 49 looks")), "{text}");
    let page = std::fs::read_to_string(&picture).unwrap();
    assert!(page.contains("<svg") && page.contains("<h2>slow</h2>") && !page.contains("<script"), "{page}");
    assert_eq!(sql_at_rest(data, "default", "select count(*) as n from alerts"), before, "nothing is written");
    let unknown = karat().args(["monitors", "backtest", "slwo", "--data"]).arg(data).output().unwrap();
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no monitor slwo"), "{}", String::from_utf8_lossy(&unknown.stderr));
}

/// karat's own traces, sent to itself: a span a pass of each stage.
#[tokio::test(flavor = "multi_thread")]
async fn karat_sends_its_own_traces_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let ports: [u16; 3] = free_ports();
    let settings = settings(dir.path(), 1);
    let mut text = std::fs::read_to_string(&settings).unwrap();
    text.push_str(&format!("[telemetry]\nendpoint = \"http://127.0.0.1:{}\"\n", ports[0]));
    std::fs::write(&settings, text).unwrap();
    let server = Server::ready(Server::spawn_at(&dir.path().join("data"), &settings, &ports)).unwrap();
    send(&server).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    let sql = "select name, status, duration_ns, service_version, json_get_str(attributes, 'karat.tenant') as tenant from spans where service_name = 'karat'";
    let row = loop {
        if let Some(row) = server.sql(None, sql).await.into_iter().next() {
            break row;
        }
        assert!(Instant::now() < deadline, "karat told nothing of itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(row["name"].as_str().is_some_and(|name| !name.is_empty()) && row["duration_ns"].as_i64().is_some_and(|ns| ns > 0), "{row}");
    assert_eq!((row["tenant"].as_str(), row["service_version"].as_str()), (Some("default"), Some(env!("CARGO_PKG_VERSION"))), "{row}");
    server.stop();
}
