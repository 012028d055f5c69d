//! Alerts that reach people: a real receiver, one that fails, and one that is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use monitor::notify::{Webhook, WebhookConfig};
use monitor::rule::Duration;
use monitor::{Monitor, MonitorConfig, Notifier, inspect, shipped, walk};
use schema::{Micros, Tenant};
use tokio::sync::Mutex;

use crate::traffic::rows::{fill, open};
use crate::traffic::{BadDay, DAY, HOUR, Kind, START, Weather, calls};

/// A receiver that answers with a status that the test sets, and keeps what it took.
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    n_requests: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Self {
        let (status, taken, n_requests) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU16::new(0)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=secret", listener.local_addr().unwrap());
        let answer = {
            let (status, taken, n_requests) = (status.clone(), taken.clone(), n_requests.clone());
            move |headers: HeaderMap, body: Bytes| async move {
                n_requests.fetch_add(1, Ordering::SeqCst);
                let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
                if status.is_success() {
                    taken.lock().await.push((headers, body));
                }
                status
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(answer))).await });
        Self { url, status, taken, n_requests }
    }

    fn webhook(&self, secret: Option<&str>) -> Arc<dyn Notifier> {
        let config = WebhookConfig { backoff_ms: 1, ..WebhookConfig::new("oncall", &self.url) };
        Arc::new(Webhook::new(config, secret.map(str::to_owned)).unwrap())
    }

    async fn states(&self) -> Vec<String> {
        let taken = self.taken.lock().await;
        let state = |body: &Bytes| serde_json::from_slice::<serde_json::Value>(body).unwrap()["state"].as_str().unwrap().to_owned();
        taken.iter().map(|(_, body)| state(body)).collect()
    }
}

/// The monitor of latency, over days of which the eighth is slow.
fn scene() -> (Tenant, Vec<Monitor>, Vec<crate::traffic::Call>) {
    let bad = BadDay { kind: Kind::Latency, start: START + 7 * DAY, end: START + 8 * DAY, size: 3.0 };
    let monitors = shipped().into_iter().filter(|monitor| monitor.rule.name == "latency");
    let monitors = monitors.map(|mut monitor| {
        monitor.rule.every = Duration::parse("2h").unwrap();
        monitor
    });
    (Tenant::default(), monitors.collect(), calls(11, 9, &Weather::CALM, Some(&bad)))
}

#[tokio::test]
async fn a_bad_day_is_one_page_and_one_all_clear() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, monitors, calls) = scene();
    let store = open(dir.path()).await;
    fill(&store, &tenant, &calls).await;
    let receiver = Receiver::start().await;
    let walked =
        walk(&store, &tenant, &monitors, &[receiver.webhook(Some("s3cret"))], Micros(START + 6 * DAY), Micros(START + 9 * DAY)).await.unwrap();
    assert_eq!((walked.delivered, walked.failed), (2, 0));
    assert_eq!(receiver.states().await, ["firing", "resolved"]);

    let (headers, body) = receiver.taken.lock().await[0].clone();
    assert_eq!(headers["content-type"], "application/json");
    let signature = headers["x-karat-signature"].to_str().unwrap();
    assert!(signature.starts_with("sha256=") && signature.len() == 7 + 64, "{signature}");
    let notice: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (notice["monitor"].as_str(), notice["severity"].as_str(), notice["tenant"].as_str()),
        (Some("latency"), Some("page"), Some("default"))
    );
    assert!(notice["summary"].as_str().unwrap().starts_with("model calls take longer than usual"), "{notice}");
    assert_eq!(notice["details"]["trace_ids"].as_array().unwrap().len(), 10);
    store.close().await.unwrap();
}

