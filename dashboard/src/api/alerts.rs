//! `GET /api/v1/alerts`: the alerts that are not resolved.

use axum::Json;
use axum::extract::State;
use schema::Micros;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::format::rfc3339;
use crate::json::embed;
use crate::pages::overview::alerts;

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
