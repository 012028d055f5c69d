//! Each kind of receiver: what it is sent, and which answers are not believed.

use monitor::notify::{AlertmanagerConfig, NotifyConfig, NotifyError, PagerDutyConfig, Retry, SlackConfig, WebhookConfig};
use monitor::{Notice, Notifier};
use schema::{AlertTransition, Micros, Tenant};
use serde_json::{Value, json};
use std::sync::Arc;

use super::receiver::{Receiver, loopback, only, quick};

fn notice(state: &str) -> Notice {
    let transition = AlertTransition {
        id: "latency-quality-1".to_owned(),
        time: Micros(1_795_197_600_000_000),
        monitor: "latency".to_owned(),
        slice: "model=<!channel> & co".to_owned(),
        kind: "quality".to_owned(),
        state: state.to_owned(),
        severity: "page".to_owned(),
        summary: "calls take longer in model=<!channel> \"now\"".to_owned(),
        runbook: Some("https://example.com/runbook".to_owned()),
        details: Some(json!({"trace_ids": ["ab".repeat(16)]}).to_string()),
        ..AlertTransition::default()
    };
    Notice::of(&Tenant::default(), &transition)
}

fn slack(receiver: &Receiver) -> Arc<dyn Notifier> {
    let slack = SlackConfig { name: "chat".to_owned(), url_env: "SLACK_URL".to_owned(), retry: quick() };
    let url = format!("{}/services/T/B/secret", receiver.url);
    only(&NotifyConfig { slack: vec![slack], dashboard_url: Some("https://karat.example.com".to_owned()), ..loopback() }, move |_| Some(url.clone()))
}

fn pagerduty(receiver: &Receiver) -> Arc<dyn Notifier> {
    let url = format!("{}/v2/enqueue", receiver.url);
    let pagerduty = PagerDutyConfig { name: "pager".to_owned(), routing_key_env: "PD_KEY".to_owned(), url, retry: quick() };
    only(&NotifyConfig { pagerduty: vec![pagerduty], ..loopback() }, |_| Some("routing-key".to_owned()))
}

fn alertmanager(receiver: &Receiver) -> Arc<dyn Notifier> {
    let alertmanager = AlertmanagerConfig { name: "am".to_owned(), url: receiver.url.clone(), token_env: None, refresh_m: 15, retry: quick() };
    only(&NotifyConfig { alertmanagers: vec![alertmanager], ..loopback() }, |_| None)
}

fn hook(config: WebhookConfig) -> Arc<dyn Notifier> {
    only(&NotifyConfig { webhooks: vec![config], ..loopback() }, |_| None)
}

