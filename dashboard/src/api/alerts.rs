//! `/api/v1/alerts`: the alerts that are not resolved, and what people say to them.

use axum::Json;
use axum::extract::{Path, State};
use schema::Micros;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::format::rfc3339;
use crate::json::embed;
use crate::pages::overview::alerts;
use crate::say::{Word, say};

/// The answer.
#[derive(Serialize)]
pub(crate) struct Answer {
    alerts: Vec<Alert>,
}

#[derive(Serialize)]
struct Alert {
    id: String,
    monitor: String,
    slice: String,
    kind: String,
    state: String,
    severity: String,
    summary: String,
    since: String,
    changed: String,
    value: Option<f64>,
    baseline: Option<f64>,
    effect: Option<f64>,
    p_value: Option<f64>,
    window_start: Option<String>,
    window_end: Option<String>,
    runbook: Option<String>,
    actor: Option<String>,
    details: Option<Box<RawValue>>,
}

/// Lists the open alerts, the most urgent first.
pub(crate) async fn open(State(app): State<App>, Caller(tenant): Caller) -> Result<Json<Answer>, Error> {
    let rows = alerts::open(&app.reader(tenant)).await?;
    let time = |us: i64| rfc3339(Micros(us));
    let alerts = rows.into_iter().map(|row| Alert {
        id: row.id,
        monitor: row.monitor,
        slice: row.slice,
        kind: row.kind,
        state: row.state,
        severity: row.severity,
        summary: row.summary,
        since: time(row.since_us),
        changed: time(row.time_us),
        value: row.value,
        baseline: row.baseline,
        effect: row.effect,
        p_value: row.p_value,
        window_start: row.window_start_us.map(time),
        window_end: row.window_end_us.map(time),
        runbook: row.runbook,
        actor: row.actor,
        details: row.details.as_deref().and_then(|details| embed(details).ok()),
    });
    Ok(Json(Answer { alerts: alerts.collect() }))
}

/// Who says something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saying {
    actor: String,
    /// How long an alert is muted; 0 ends a mute.
    minutes: Option<i64>,
}

/// The transition that was written.
#[derive(Serialize)]
pub(crate) struct Said {
    id: String,
    state: String,
    actor: Option<String>,
    time: String,
}

/// Notes that somebody knows of an alert.
pub(crate) async fn acknowledge(
    State(app): State<App>,
    Caller(tenant): Caller,
    Path(id): Path<String>,
    body: Result<Json<Saying>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Said>, Error> {
    let saying = read(body)?;
    said(&app, tenant, &id, &saying.actor, Word::Acknowledge).await
}

/// Notes that an alert is not to be told for a while.
pub(crate) async fn mute(
    State(app): State<App>,
    Caller(tenant): Caller,
    Path(id): Path<String>,
    body: Result<Json<Saying>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Said>, Error> {
    let saying = read(body)?;
    let minutes =
        saying.minutes.ok_or(Error::Input { message: "minutes is missing".to_owned(), hint: "send {\"actor\": \"ann\", \"minutes\": 240}" })?;
    said(&app, tenant, &id, &saying.actor, Word::Mute(minutes)).await
}

fn read(body: Result<Json<Saying>, axum::extract::rejection::JsonRejection>) -> Result<Saying, Error> {
    let wrong = |error: axum::extract::rejection::JsonRejection| Error::Input { message: error.body_text(), hint: "send {\"actor\": \"ann\"}" };
    Ok(body.map_err(wrong)?.0)
}

async fn said(app: &App, tenant: schema::Tenant, id: &str, actor: &str, word: Word) -> Result<Json<Said>, Error> {
    let row = say(&app.reader(tenant), id, actor, word).await?;
    Ok(Json(Said { id: row.id, state: row.state, actor: row.actor, time: rfc3339(row.time) }))
}
