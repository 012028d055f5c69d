//! Tables that cannot be written for a while, as on an object store that answers 503 or nothing at all, and a clock that is set back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::ErrorKind;
use crate::fail::FailPoint;

fn eager(dir: &Path) -> StoreConfig {
    admitting(300_000, StoreConfig { flush_interval_ms: 10, commits_per_second: 1_000, ..config(dir) })
}

/// Sends bodies until the store is busy; returns the number of the first one that it did not take.
async fn fill(store: &Store, from: u64) -> u64 {
    for number in from..from + 100_000 {
        match store.ingest(&Tenant::default(), Signal::Traces, body(number), NOW, None).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                return number;
            }
        }
    }
    panic!("the store took everything, with nowhere to put it");
}

fn body(number: u64) -> Bytes {
    format!("{number} 0").into()
}

/// Sends a body until it is taken, as a sender does that is told to come back.
async fn send_at_last(store: &Store, number: u64) {
    let began = Instant::now();
    while let Err(error) = store.ingest(&Tenant::default(), Signal::Traces, body(number), NOW, None).await {
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(began.elapsed() < Duration::from_secs(60), "ingest did not recover");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whatever ends the outage ends it without a restart, and nothing that was acked is lost or doubled by the attempts in between.
async fn ride_out(begin: impl FnOnce(&Store), end: impl FnOnce(&Store)) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(eager(dir.path())).await;
    begin(&store);
    let refused = fill(&store, 0).await;
    end(&store);
    assert!(refused > 50, "ingest goes on as long as there is memory: {refused}");
    for number in refused..refused + 50 {
        send_at_last(&store, number).await;
    }
    store.flush().await.unwrap();
    assert_eq!(count(&store), once(0..refused + 50));
    drop(store);
    assert_eq!(count(&open(eager(dir.path())).await), once(0..refused + 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_fail_are_tried_again() {
    ride_out(|store| store.inner.fail.set(Some(FailPoint::FilesWritten)), |store| store.inner.fail.set(None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_hangs_holds_up_no_ack() {
    ride_out(|store| store.inner.fail.set_stalled(true), |store| store.inner.fail.set_stalled(false)).await;
}

/// Waits until the store says of itself what is expected.
async fn until(store: &Store, what: &str, holds: impl Fn(&Store) -> bool) {
    let began = Instant::now();
    while !holds(store) {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", store.trouble());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whoever asks whether the store is ready hears of commits that hang or fail long before memory is used up, and that it is over.
async fn trouble_is_told(begin: impl FnOnce(&Store), end: impl FnOnce(&Store)) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(eager(dir.path())).await;
    send(&store, body(0)).await;
    until(&store, "the first commit", |store| store.status().committed_seq == 1).await;
    assert!(store.trouble().is_none() && !store.is_stalled());
    begin(&store);
    send(&store, body(1)).await;
    until(&store, "a commit that does not end is noticed", Store::is_stalled).await;
    assert_eq!(store.trouble(), None, "a moment of it is no reason to ask elsewhere");
    until(&store, "it is trouble in the end", |store| store.trouble().is_some_and(|reason| reason.starts_with("commits hang or fail"))).await;
    end(&store);
    until(&store, "it passes by itself", |store| store.trouble().is_none() && !store.is_stalled()).await;
    assert_eq!(count(&store), once(0..2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_fail_are_told() {
    trouble_is_told(|store| store.inner.fail.set(Some(FailPoint::FilesWritten)), |store| store.inner.fail.set(None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_hangs_is_told() {
    trouble_is_told(|store| store.inner.fail.set_stalled(true), |store| store.inner.fail.set_stalled(false)).await;
}

/// Admission turns senders away before the last byte is taken, and so does readiness.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_is_used_up_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(eager(dir.path())).await;
    store.inner.fail.set_stalled(true);
    fill(&store, 0).await;
    assert!(store.trouble().is_some());
    store.inner.fail.set_stalled(false);
    until(&store, "there is room again", |store| store.trouble().is_none()).await;
}

/// A batch that is repeated across the step is known, new ones are taken, and a restart finds all of them once.
#[tokio::test]
async fn a_clock_that_is_set_back_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(NOW.0));
    let clock: Clock = {
        let now = Arc::clone(&now);
        Arc::new(move || Micros(now.load(Ordering::Relaxed)))
    };
    let store = Store::open(config(dir.path()), Arc::new(Lines), Arc::clone(&clock)).await.unwrap();
    let send = async |number: u64| store.ingest(&Tenant::default(), Signal::Traces, body(number), clock(), None).await.unwrap();
    for hour in 0..4 {
        send(hour * 2).await;
        store.flush().await.unwrap();
        now.fetch_sub(3_600_000_000, Ordering::Relaxed);
        assert!(send(hour * 2).await.duplicate, "the same body, an hour earlier");
        assert!(!send(hour * 2 + 1).await.duplicate);
    }
    store.settle().await.unwrap();
    assert_eq!(count(&store), once(0..8));
    drop(store);
    let store = open(config(dir.path())).await;
    assert_eq!(count(&store), once(0..8));
    store.close().await.unwrap();
    assert_eq!(count(&open(config(dir.path())).await), once(0..8));
}
