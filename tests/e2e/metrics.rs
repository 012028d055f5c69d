//! `/metrics`: what a scrape holds, that a real Prometheus takes it, and that every query of the Grafana dashboard finds its names in it.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::faults::body;
use crate::server::{Server, TENANTS, karat, settings_for_two_tenants};

/// A server that took some requests and whose monitors looked once.
async fn looked(dir: &std::path::Path) -> Server {
    let settings = dir.join("karat.toml");
    let monitors = dir.join("monitors");
    std::fs::create_dir_all(&monitors).unwrap();
    let own = "name: own\nselect: select start_time as time, duration_ns / 1e9 as value, trace_id from spans\nwatch: threshold\nabove: 1e9\nlevel: max\nevery: 1h\nwindow: 24h\nmin_n: 1\n";
    std::fs::write(monitors.join("own.yaml"), own).unwrap();
    std::fs::write(monitors.join("broken.yaml"), "nmae: x\n").unwrap();
    let text = format!(
        "[log]\nfilter = \"warn\"\n[stages]\nscore_every_s = 0\ninspect_every_s = 1\n[monitor]\nshipped = false\ndir = {:?}\n",
        monitors.to_str().unwrap()
    );
    std::fs::write(&settings, text).unwrap();
    let server = Server::start(&dir.join("data"), Some(&settings));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for seed in 0..3 {
        let url = format!("http://{}/v1/traces", server.otlp_http);
        let sent = client.post(url).header("content-type", "application/x-protobuf").body(body(seed)).send().await.unwrap();
        assert!(sent.status().is_success(), "{}", sent.status());
    }
    server
}

async fn scrape(server: &Server, token: Option<&str>) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(format!("http://{}/metrics", server.http));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Scrapes until a line is there; a minute is patience, not a pause.
async fn scraped_until(server: &Server, word: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, text) = scrape(server, None).await;
        if status == 200 && text.contains(word) {
            return text;
        }
        assert!(Instant::now() < deadline, "{status}: no {word} in\n{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The names of a page; a counter's is that of its samples.
fn names(page: &str) -> BTreeSet<String> {
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split_once(' '));
    kinds.map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() }).collect()
}

/// The names that the source can write: those without a number yet are not on the page.
fn names_written() -> BTreeSet<String> {
    let source = concat!(include_str!("../../src/metrics/mod.rs"), include_str!("../../src/metrics/kafka.rs"));
    let all = |call: &str, end: &str| {
        source.split(call).skip(1).filter_map(|rest| rest.split('"').next()).map(|name| format!("karat_{name}{end}")).collect::<Vec<_>>()
    };
    all("page.gauge(\"", "").into_iter().chain(all("page.counter(\"", "_total")).collect()
}

/// The words of a query that are names of karat's.
fn names_in(expr: &str) -> impl Iterator<Item = &str> {
    expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("karat_"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_tells_health_and_every_monitor() {
    let dir = tempfile::tempdir().unwrap();
    let server = looked(dir.path()).await;
    let page = scraped_until(&server, "karat_monitor_state{monitor=\"own\"").await;
    for line in [
        "karat_records_total{signal=\"traces\",outcome=\"acked\"} 3",
        "karat_wal_segments{} 1.0",
        "karat_table_rows{",
        "karat_maintenance_failures_total{} 0",
        "karat_maintenance_compacted_bytes_total{} 0",
        "karat_table_day_files_max{",
        "karat_table_log_since_checkpoint{",
        "karat_table_replaced_files{",
        "karat_ready{} 1.0",
        "karat_build_info{version=",
        "karat_scrape_part_success{part=\"notifications\"} 1",
        // The file that does not read is seen here too.
        "karat_monitor_state{monitor=\"file:broken.yaml\",slice=\"\",state=\"ERROR\"} 1",
    ] {
        assert!(page.contains(line), "no {line} in\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));

    let dashboard: Value = serde_json::from_str(include_str!("../../docs/grafana.json")).unwrap();
    let known = names_written();
    assert!(names(&page).is_subset(&known), "{:?}", names(&page).difference(&known).collect::<Vec<_>>());
    assert!(names(&page).len() > 15, "{:?}", names(&page));
    let mut n_queries = 0;
    for target in dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let expr = target["expr"].as_str().unwrap();
        n_queries += 1;
        assert!(names_in(expr).count() > 0 && names_in(expr).all(|name| known.contains(name)), "{expr} asks for what is not in {known:?}");
    }
    assert!(n_queries > 15);
    server.stop();
}

/// Somebody's query has the only place: a scrape is answered all the same, before that query is, and says which parts it could not read.
#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_does_not_wait_for_slow_sql() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("karat.toml");
    std::fs::write(&settings, "[log]\nfilter = \"error\"\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n[store.query]\nrunning_max = 1\n")
        .unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings));
    let parts = |read: &str| ["monitors", "alerts", "notifications"].map(|part| format!("karat_scrape_part_success{{part=\"{part}\"}} {read}"));
    scraped_until(&server, &parts("1.0")[0]).await;

    let sql = "select sum(a.x * b.y) from generate_series(1, 1000000) as a(x), generate_series(1, 1000000) as b(y)";
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let slow = client.post(format!("http://{}/api/v1/sql", server.http)).json(&serde_json::json!({"sql": sql, "timeout_ms": 60_000}));
    let slow = tokio::spawn(slow.send());
    let page = scraped_until(&server, &parts("0.0")[0]).await;
    assert!(!slow.is_finished(), "{:?}", slow.await);
    assert!(parts("0.0").iter().all(|part| page.contains(part)), "{page}");
    assert!(page.contains("karat_ready{} 1.0") && page.contains("karat_wal_bytes{} "), "what needs no SQL is there: {page}");

    // Who hangs up makes room.
    slow.abort();
    scraped_until(&server, &parts("1.0")[0]).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_tables_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings_for_two_tenants(dir.path(), "")));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let sent = client.post(url).bearer_auth(TENANTS[0].0).header("content-type", "application/x-protobuf").body(body(1)).send().await.unwrap();
    assert!(sent.status().is_success());
    assert_eq!(scrape(&server, None).await.0, 401);
    assert_eq!(scrape(&server, Some("wrong")).await.0, 401);
    let (_, own) = scrape(&server, Some(TENANTS[0].0)).await;
    let (_, other) = scrape(&server, Some(TENANTS[1].0)).await;
    assert!(own.contains("tenant=\"team-a\"") && !other.contains("team-a"), "{other}");
    server.stop();
}

