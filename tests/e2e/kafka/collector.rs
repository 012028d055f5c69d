//! A real OpenTelemetry Collector in front of karat. It takes minutes to build, so it is started only with KARAT_SERVICE_TESTS=all.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::nodes::{Broker, Node, SETTINGS};
use crate::crash::request::{Request, SIGNALS};
use crate::ready::free_ports;
use crate::server::{Server, service};

/// A Collector of tests/services/otelcol.sh; ended, and its queue deleted, when this is dropped.
struct Collector {
    ports: [String; 2],
}

impl Collector {
    /// Starts a Collector that exports to Kafka (`KAFKA`) or to OTLP (`FORWARD`); nothing where it is not to be started.
    fn start(exports: &str, to: &str) -> Option<Collector> {
        if std::env::var("KARAT_SERVICE_TESTS").is_ok_and(|tests| tests != "all") || Command::new("go").arg("version").output().is_err() {
            eprintln!("SKIPPED: needs tests/services/otelcol.sh and go; run with KARAT_SERVICE_TESTS=all (the Collector takes minutes to build)");
            return None;
        }
        let [grpc, http] = free_ports();
        let ports = [grpc, http].map(|port| port.to_string());
        // The script reads where to export to from the environment.
        let words = [format!("{exports}={to}")];
        service("otelcol.sh", &["start", &ports[0], &ports[1], &words[0]])?;
        Some(Collector { ports })
    }

    async fn send(&self, numbers: std::ops::Range<u64>) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for request in numbers.map(|number| Request { number }) {
            let url = format!("http://127.0.0.1:{}/v1/{}", self.ports[1], SIGNALS[request.signal()].0);
            let sent = client.post(url).header("content-type", "application/x-protobuf").body(request.body()).send().await.unwrap();
            assert!(sent.status().is_success(), "{}", sent.status());
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        service("otelcol.sh", &["clean", &self.ports[0], &self.ports[1]]);
    }
}

/// Requests of a few rows, none of them flawed.
const REQUESTS: std::ops::Range<u64> = 42..47;

async fn wait_for_rows(server: &Server, numbers: impl Iterator<Item = u64> + Clone) {
    let expected: u64 = numbers.map(|number| Request { number }.n_rows()).sum();
    let sql = "select count(*) as n, count(distinct row) as n_rows from (select attributes->>'row' as row from spans \
               union all select attributes->>'row' from logs union all select attributes->>'row' from metrics)";
    let began = Instant::now();
    loop {
        let found = server.sql(None, sql).await;
        if found[0]["n"] == expected && found[0]["n_rows"] == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{} of {expected}", found[0]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn settings_without_keys(dir: &Path, others: &str) -> std::path::PathBuf {
    let file = dir.join("open.toml");
    std::fs::write(&file, format!("[log]\nfilter = \"warn\"\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n{others}")).unwrap();
    file
}

/// OTLP to the Collector, which writes to Kafka as it does for anybody; karat reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_may_stand_in_the_place_of_the_gateway() {
    let Some(broker) = Broker::start() else { return };
    let Some(collector) = Collector::start("KAFKA", &broker.bootstrap) else { return };
    let dir = tempfile::tempdir().unwrap();
    let settings = settings_without_keys(dir.path(), SETTINGS);
    let ingester = Node { broker: &broker, settings: &settings, variables: Vec::new() }.start("ingester", &dir.path().join("data"));
    collector.send(REQUESTS).await;
    wait_for_rows(&ingester, REQUESTS).await;
    ingester.stop();
}

/// OTLP to the Collector and on to karat, which goes away and comes back: the Collector keeps what it has, and karat stores it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_waits_for_karat() {
    let dir = tempfile::tempdir().unwrap();
    let (data, settings, ports) = (dir.path().join("data"), settings_without_keys(dir.path(), ""), free_ports());
    let Some(collector) = Collector::start("FORWARD", &format!("127.0.0.1:{}", ports[0])) else { return };
    let karat = Server::ready(Server::spawn_at(&data, &settings, &ports)).unwrap();
    collector.send(REQUESTS).await;
    wait_for_rows(&karat, REQUESTS).await;
    karat.kill();
    let later = 50..54;
    collector.send(later.clone()).await;
    let karat = Server::ready(Server::spawn_at(&data, &settings, &ports)).unwrap();
    wait_for_rows(&karat, REQUESTS.chain(later)).await;
    karat.stop();
}
