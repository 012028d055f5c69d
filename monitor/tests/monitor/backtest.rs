//! Backtests: the same looks as live, nothing written; the false-alarm rate over histories in which nothing changed; a picture.

use monitor::{backtest, html, shipped};
use schema::{Micros, Tenant};
use store::QueryOptions;

use crate::traffic::rows::{fill, open};
use crate::traffic::{BadDay, DAY, Kind, START, Weather, calls};

#[tokio::test]
async fn it_says_what_would_have_paged_and_how_often_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    let bad = BadDay { kind: Kind::Latency, start: START + 14 * DAY, end: START + 15 * DAY, size: 3.0 };
    fill(&store, &tenant, &calls(11, 18, &Weather::CALM, Some(&bad))).await;
    let monitors: Vec<_> = shipped().into_iter().filter(|monitor| ["latency", "errors"].contains(&monitor.rule.name.as_str())).collect();
    let (from, to) = (Micros(START + 8 * DAY), Micros(START + 18 * DAY));
    let all = backtest(&store, &tenant, &monitors, from, to, 3).await.unwrap();
    let fired: Vec<(&str, usize)> = all.iter().map(|replayed| (replayed.monitor.rule.name.as_str(), replayed.fired().count())).collect();
    assert_eq!(fired, [("errors", 0), ("latency", 1)]);
    for replayed in &all {
        let null = replayed.null.unwrap();
        assert_eq!(
            (null.n_histories, null.n_alarmed),
            (3, 0),
            "{}: days of a history in which nothing changed alarm for nothing",
            replayed.monitor.rule.name
        );
        assert!(null.n_looks > 300, "{null:?}");
    }
    let page = html(&all, from, to);
    assert_eq!((page.matches("<svg").count(), page.matches("<line class=\"f\"").count()), (2, 1));
    assert!(!page.contains("<script") && page.contains("model calls take longer than usual"));
    // Nothing was written, nobody was told.
    for table in ["monitor_states", "alerts", "notifications"] {
        let answer = store.query(&tenant, &format!("select * from {table}"), &QueryOptions::default()).await.unwrap();
        assert_eq!(answer.n_rows(), 0, "{table}");
    }
    store.close().await.unwrap();
}
