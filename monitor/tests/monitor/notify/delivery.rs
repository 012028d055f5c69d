//! What is told when, to receivers that work, fail, and come back.

use std::sync::Arc;

use monitor::notify::{AlertmanagerConfig, NotifyConfig, WebhookConfig};
use monitor::rule::Duration;
use monitor::{Monitor, MonitorConfig, Notifier, inspect, shipped, walk};
use schema::{AlertTransition, Micros, Tenant};
use serde_json::Value;
use store::{QueryOptions, Store};

use super::receiver::{Receiver, loopback, only, quick};
use crate::traffic::rows::{fill, open};
use crate::traffic::{BadDay, DAY, HOUR, Kind, START, Weather, calls};

const MINUTE: i64 = 60_000_000;

fn webhook(receiver: &Receiver, secret: Option<&str>) -> Arc<dyn Notifier> {
    let mut hook = receiver.webhook("oncall");
    hook.secret_env = secret.map(|_| "HOOK_SECRET".to_owned());
    only(&NotifyConfig { webhooks: vec![hook], ..loopback() }, |_| secret.map(str::to_owned))
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
        walk(&store, &tenant, &monitors, &[webhook(&receiver, Some("s3cret"))], Micros(START + 6 * DAY), Micros(START + 9 * DAY)).await.unwrap();
    assert_eq!((walked.delivered, walked.failed), (2, 0));
    assert_eq!(receiver.states(), ["firing", "resolved"]);

    let request = receiver.taken()[0].clone();
    assert_eq!(request.headers["content-type"], "application/json");
    let signature = request.headers["x-karat-signature"].to_str().unwrap();
    assert_eq!(signature, format!("sha256={}", signed(b"s3cret", &request.body)), "what was sent is what was signed");
    let notice = request.json();
    assert_eq!(
        (notice["monitor"].as_str(), notice["severity"].as_str(), notice["tenant"].as_str()),
        (Some("latency"), Some("page"), Some("default"))
    );
    assert!(notice["summary"].as_str().unwrap().starts_with("model calls take longer than usual"), "{notice}");
    assert_eq!(notice["details"]["trace_ids"].as_array().unwrap().len(), 10);
    store.close().await.unwrap();
}

/// HMAC-SHA256 as RFC 2104 has it, of a key shorter than a block: what a receiver would compute.
fn signed(key: &[u8], body: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let padded = |byte: u8| (0..64).map(|place| key.get(place).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::digest([padded(0x36), body.to_vec()].concat());
    let outer = Sha256::digest([padded(0x5c), inner.to_vec()].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

// A receiver that is down loses no alert, sees none twice, and doubles no row.
#[tokio::test]
async fn a_receiver_that_fails_is_told_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, monitors, calls) = scene();
    let store = open(dir.path()).await;
    fill(&store, &tenant, &calls).await;
    let receiver = Receiver::start().await;
    let notifiers = [webhook(&receiver, None)];
    let mut now = START + 7 * DAY;
    receiver.answer(503, "");
    let mut looked = inspect(&store, &tenant, &monitors, &notifiers, Micros(now)).await.unwrap();
    while looked.failed == 0 {
        now += HOUR;
        looked = inspect(&store, &tenant, &monitors, &notifiers, Micros(now)).await.unwrap();
        assert!(now < START + 8 * DAY, "nothing fired");
    }
    assert_eq!(looked.transitions.iter().filter(|transition| transition.state == "firing").count(), 1);
    assert_eq!(receiver.n_requests(), 3, "three attempts at one inspection");

    // Still down at the next look; then the process starts anew, and the receiver is back.
    assert_eq!(inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 60_000_000)).await.unwrap().failed, 1);
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    receiver.answer(204, "");
    let back = inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 120_000_000)).await.unwrap();
    assert_eq!((back.delivered, back.failed, back.transitions.len()), (1, 0, 0));
    assert_eq!(receiver.states(), ["firing"]);

    // Neither the next look nor another start tells it again.
    assert_eq!(inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 180_000_000)).await.unwrap().delivered, 0);
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    assert_eq!(inspect(&store, &tenant, &monitors, &notifiers, Micros(now + 240_000_000)).await.unwrap().delivered, 0);
    assert_eq!(receiver.states(), ["firing"]);
    store.close().await.unwrap();
}