/// A gateway has no tables, and numbers of its own.
#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_tells_what_it_turns_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = karat();
    command.env("KARAT_ROLE", "gateway").env("KARAT_KAFKA_BROKERS", "127.0.0.1:1").env("KARAT_KAFKA_DELIVERY_TIMEOUT_MS", "300");
    let gateway = Server::ready(crate::server::spawn(command, dir.path(), None, &[0; 3])).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", gateway.otlp_http);
    for (body, status) in [(body(1), 503), (b"no protobuf".to_vec(), 400)] {
        let sent = client.post(&url).header("content-type", "application/x-protobuf").body(body).send().await.unwrap();
        assert_eq!(sent.status().as_u16(), status);
    }
    let refused = |reason: &str| format!("karat_kafka_refused_total{{signal=\"traces\",reason=\"{reason}\"}} 1");
    let page = scraped_until(&gateway, &refused("malformed")).await;
    assert!(page.contains(&refused("not_delivered")) && page.contains("karat_build_info"), "{page}");
    assert!(!page.contains("karat_wal_bytes") && names(&page).is_subset(&names_written()), "{page}");
    gateway.stop();
}

fn prometheus(args: &[&str], target: &str) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/prometheus.sh");
    std::process::Command::new("bash").arg(script).args(args).env("PROM_TARGETS", target).output().unwrap()
}

/// Ends the server, and deletes its data, when this is dropped.
struct Stopped(String);

impl Drop for Stopped {
    fn drop(&mut self) {
        prometheus(&["clean", &self.0], "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_it() {
    if std::env::var("KARAT_SERVICE_TESTS").is_err() {
        eprintln!("SKIPPED: needs tests/services/prometheus.sh; run with KARAT_SERVICE_TESTS=1 (it installs what is missing)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = looked(dir.path()).await;
    scraped_until(&server, "karat_monitor_state{monitor=\"own\"").await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let started = prometheus(&["start", &port], &server.http);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let _stopped = Stopped(port.clone());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for query in ["karat_monitor_state{monitor=\"own\"}", "sum by (signal) (rate(karat_records_total[5m]))", "karat_wal_bytes"] {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let asked = reqwest::Url::parse_with_params(&format!("http://127.0.0.1:{port}/api/v1/query"), [("query", query)]).unwrap();
            let answer: Value = client.get(asked).send().await.unwrap().json().await.unwrap();
            assert_eq!(answer["status"], "success", "{answer}");
            if answer["data"]["result"].as_array().is_some_and(|found| !found.is_empty()) {
                break;
            }
            assert!(Instant::now() < deadline, "{query} finds nothing: {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    drop(_stopped);
    server.stop();
}

/// Each SELECT of the shipped monitors is planned over the columns that there are.
#[test]
fn the_shipped_monitors_have_no_fault() {
    let tested = karat().args(["monitors", "test", concat!(env!("CARGO_MANIFEST_DIR"), "/monitors")]).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
}

/// `karat monitors test` names file, line and the nearest right key; what is sound passes.
#[test]
fn monitors_are_checked_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
    let rest = "watch: threshold\nabove: 1\nevery: 1h\nwindow: 6h\n";
    write("good.yaml", &format!("name: good\nselect: select start_time as time, duration_ns as value from spans\n{rest}"));
    let test = || karat().args(["monitors", "test"]).arg(dir.path()).output().unwrap();
    let sound = test();
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
    write("key.yaml", &format!("name: key\nselect: select 1 as value\n{rest}evrey: 2h\n"));
    write("column.yaml", &format!("name: column\nselect: select start_time as time, duraton_ns as value from spans\n{rest}"));
    write("nothing.yaml", &format!("name: nothing\nselect: select start_time as time from spans\n{rest}"));
    write(
        "named.yaml",
        &format!("name: named\nselect: select start_time as time, duration_ns as value from spans\n{rest}under: [latancy, good]\nnotify: [oncall]\n"),
    );
    let faulty = test();
    let said = String::from_utf8_lossy(&faulty.stdout).into_owned();
    assert_eq!(faulty.status.code(), Some(2), "{said}");
    for words in [
        "key.yaml:7: unknown key \"evrey\"; the nearest one is \"every\"",
        "column.yaml:2: select failed: there is no column \"duraton_ns\"; did you mean \"duration_ns\"?, at line 1, column ",
        "nothing.yaml:2: select gives no column \"value\"",
        "named.yaml:7: under: there is no monitor \"latancy\"; the nearest one is \"latency\"",
        "named.yaml:8: notify: there is no notifier \"oncall\"",
        "5 monitors, 5 faults",
    ] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
    // Without a directory it is that of the settings.
    let settings = tempfile::tempdir().unwrap();
    std::fs::write(settings.path().join("karat.toml"), format!("[monitor]\ndir = {:?}\n", dir.path())).unwrap();
    let of_settings = karat().args(["monitors", "test"]).current_dir(settings.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&of_settings.stdout).contains("5 monitors, 5 faults"), "{of_settings:?}");
}
