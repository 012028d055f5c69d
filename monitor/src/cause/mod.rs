//! Why did it change? The judge, the provider's model, the app or its prompt, or the mix of traffic: told apart when an alert fires.

mod about;
mod weigh;

use schema::{AlertTransition, Micros, Tenant};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Param, QueryOptions, Store};

use crate::Monitor;
use crate::detectors::Detector;
use crate::rule::Scale;
use about::About;
use weigh::{Explanation, Judged, Part, explain};

/// How far before the window things are compared with, at most, in microseconds.
const BEFORE_MAX: i64 = 14 * 86_400_000_000;
const ROWS_MAX: usize = 5_000;

/// Adds to an alert that fires what most likely changed.
///
/// Where nothing can be found out (the SELECT gives no traces, a query fails) the cause is `unknown`: an alert never waits for its explanation.
pub(crate) async fn add(store: &Store, tenant: &Tenant, monitor: &Monitor, alert: &mut AlertTransition) {
    if matches!(monitor.rule.watch, Detector::Silence | Detector::Budget) {
        return;
    }
    let found = find(store, tenant, monitor, alert).await;
    let explanation = found.unwrap_or_else(|error| {
        tracing::debug!(monitor = %monitor.rule.name, %error, "the cause of an alert cannot be told");
        Explanation::unknown()
    });
    alert.cause = Some(explanation.cause.name().to_owned());
    if !explanation.sentence.is_empty() {
        alert.summary = format!("{}; {}", alert.summary, explanation.sentence);
    }
    // Sums differ in their last digits from one run to the next.
    let explained = explanation.explained.map(|share| (share * 100.0).round() / 100.0);
    let details = alert.details.as_deref().and_then(|details| serde_json::from_str::<Value>(details).ok());
    let mut details = details.unwrap_or_else(|| json!({}));
    details["cause"] = json!({"kind": explanation.cause.name(), "sentence": explanation.sentence, "explained": explained});
    details["since"] = json!(explanation.since);
    alert.details = Some(details.to_string());
}

async fn find(store: &Store, tenant: &Tenant, monitor: &Monitor, alert: &AlertTransition) -> Result<Explanation, store::Error> {
    let (rule, now) = (&monitor.rule, alert.time);
    let window = Micros(now.0 - rule.window.0);
    let start = Micros(window.0 - rule.reach().min(BEFORE_MAX).max(rule.window.0));
    let times = [("start", start), ("window", window), ("end", now)].map(|(name, time)| (name.to_owned(), Param::Time(time)));
    let value = if rule.scale == Scale::Log { "ln(case when number > 0 then number end)" } else { "number" };
    let about = About::of(rule, alert);
    // The author's SELECT goes in last: what it holds is not searched for places.
    let sql = include_str!("parts.sql").replace("{value}", value).replace("{number}", about.number).replace("{only}", &about.condition);
    let params = times.iter().cloned().chain(about.params).collect();
    let parts: Vec<Part> = rows(store, tenant, monitor, &sql.replace("{select}", &rule.select), params).await?;
    let judged: Vec<Judged> = if rule.select.contains("scores") {
        let params = times.into_iter().chain([("select".to_owned(), Param::Text(rule.select.clone()))]).collect();
        rows(store, tenant, monitor, include_str!("judge.sql"), params).await?
    } else {
        Vec::new()
    };
    Ok(explain(&parts, &judged))
}

async fn rows<T: DeserializeOwned>(
    store: &Store,
    tenant: &Tenant,
    monitor: &Monitor,
    sql: &str,
    params: Vec<(String, Param)>,
) -> Result<Vec<T>, store::Error> {
    let deadline = std::time::Duration::from_secs(monitor.limits.query_seconds);
    store.query(tenant, sql, &QueryOptions { params, max_rows: ROWS_MAX, deadline }).await?.rows()
}