/// Inspects until the alert fires, and returns when.
async fn until_firing(store: &Store, tenant: &Tenant, monitors: &[Monitor], notifiers: &[Arc<dyn Notifier>]) -> i64 {
    for hour in 0..24 {
        let now = START + 7 * DAY + hour * HOUR;
        let looked = inspect(store, tenant, monitors, notifiers, Micros(now)).await.unwrap();
        if looked.transitions.iter().any(|transition| transition.state == "firing") {
            return now;
        }
    }
    panic!("nothing fired");
}

async fn rows(store: &Store, tenant: &Tenant, sql: &str) -> Vec<Value> {
    store.query(tenant, sql, &QueryOptions::default()).await.unwrap().rows().unwrap()
}

// The other channels hear that one is broken, once, and hear when it is back; what nobody got can be found with SQL.
#[tokio::test]
async fn a_broken_channel_is_told_over_another_and_leaves_dead_letters() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, monitors, calls) = scene();
    let store = open(dir.path()).await;
    fill(&store, &tenant, &calls).await;
    let (broken, healthy) = (Receiver::start().await, Receiver::start().await);
    let hooks = NotifyConfig { webhooks: vec![broken.webhook("broken"), healthy.webhook("healthy")], ..loopback() };
    let notifiers = monitor::notify::notifiers(&hooks, |_| None).unwrap();
    broken.answer(500, "down for repairs");
    let fired = until_firing(&store, &tenant, &monitors, &notifiers).await;
    for minute in [1, 3, 6] {
        inspect(&store, &tenant, &monitors, &notifiers, Micros(fired + minute * MINUTE)).await.unwrap();
    }
    let told = || healthy.taken().iter().map(|request| (request.field("monitor"), request.field("state"))).collect::<Vec<_>>();
    let pair = |monitor: &str, state: &str| (monitor.to_owned(), state.to_owned());
    assert_eq!(told(), [pair("latency", "firing"), pair("channel:broken", "firing")]);
    let error = rows(&store, &tenant, "select error from notifications where outcome = 'failed'").await;
    assert!(error.len() >= 3 && error[0]["error"].as_str().unwrap().contains("down for repairs"), "{error:?}");

    // A restart in the middle tells nothing again.
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    inspect(&store, &tenant, &monitors, &notifiers, Micros(fired + 7 * MINUTE)).await.unwrap();
    assert_eq!(told().len(), 2);

    // A day later the page is of no use to anybody: it is given up, and can be found.
    inspect(&store, &tenant, &[], &notifiers, Micros(fired + 25 * HOUR)).await.unwrap();
    inspect(&store, &tenant, &monitors, &notifiers, Micros(fired + 26 * HOUR)).await.unwrap();
    let dead = rows(&store, &tenant, "select alert_id, payload from notifications where outcome = 'dead' and notifier = 'broken'").await;
    assert!(dead.iter().any(|row| row["payload"].as_str().unwrap().contains("\"monitor\":\"latency\"")), "{dead:?}");

    broken.answer(200, "");
    inspect(&store, &tenant, &monitors, &notifiers, Micros(fired + 48 * HOUR)).await.unwrap();
    let open_channels = rows(&store, &tenant, "select state from alerts where kind = 'channel' order by time desc limit 1").await;
    let back = rows(&store, &tenant, "select count(*) as n from notifications where notifier = 'broken' and outcome = 'delivered'").await;
    // A reminder reached it, so it is over.
    assert_eq!((open_channels[0]["state"].as_str(), back[0]["n"].as_u64()), (Some("resolved"), Some(1)));
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_alert_is_repeated_until_somebody_acknowledges_it() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, mut monitors, calls) = scene();
    monitors[0].rule.renotify = Some(Duration::parse("30m").unwrap());
    let store = open(dir.path()).await;
    fill(&store, &tenant, &calls).await;
    let receiver = Receiver::start().await;
    let notifiers = [webhook(&receiver, None)];
    let fired = until_firing(&store, &tenant, &monitors, &notifiers).await;
    for minute in [10, 31, 40, 62] {
        inspect(&store, &tenant, &monitors, &notifiers, Micros(fired + minute * MINUTE)).await.unwrap();
    }
    assert_eq!(receiver.states(), ["firing"; 3]);
    assert_eq!(receiver.taken()[2].json()["reminder"], 2);

    let alerts = rows(&store, &tenant, "select id from alerts where state = 'firing'").await;
    let firing = AlertTransition { id: alerts[0]["id"].as_str().unwrap().to_owned(), monitor: "latency".to_owned(), ..AlertTransition::default() };
    let known = firing.acknowledged("ann", Micros(fired + 65 * MINUTE));
    store.append(&tenant, &[known], Micros(fired + 65 * MINUTE)).await.unwrap();
    for minute in [70, 95, 119] {
        inspect(&store, &tenant, &monitors, &notifiers, Micros(fired + minute * MINUTE)).await.unwrap();
    }
    assert_eq!(receiver.states(), ["firing", "firing", "firing", "acknowledged"]);
    assert_eq!(receiver.taken()[3].json()["actor"], "ann");
    store.close().await.unwrap();
}

