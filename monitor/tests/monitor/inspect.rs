//! Looks over a real store: once, as a walk, and through a restart.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use monitor::rule::Duration;
use monitor::{Inspected, Limits, Monitor, Notifier, Rule, inspect, shipped, walk};
use schema::{AlertTransition, Micros, MonitorState, Row, Tenant};
use store::{QueryOptions, Store};

use crate::traffic::rows::{fill, open};
use crate::traffic::{BadDay, Call, DAY, HOUR, Kind, START, Weather, calls};

const DAYS: i64 = 9;
const NOBODY: &[Arc<dyn Notifier>] = &[];

fn bad_day(kind: Kind, size: f64) -> BadDay {
    BadDay { kind, start: START + 7 * DAY, end: START + 8 * DAY, size }
}

fn month(bad: Option<&BadDay>) -> Vec<Call> {
    calls(11, DAYS, &Weather::CALM, bad)
}

/// The shipped monitors, at a slower pace.
fn monitors(every: &str) -> Vec<Monitor> {
    let mut monitors = shipped();
    monitors.iter_mut().for_each(|monitor| monitor.rule.every = Duration::parse(every).unwrap());
    monitors
}

async fn stored<R: Row>(store: &Store, tenant: &Tenant, order: &str) -> Vec<R> {
    let sql = format!("select * from {} order by {order}", R::TABLE.name());
    let answer = store.query(tenant, &sql, &QueryOptions { max_rows: 1_000_000, ..QueryOptions::default() }).await.unwrap();
    answer.batches.iter().flat_map(|batch| R::decode(batch).unwrap()).collect()
}

async fn both(store: &Store, tenant: &Tenant) -> (Vec<MonitorState>, Vec<AlertTransition>) {
    (stored(store, tenant, "time, monitor, slice").await, stored(store, tenant, "time, monitor, kind").await)
}

async fn filled(data: &Path, tenant: &Tenant, calls: &[Call]) -> Store {
    let store = open(data).await;
    fill(&store, tenant, calls).await;
    store
}

fn fired(transitions: &[AlertTransition]) -> Vec<(&str, &str)> {
    transitions.iter().filter(|transition| transition.state == "firing").map(|alert| (alert.monitor.as_str(), alert.kind.as_str())).collect()
}

#[tokio::test]
async fn a_walk_finds_each_kind_of_bad_day_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let kinds = [
        ("latency", Some(bad_day(Kind::Latency, 3.0))),
        ("errors", Some(bad_day(Kind::Errors, 0.25))),
        ("cost", Some(bad_day(Kind::Cost, 3.0))),
        ("groundedness", Some(bad_day(Kind::Groundedness, 0.5))),
        ("nothing", None),
    ];
    for (name, bad) in &kinds {
        let tenant: Tenant = Tenant::new(name).unwrap();
        fill(&store, &tenant, &month(bad.as_ref())).await;
        let walked = walk(&store, &tenant, &monitors("1h"), NOBODY, Micros(START + 6 * DAY), Micros(START + DAYS * DAY)).await.unwrap();
        let expected = if bad.is_some() { vec![(*name, "quality")] } else { vec![] };
        assert_eq!(fired(&walked.transitions), expected, "{:#?}", walked.transitions);
        // What was returned is what stands in the tables.
        assert_eq!(both(&store, &tenant).await, (walked.states, walked.transitions));
    }
    // The examples of an alert are traces of the bad hours, and they exist.
    let alerts: Vec<AlertTransition> = stored(&store, &Tenant::new("latency").unwrap(), "time").await;
    let firing = alerts.iter().find(|alert| alert.state == "firing").unwrap();
    let details: BTreeMap<String, serde_json::Value> = serde_json::from_str(firing.details.as_deref().unwrap()).unwrap();
    let traces: Vec<String> = serde_json::from_value(details["trace_ids"].clone()).unwrap();
    assert_eq!(traces.len(), 10);
    let sql = format!("select count(*) as n from spans where trace_id in ('{}') and start_time >= $from", traces.join("','"));
    let options = QueryOptions::default().with("from", Micros(START + 7 * DAY - 6 * HOUR));
    let n: Vec<BTreeMap<String, u64>> = store.query(&Tenant::new("latency").unwrap(), &sql, &options).await.unwrap().rows().unwrap();
    assert_eq!(n[0]["n"], 10);
    store.close().await.unwrap();
}

// A backtest must say what would have been said live.
#[tokio::test]
async fn a_walk_equals_looks_at_every_now() {
    let dir = tempfile::tempdir().unwrap();
    let (walked, inspected) = (Tenant::new("walked").unwrap(), Tenant::new("inspected").unwrap());
    let calls = month(Some(&bad_day(Kind::Latency, 3.0)));
    let store = filled(dir.path(), &walked, &calls).await;
    fill(&store, &inspected, &calls).await;
    let monitors = monitors("4h");
    let (from, to) = (START + 4 * DAY, START + DAYS * DAY);
    walk(&store, &walked, &monitors, NOBODY, Micros(from), Micros(to)).await.unwrap();

    let mut now = from;
    while now <= to {
        let looked = inspect(&store, &inspected, &monitors, NOBODY, Micros(now)).await.unwrap();
        assert!(!looked.states.is_empty(), "it was their turn at {now}");
        // Between two turns there is nothing to do, and the same turn is not taken twice.
        assert_eq!(inspect(&store, &inspected, &monitors, NOBODY, Micros(now + HOUR)).await.unwrap(), Inspected::default());
        now += 4 * HOUR;
    }
    let rows = both(&store, &walked).await;
    assert_eq!(fired(&rows.1), [("latency", "quality")]);
    assert_eq!(both(&store, &inspected).await, rows);
    store.close().await.unwrap();
}

