//! Which notices are owed to whom: a query over `alerts`, less those that a point of `karat.alert.delivered` says arrived.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use schema::{AlertTransition, MetricPoint, Micros, Tenant};
use serde::Deserialize;
use serde_json::json;
use store::{Param, QueryOptions, Store};

use super::{Notice, Notifier};
use crate::Monitor;
use crate::error::Error;
use crate::memory::Memory;

const DELIVERED: &str = "karat.alert.delivered";
/// Deliveries that are read back; more than that within a day means that something else is wrong.
const DELIVERED_MAX: usize = 100_000;
const DEADLINE: Duration = Duration::from_secs(60);

/// How a round of deliveries went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub delivered: usize,
    pub failed: usize,
}

/// Delivers what is owed for transitions between `since` and `now`, in the order of time.
///
/// A delivery that succeeds is noted as a point in `metrics`, so that neither the next inspection nor a restart sends it
/// again. After a failure the same notifier is left alone until the next inspection: one dead receiver must not hold up the looks.
pub(crate) async fn deliver(
    store: &Store,
    tenant: &Tenant,
    monitors: &[Monitor],
    notifiers: &[Arc<dyn Notifier>],
    since: Micros,
    now: Micros,
) -> Result<Delivered, Error> {
    let mut round = Delivered::default();
    if notifiers.is_empty() {
        return Ok(round);
    }
    let transitions = Memory::transitions(store, tenant).await?;
    let owed: Vec<&AlertTransition> =
        transitions.iter().filter(|transition| transition.time >= since && transition.time <= now && is_news(transition, &transitions)).collect();
    if owed.is_empty() {
        return Ok(round);
    }
    let arrived = arrived(store, tenant, since).await?;
    for notifier in notifiers {
        for transition in &owed {
            let key = (Notice::of(tenant, transition).key, notifier.name().to_owned());
            if !wants(monitors, notifier.as_ref(), transition) || arrived.contains(&key) {
                continue;
            }
            if let Err(error) = notifier.notify(&Notice::of(tenant, transition)).await {
                tracing::warn!(%error, alert = %transition.id, state = %transition.state, "an alert was not delivered; the next inspection tries again");
                round.failed += 1;
                break;
            }
            store.append(tenant, &[point(&key, now)], now).await?;
            round.delivered += 1;
        }
    }
    Ok(round)
}

/// Whether people are told of a transition: that an alert fires, and that one that fired is over, unless it was muted before.
fn is_news(transition: &AlertTransition, all: &[AlertTransition]) -> bool {
    let before = || all.iter().filter(|other| other.id == transition.id && other.time <= transition.time);
    match transition.state.as_str() {
        "firing" => !before().any(|other| other.state == "muted"),
        "resolved" => before().any(|other| other.state == "firing") && !before().any(|other| other.state == "muted"),
        _ => false,
    }
}

fn wants(monitors: &[Monitor], notifier: &dyn Notifier, transition: &AlertTransition) -> bool {
    let monitor = monitors.iter().find(|monitor| monitor.rule.name == transition.monitor);
    monitor.is_some_and(|monitor| monitor.rule.notify.is_empty() || monitor.rule.notify.iter().any(|name| name == notifier.name()))
}

#[derive(Deserialize)]
struct Point {
    attributes: Option<String>,
}

#[derive(Deserialize)]
struct Attributes {
    key: String,
    notifier: String,
}

async fn arrived(store: &Store, tenant: &Tenant, since: Micros) -> Result<HashSet<(String, String)>, Error> {
    let params = vec![("start".to_owned(), Param::Time(since))];
    let options = QueryOptions { params, max_rows: DELIVERED_MAX, deadline: DEADLINE };
    let points: Vec<Point> = store.query(tenant, include_str!("delivered.sql"), &options).await?.rows()?;
    let attributes = points.into_iter().filter_map(|point| serde_json::from_str::<Attributes>(&point.attributes?).ok());
    Ok(attributes.map(|attributes| (attributes.key, attributes.notifier)).collect())
}

fn point((key, notifier): &(String, String), now: Micros) -> MetricPoint {
    MetricPoint {
        time: now,
        time_unix_nano: now.0.saturating_mul(1_000),
        ingested_at: now,
        date: now.day(),
        service_name: Some("karat".to_owned()),
        name: DELIVERED.to_owned(),
        unit: Some("{notice}".to_owned()),
        kind: "sum".to_owned(),
        temporality: Some("delta".to_owned()),
        monotonic: Some(true),
        value: Some(1.0),
        attributes: Some(json!({"key": key, "notifier": notifier}).to_string()),
        ..MetricPoint::default()
    }
}
