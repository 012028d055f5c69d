//! The cause of an alert is asked of the rows that the alert is about.

use monitor::{Limits, Monitor, Notifier, Rule, walk};
use schema::{AlertTransition, Micros, Span, SpanId, Tenant, TraceId};
use std::sync::Arc;
use store::Store;

use crate::traffic::rows::open;
use crate::traffic::{DAY, HOUR, START};

const NOBODY: &[Arc<dyn Notifier>] = &[];
const DAYS: i64 = 10;

/// What a call of an app is on the last day and before.
struct Call {
    seconds: f64,
    version: &'static str,
    model: &'static str,
    question: &'static str,
}

fn span(number: i64, app: &str, call: &Call) -> Span {
    let start = Micros(START + number * DAY / 200);
    let mut trace = [3; 16];
    trace[8..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    trace[0] = app.as_bytes()[0];
    // Levels of a machine: a little up and down.
    let wobble = 1.0 + 0.1 * ((number * 7 % 11) as f64 / 11.0 - 0.5);
    Span {
        trace_id: TraceId(trace),
        span_id: SpanId((number as u64 + 1).to_be_bytes()),
        start_time: start,
        start_unix_nano: start.0 * 1_000,
        duration_ns: (call.seconds * wobble * 1e9) as i64,
        ingested_at: start,
        date: start.day(),
        service_name: Some(app.to_owned()),
        service_version: Some(call.version.to_owned()),
        name: "chat".to_owned(),
        status: "ok".to_owned(),
        operation: Some("chat".to_owned()),
        is_llm_call: true,
        response_model: Some(call.model.to_owned()),
        input_text: Some(call.question.to_owned()),
        ..Span::default()
    }
}

/// Two apps. On the last day the first gets a new version, and the second, which is slower and busier, a new model.
async fn filled(store: &Store) {
    let mut spans = Vec::new();
    for number in 0..200 * DAYS {
        let is_late = number >= 200 * (DAYS - 1);
        let shop = if is_late {
            Call { seconds: 3.0, version: "2", model: "m", question: if number % 4 == 0 { "a" } else { "b" } }
        } else {
            Call { seconds: 1.0, version: "1", model: "m", question: if number % 4 == 0 { "b" } else { "a" } }
        };
        let desk = Call { seconds: if is_late { 60.0 } else { 10.0 }, version: "1", model: if is_late { "new" } else { "old" }, question: "c" };
        spans.extend([span(number, "shop", &shop), span(number, "desk", &desk)]);
    }
    store.append(&Tenant::default(), &spans, Micros(START + DAYS * DAY)).await.unwrap();
    store.flush().await.unwrap();
}

async fn fired(store: &Store, value: &str, more: &str) -> AlertTransition {
    let yaml = format!(
        "{{name: m, select: \"select start_time as time, {value} as value, service_name, trace_id from llm_calls\", every: 6h, window: 12h, \
         baseline: {{trailing: 7d, min_n: 100}}, q: 0.001, {more}}}"
    );
    let monitor = Monitor { rule: Rule::parse(&yaml).unwrap(), file: "m.yaml".to_owned(), limits: Limits::default() };
    let to = Micros(START + DAYS * DAY - HOUR);
    let walked = walk(store, &Tenant::default(), &[monitor], NOBODY, Micros(START + (DAYS - 2) * DAY), to).await.unwrap();
    walked.transitions.into_iter().find(|alert| alert.state == "firing").unwrap()
}

#[tokio::test]
async fn only_and_the_slice_say_which_rows() {
    let seconds = "duration_ns / 1e9";
    for (more, cause, words) in [
        ("watch: anomaly, scale: log, effect_floor: 0.3, only: {service_name: shop}", "app", "since version 2"),
        ("watch: anomaly, scale: log, effect_floor: 0.3, only: {service_name: desk}", "model", "since model new"),
        ("watch: drift, only: {service_name: shop}", "app", "since version 2"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        filled(&store).await;
        let alert = fired(&store, seconds, more).await;
        assert!(alert.cause.as_deref() == Some(cause) && alert.summary.contains(words), "{more}: {alert:#?}");
        store.close().await.unwrap();
    }
}

// The whole is noisy enough to say nothing; one slice moved, and its rows are the ones to ask.
#[tokio::test]
async fn a_slice_has_a_cause_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    filled(&store).await;
    let alert = fired(
        &store,
        "case when service_name = 'shop' then duration_ns / 1e9 else 1.0 end",
        "watch: anomaly, slices: [service_name], effect_floor: 1.5, for: 1",
    )
    .await;
    assert_eq!(alert.slice, "service_name=shop", "{alert:#?}");
    assert_eq!(alert.cause.as_deref(), Some("app"), "{alert:#?}");
    store.close().await.unwrap();
}

// A call that failed has no answer that names its model: more of them are no other mix of models.
#[tokio::test]
async fn failures_are_no_mix_of_models() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let call = Call { seconds: 1.0, version: "1", model: "gpt-2026", question: "a" };
    let spans: Vec<Span> = (0..200 * DAYS)
        .map(|number| {
            let fails = number % if number >= 200 * (DAYS - 1) { 3 } else { 40 } == 0;
            let answered = Span { request_model: Some("gpt".to_owned()), ..span(number, "shop", &call) };
            if fails { Span { status: "error".to_owned(), response_model: None, ..answered } } else { answered }
        })
        .collect();
    store.append(&Tenant::default(), &spans, Micros(START + DAYS * DAY)).await.unwrap();
    store.flush().await.unwrap();
    let alert = fired(&store, "status = 'error'", "watch: error_rate, effect_floor: 0.1").await;
    assert_eq!(alert.cause.as_deref(), Some("unknown"), "{alert:#?}");
    store.close().await.unwrap();
}

// Text has no mean: the share of the category that moved most has one.
#[tokio::test]
async fn categories_have_a_cause() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    filled(&store).await;
    let alert = fired(&store, "input_text", "watch: drift, only: {service_name: shop}").await;
    assert!(alert.cause.as_deref() == Some("app") && alert.summary.contains("since version 2"), "{alert:#?}");
    store.close().await.unwrap();
}