#[tokio::test]
async fn slack_gets_one_message_without_mentions() {
    let receiver = Receiver::start().await;
    receiver.answer(200, "ok");
    slack(&receiver).notify(&[notice("firing"), notice("resolved")]).await.unwrap();
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1);
    let body = String::from_utf8(taken[0].body.to_vec()).unwrap();
    assert!(!body.contains("<!channel>") && body.contains("&lt;!channel&gt;"), "{body}");
    assert!(body.contains("<https://karat.example.com/monitors/latency|dashboard>"), "{body}");
    assert_eq!(taken[0].json()["blocks"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pagerduty_gets_an_event_of_each_state_under_one_key() {
    let receiver = Receiver::start().await;
    receiver.answer(202, r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#);
    let pager = pagerduty(&receiver);
    for state in ["firing", "acknowledged", "resolved"] {
        pager.notify(&[notice(state)]).await.unwrap();
    }
    let events: Vec<Value> = receiver.taken().iter().map(super::receiver::Request::json).collect();
    let actions: Vec<&str> = events.iter().map(|event| event["event_action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    assert!(events.iter().all(|event| event["dedup_key"] == "default/latency-quality-1" && event["routing_key"] == "routing-key"));
    assert_eq!(events[0]["payload"]["severity"], "critical");
    assert_eq!(events[0]["links"][0]["href"], "https://example.com/runbook");
}

#[tokio::test]
async fn alertmanager_gets_all_in_one_request_with_an_end() {
    let receiver = Receiver::start().await;
    alertmanager(&receiver).notify(&[notice("firing"), notice("acknowledged"), notice("resolved")]).await.unwrap();
    let taken = receiver.taken();
    assert_eq!((taken.len(), taken[0].path.as_str()), (1, "/api/v2/alerts"));
    let alerts = taken[0].json();
    assert_eq!(alerts.as_array().unwrap().len(), 2);
    assert_eq!(alerts[0]["labels"], alerts[1]["labels"]);
    assert_eq!(alerts[0]["labels"]["slice"], "model=<!channel> & co", "a route can match the slice");
    assert_eq!((alerts[0]["endsAt"].as_str(), alerts[1]["endsAt"].as_str()), (Some("2026-11-20T19:00:00.000Z"), Some("2026-11-20T18:00:00.000Z")));
}

/// A receiver that answers with a status and a body.
async fn lies(notifier: fn(&Receiver) -> Arc<dyn Notifier>, status: u16, body: &str) -> NotifyError {
    let receiver = Receiver::start().await;
    receiver.answer(status, body);
    let error = notifier(&receiver).notify(&[notice("firing")]).await.unwrap_err();
    assert_eq!(receiver.n_requests(), 1, "nothing is gained by asking a liar again at once");
    error
}

// A login page of a proxy, an API that reports its errors with 200, a stranger on the port: none of them took anything.
#[tokio::test]
async fn a_yes_that_is_none_is_not_believed() {
    assert!(lies(slack, 200, "<html>please log in</html>").await.to_string().contains("did not take the notice"));
    assert!(lies(slack, 200, r#"{"ok":false,"error":"invalid_auth"}"#).await.to_string().contains("invalid_auth"));
    assert!(lies(pagerduty, 200, "<html>").await.to_string().contains("did not take the notice"));
    assert!(lies(pagerduty, 202, r#"{"status":"invalid event"}"#).await.to_string().contains("invalid event"));
    assert!(lies(alertmanager, 200, "hello, this is nginx").await.to_string().contains("nginx"));
}

// A webhook of any kind has no word that it always says; one that says no, or is a page for people, took nothing.
#[tokio::test]
async fn a_webhook_that_answers_200_and_an_error_is_not_believed() {
    let plain = |receiver: &Receiver| hook(receiver.webhook("oncall"));
    assert!(lies(plain, 200, r#"{"ok": false, "error": "no such channel"}"#).await.to_string().contains("no such channel"));
    assert!(lies(plain, 200, r#"{"success":false}"#).await.to_string().contains("did not take the notice"));
    assert!(lies(plain, 202, r#"{"errors":[{"code":7}]}"#).await.to_string().contains("did not take the notice"));
    assert!(lies(plain, 200, "\n<!DOCTYPE html><title>log in</title>").await.to_string().contains("a page for people"));
    let strict = |receiver: &Receiver| hook(WebhookConfig { expect: Some("accepted".to_owned()), ..receiver.webhook("oncall") });
    assert!(lies(strict, 200, "1").await.to_string().contains("where \"accepted\" is expected"));

    let receiver = Receiver::start().await;
    for yes in ["", "1", "ok", "{}", r#"{"ok":true,"error":null,"errors":[]}"#, r#"{"error":"","n":2}"#, "[1]", "\u{65e5}\u{672c}"] {
        receiver.answer(200, yes);
        plain(&receiver).notify(&[notice("firing")]).await.unwrap_or_else(|error| panic!("{yes:?}: {error}"));
    }
    receiver.answer(200, "all accepted");
    strict(&receiver).notify(&[notice("firing")]).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_not_repeated_at_once_and_a_dead_host_is_named_without_its_token() {
    let receiver = Receiver::start().await;
    let oncall = hook(receiver.webhook("oncall"));
    receiver.answer(404, "no such hook");
    assert_eq!(oncall.notify(&[notice("firing")]).await.unwrap_err().to_string(), "oncall answered 404: no such hook");
    assert_eq!(receiver.n_requests(), 1);
    receiver.answer(302, "");
    assert_eq!(oncall.notify(&[notice("firing")]).await.unwrap_err().to_string(), "oncall answered 302");
    receiver.answer(503, &"x".repeat(1_000_000));
    assert!(oncall.notify(&[notice("firing")]).await.unwrap_err().to_string().len() < 300, "an answer has a bound");
    assert_eq!(receiver.n_requests(), 2 + 3);

    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = WebhookConfig { retry: quick(), ..WebhookConfig::new("gone", format!("http://127.0.0.1:{port}/?token=secret")) };
    let error = hook(gone).notify(&[notice("firing")]).await.unwrap_err().to_string();
    assert!(error.starts_with("gone cannot be reached") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_stalls_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Connections are taken by the kernel and never answered.
    let retry = Retry { backoff_ms: 1, attempts: 2, timeout_ms: 50 };
    let error = hook(WebhookConfig { retry, ..WebhookConfig::new("slow", url) }).notify(&[notice("firing")]).await.unwrap_err();
    assert_eq!(error.to_string(), "slow cannot be reached: no answer in time");
    drop(listener);
}

#[tokio::test]
async fn a_template_writes_any_body_and_quotes_what_it_fills_in() {
    let receiver = Receiver::start().await;
    let body = r#"{"text": {{ summary }}, "n": {{ details.trace_ids | length }}}"#.to_owned();
    hook(WebhookConfig { body: Some(body), ..receiver.webhook("own") }).notify(&[notice("firing")]).await.unwrap();
    assert_eq!(receiver.taken()[0].json(), json!({"text": "calls take longer in model=<!channel> \"now\"", "n": 1}));
}

// Private addresses are refused where the settings are read, and names that lead to them where they are looked up.
#[tokio::test]
async fn a_name_on_a_private_network_is_refused() {
    let receiver = Receiver::start().await;
    let port = receiver.url.rsplit(':').next().unwrap();
    let config = |hosts: &[&str]| NotifyConfig {
        private_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        webhooks: vec![WebhookConfig { retry: quick(), ..WebhookConfig::new("inside", format!("http://localhost:{port}/")) }],
        ..NotifyConfig::default()
    };
    let refused = monitor::notify::notifiers(&config(&["127.0.0.1"]), |_| None).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("localhost is on a private network"), "{refused}");
    only(&config(&["localhost"]), |_| None).notify(&[notice("firing")]).await.unwrap();
    assert_eq!(receiver.n_requests(), 1);
}