// A receiver that is down loses no alert, sees none twice, and doubles no row.
#[tokio::test]
async fn a_receiver_that_fails_is_told_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, monitors, calls) = scene();
    let store = open(dir.path()).await;
    fill(&store, &tenant, &calls).await;
    let receiver = Receiver::start().await;
    let notifiers = [receiver.webhook(None)];
    let mut now = START + 7 * DAY;
    receiver.status.store(503, Ordering::SeqCst);
    let mut looked = inspect(&store, &tenant, &monitors, &notifiers, Micros(now)).await.unwrap();
    while looked.failed == 0 {
        now += HOUR;
        looked = inspect(&store, &tenant, &monitors, &notifiers, Micros(now)).await.unwrap();
        assert!(now < START + 8 * DAY, "nothing fired");
    }
    assert_eq!(looked.transitions.iter().filter(|transition| transition.state == "firing").count(), 1);
    assert_eq!(receiver.n_requests.load(Ordering::SeqCst), 3, "three attempts at one inspection");

    // Still down at the next look; then the process starts anew, and the receiver is back.
    assert_eq!(inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 60_000_000)).await.unwrap().failed, 1);
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    receiver.status.store(204, Ordering::SeqCst);
    let back = inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 120_000_000)).await.unwrap();
    assert_eq!((back.delivered, back.failed, back.transitions.len()), (1, 0, 0));
    assert_eq!(receiver.states().await, ["firing"]);

    // Neither the next look nor another start tells it again.
    assert_eq!(inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 180_000_000)).await.unwrap().delivered, 0);
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    assert_eq!(inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 240_000_000)).await.unwrap().delivered, 0);
    assert_eq!(receiver.states().await, ["firing"]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_not_repeated_at_once_and_a_dead_host_is_named_without_its_token() {
    let receiver = Receiver::start().await;
    let hook = receiver.webhook(None);
    let notice = monitor::Notice::of(&Tenant::default(), &schema::AlertTransition { state: "firing".to_owned(), ..Default::default() });
    receiver.status.store(404, Ordering::SeqCst);
    assert_eq!(hook.notify(&notice).await.unwrap_err().to_string(), "oncall answered 404");
    assert_eq!(receiver.n_requests.load(Ordering::SeqCst), 1);
    receiver.status.store(302, Ordering::SeqCst);
    assert_eq!(hook.notify(&notice).await.unwrap_err().to_string(), "oncall answered 302");

    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = WebhookConfig { backoff_ms: 1, ..WebhookConfig::new("gone", format!("http://127.0.0.1:{port}/?token=secret")) };
    let error = Webhook::new(gone, None).unwrap().notify(&notice).await.unwrap_err().to_string();
    assert!(error.starts_with("gone cannot be reached") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_stalls_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Connections are taken by the kernel and never answered.
    let config = WebhookConfig { backoff_ms: 1, attempts: 2, timeout_ms: 50, ..WebhookConfig::new("slow", url) };
    let notice = monitor::Notice::of(&Tenant::default(), &schema::AlertTransition::default());
    let error = Webhook::new(config, None).unwrap().notify(&notice).await.unwrap_err();
    assert_eq!(error.to_string(), "slow cannot be reached: no answer in time");
    drop(listener);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let config = |webhooks: Vec<WebhookConfig>| MonitorConfig { webhooks, ..MonitorConfig::default() };
    let refused = |config: MonitorConfig, notify: &str| {
        let mut monitors = config.monitors().unwrap();
        monitors[0].rule.notify = vec![notify.to_owned()];
        config.notifiers(&monitors, |_| None).map(|_| ()).unwrap_err().to_string()
    };
    let hook = |url: &str| WebhookConfig::new("oncall", url);
    assert!(refused(config(vec![]), "oncall").contains("notifies \"oncall\", which is none of log"));
    assert!(refused(config(vec![hook("http://a"), hook("http://b")]), "log").contains("two notifiers are named \"oncall\""));
    assert!(refused(config(vec![hook("ftp://a")]), "log").contains("write http:// or https://"));
    assert!(refused(config(vec![hook("nowhere")]), "log").contains("write http:// or https://"));
    let signed = WebhookConfig { secret_env: Some("HOOK".to_owned()), ..hook("http://a") };
    assert!(refused(config(vec![signed]), "log").contains("HOOK, which is not set"));
    assert_eq!(config(vec![hook("http://a")]).notifiers(&[], |_| None).unwrap().len(), 2);
}