// The state of an alert is a query: a process that dies in its middle is not missed.
#[tokio::test]
async fn a_restart_in_the_middle_of_an_alert_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, halved) = (Tenant::new("whole").unwrap(), Tenant::new("halved").unwrap());
    let calls = month(Some(&bad_day(Kind::Errors, 0.25)));
    let store = filled(dir.path(), &whole, &calls).await;
    fill(&store, &halved, &calls).await;
    let monitors = monitors("1h");
    let (from, to) = (Micros(START + 6 * DAY), Micros(START + DAYS * DAY));
    walk(&store, &whole, &monitors, NOBODY, from, to).await.unwrap();
    let rows = both(&store, &whole).await;
    let firing = rows.1.iter().find(|alert| alert.state == "firing").unwrap().time;
    store.close().await.unwrap();

    // Once while it is pending, once right after it fired, once a day later.
    let mut start = from;
    for middle in [firing.0 - HOUR, firing.0, firing.0 + DAY] {
        let store = open(dir.path()).await;
        walk(&store, &halved, &monitors, NOBODY, start, Micros(middle)).await.unwrap();
        store.close().await.unwrap();
        start = Micros(middle + 1);
    }
    let store = open(dir.path()).await;
    walk(&store, &halved, &monitors, NOBODY, start, to).await.unwrap();
    assert_eq!(both(&store, &halved).await, rows);
    // A walk over what was walked adds nothing.
    assert_eq!(walk(&store, &halved, &monitors, NOBODY, from, to).await.unwrap(), Inspected::default());
    store.close().await.unwrap();
}

// The process died between writing alerts and writing states: the looks are made again, their alerts are not doubled.
#[tokio::test]
async fn alerts_without_their_states_are_not_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, torn) = (Tenant::new("whole").unwrap(), Tenant::new("torn").unwrap());
    let calls = month(Some(&bad_day(Kind::Errors, 0.25)));
    let store = filled(dir.path(), &whole, &calls).await;
    fill(&store, &torn, &calls).await;
    let (monitors, from, to) = (monitors("1h"), Micros(START + 6 * DAY), Micros(START + DAYS * DAY));
    walk(&store, &whole, &monitors, NOBODY, from, to).await.unwrap();
    let rows = both(&store, &whole).await;
    store.append(&torn, &rows.1, to).await.unwrap();
    walk(&store, &torn, &monitors, NOBODY, from, to).await.unwrap();
    assert_eq!(both(&store, &torn).await, rows);
    store.close().await.unwrap();
}

// A week of rows that is too much for memory is read turn by turn, with the same result.
#[tokio::test]
async fn a_bound_on_memory_changes_no_result() {
    let dir = tempfile::tempdir().unwrap();
    let (free, bound) = (Tenant::new("free").unwrap(), Tenant::new("bound").unwrap());
    let calls = month(Some(&bad_day(Kind::Latency, 3.0)));
    let store = filled(dir.path(), &free, &calls).await;
    fill(&store, &bound, &calls).await;
    let mut monitors = monitors("6h");
    monitors.retain(|monitor| monitor.rule.name == "latency");
    let (from, to) = (Micros(START + 6 * DAY), Micros(START + 8 * DAY + 6 * HOUR));
    walk(&store, &free, &monitors, NOBODY, from, to).await.unwrap();
    let most = calls.iter().filter(|call| call.time < START + 7 * DAY).count();
    monitors[0].limits = Limits { rows_max: most, ..Limits::default() };
    walk(&store, &bound, &monitors, NOBODY, from, to).await.unwrap();
    let (free, bound) = (both(&store, &free).await, both(&store, &bound).await);
    let too_many: Vec<_> = bound.0.iter().filter(|row| row.state == "ERROR").collect();
    assert!(!too_many.is_empty() && too_many.iter().all(|row| row.reason.contains("aggregate in it, or raise monitor.limits.rows_max")));
    let seen: Vec<_> = bound.0.iter().filter(|row| row.state != "ERROR").collect();
    assert!(!seen.is_empty() && seen.iter().all(|row| free.0.contains(row)), "{seen:#?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_select_that_fails_is_a_state_and_then_an_alert_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = Tenant::default();
    let store = filled(dir.path(), &tenant, &month(None)).await;
    let rule = |select: &str| {
        let yaml =
            format!("{{name: mine, select: \"{select}\", watch: threshold, above: 1000, every: 1h, window: 6h, min_n: 1, no_data: {{for: 3}}}}");
        vec![Monitor { rule: Rule::parse(&yaml).unwrap(), file: "mine.yaml".to_owned(), limits: Limits::default() }]
    };
    let from = START + 5 * DAY + 12 * HOUR;
    let broken = rule("select start_time as time, 1 as value from sapns");
    walk(&store, &tenant, &broken, NOBODY, Micros(from), Micros(from + 4 * HOUR)).await.unwrap();
    let mended = rule("select start_time as time, 1 as value from spans");
    walk(&store, &tenant, &mended, NOBODY, Micros(from + 5 * HOUR), Micros(from + 6 * HOUR)).await.unwrap();
    let (states, alerts) = both(&store, &tenant).await;
    let names: Vec<&str> = states.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(names, ["ERROR", "ERROR", "ERROR", "ERROR", "ERROR", "OK", "OK"]);
    assert!(states[0].reason.starts_with("select failed: ") && states[0].reason.contains("sapns"), "{}", states[0].reason);
    let steps: Vec<_> = alerts.iter().map(|alert| (alert.kind.as_str(), alert.state.as_str(), (alert.time.0 - from) / HOUR)).collect();
    assert_eq!(steps, [("data", "firing", 2), ("data", "resolved", 5)]);
    store.close().await.unwrap();
}