// An Alertmanager ends what it does not hear of: an acknowledged alert must be told on, for days, and its end too where it is muted.
#[tokio::test]
async fn an_acknowledgement_does_not_end_an_alert_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, mut monitors, calls) = scene();
    // Nobody is reminded by karat; the Alertmanager is told on all the same.
    monitors[0].rule.renotify = None;
    let store = open(dir.path()).await;
    fill(&store, &tenant, &calls).await;
    let receiver = Receiver::start().await;
    let config = AlertmanagerConfig { name: "am".to_owned(), url: receiver.url.clone(), token_env: None, refresh_m: 15, retry: quick() };
    let notifiers = [only(&NotifyConfig { alertmanagers: vec![config], ..loopback() }, |_| None)];
    let fired = until_firing(&store, &tenant, &monitors, &notifiers).await;
    let told = receiver.n_requests();
    let alerts = rows(&store, &tenant, "select id from alerts where state = 'firing'").await;
    let firing = AlertTransition { id: alerts[0]["id"].as_str().unwrap().to_owned(), monitor: "latency".to_owned(), ..AlertTransition::default() };
    let at = |minute: i64| Micros(fired + minute * MINUTE);
    store.append(&tenant, &[firing.acknowledged("ann", at(2)), firing.muted(at(90_000), "ann", at(3))], at(3)).await.unwrap();
    for minute in [16, 31, 46] {
        inspect(&store, &tenant, &monitors, &notifiers, at(minute)).await.unwrap();
    }
    assert_eq!(receiver.n_requests(), told + 3, "every quarter of an hour");
    let last = |receiver: &Receiver| receiver.taken().last().unwrap().json()[0].clone();
    let ends = |alert: &Value| Micros::from(chrono::DateTime::parse_from_rfc3339(alert["endsAt"].as_str().unwrap()).unwrap().to_utc());
    assert!(ends(&last(&receiver)).0 > at(46).0, "it fires on: {}", last(&receiver));
    // Three days later, when no data came any more, the first word is old, and it is still told on.
    let later = Micros(fired + 3 * DAY);
    inspect(&store, &tenant, &monitors, &notifiers, later).await.unwrap();
    assert!(ends(&last(&receiver)).0 > later.0, "{}", last(&receiver));
    store.close().await.unwrap();
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let config =
        |webhooks: Vec<WebhookConfig>| MonitorConfig { notify: NotifyConfig { webhooks, ..NotifyConfig::default() }, ..MonitorConfig::default() };
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
    assert!(refused(config(vec![hook("http://169.254.169.254/latest")]), "log").contains("add it to monitor.notify.private_hosts"));
    let templated = WebhookConfig { body: Some("{{ summary".to_owned()), ..hook("http://a") };
    assert!(refused(config(vec![templated]), "log").contains("body:"));
    let signed = WebhookConfig { secret_env: Some("HOOK".to_owned()), ..hook("http://a") };
    assert!(refused(config(vec![signed]), "log").contains("HOOK, which is not set"));
    assert_eq!(config(vec![hook("http://a")]).notifiers(&[], |_| None).unwrap().len(), 2);
}
