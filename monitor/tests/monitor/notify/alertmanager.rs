//! A real Prometheus Alertmanager: what fires is active there, what is over is gone, and its own receiver hears of both.

use monitor::Notice;
use monitor::notify::{AlertmanagerConfig, NotifyConfig};
use schema::{AlertTransition, Micros, Tenant};
use serde_json::Value;

use super::receiver::{Receiver, loopback, only, quick};

/// The server; ended, and its data deleted, when this is dropped.
struct Alertmanager {
    url: String,
    port: String,
}

impl Alertmanager {
    /// Starts it with a receiver of its own; nothing where services are not to be started.
    fn start(hook: &str) -> Option<Self> {
        if std::env::var("KARAT_SERVICE_TESTS").is_err() {
            eprintln!("SKIPPED: needs tests/services/alertmanager.sh; run with KARAT_SERVICE_TESTS=1 (it installs what is missing)");
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let started = service(&["start", &port], hook);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        Some(Self { url: format!("http://127.0.0.1:{port}"), port })
    }

    async fn alerts(&self) -> Vec<Value> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("{}/api/v2/alerts", self.url)).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        service(&["clean", &self.port], "");
    }
}

fn service(args: &[&str], hook: &str) -> std::process::Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/services/alertmanager.sh");
    std::process::Command::new("bash").arg(script).args(args).env("ALERT_WEBHOOK", hook).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fires_is_active_there_until_it_is_over() {
    let receiver = Receiver::start().await;
    let Some(server) = Alertmanager::start(&format!("{}/hook", receiver.url)) else { return };
    let config = AlertmanagerConfig { name: "am".to_owned(), url: server.url.clone(), token_env: None, refresh_m: 15, retry: quick() };
    let notifier = only(&NotifyConfig { alertmanagers: vec![config], ..loopback() }, |_| None);
    let now = Micros::from(chrono::Utc::now());
    let alert = |state: &str| AlertTransition {
        id: "latency-quality-1".to_owned(),
        time: now,
        monitor: "latency".to_owned(),
        state: state.to_owned(),
        severity: "page".to_owned(),
        summary: "model calls take longer".to_owned(),
        ..AlertTransition::default()
    };
    notifier.notify(&[Notice::of(&Tenant::default(), &alert("firing"))]).await.unwrap();
    let alerts = server.alerts().await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((alerts[0]["labels"]["alertname"].as_str(), alerts[0]["status"]["state"].as_str()), (Some("latency"), Some("active")));
    assert_eq!(alerts[0]["annotations"]["summary"], "model calls take longer");

    // Told again, it is the same alert; over, it is gone.
    notifier.notify(&[Notice::of(&Tenant::default(), &alert("firing"))]).await.unwrap();
    assert_eq!(server.alerts().await.len(), 1);
    notifier.notify(&[Notice::of(&Tenant::default(), &alert("resolved"))]).await.unwrap();
    assert_eq!(server.alerts().await, Vec::<Value>::new());

    // Its own receiver hears of the end; a minute is its patience, not a pause of the test's.
    let told = || receiver.taken().iter().map(|request| request.field("status")).collect::<Vec<_>>();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while told().last().map(String::as_str) != Some("resolved") {
        assert!(std::time::Instant::now() < deadline, "{:?}", told());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
