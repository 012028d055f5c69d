//! A crash at every step between the ack and the shortened log: every acked row is there, once.

use super::*;
use crate::fail::FailPoint;

/// Two tables and two days a body, so that a half-made commit would show.
fn body(number: u64) -> String {
    format!("{number} 0\n{} 1\nscore {number}", number + 1_000)
}

fn check(store: &Store, numbers: std::ops::Range<u64>) {
    assert_eq!(count(store), once(numbers.clone().chain(numbers.clone().map(|n| n + 1_000))));
    let scores = rows(store, &Tenant::default(), Table::Scores);
    let mut ids: Vec<u64> = scores.iter().flat_map(|batch| Score::decode(batch).unwrap()).map(|score| score.id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, numbers.collect::<Vec<_>>());
}

/// Crashes at `point` in the second commit, and again in the commit after the restart; then goes on as if nothing had been.
async fn crash_at(point: FailPoint) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for n in 0..5 {
        send(&store, body(n)).await;
    }
    store.flush().await.unwrap();
    for n in 5..10 {
        send(&store, body(n)).await;
    }
    store.settle().await.unwrap();
    store.inner.fail.set(Some(point));
    store.flush().await.unwrap_err();
    drop(store);

    let store = open(config(dir.path())).await;
    check(&store, 0..10);
    for n in 10..15 {
        send(&store, body(n)).await;
    }
    store.settle().await.unwrap();
    check(&store, 0..15);
    store.inner.fail.set(Some(point));
    store.flush().await.unwrap_err();
    drop(store);

    let store = open(config(dir.path())).await;
    check(&store, 0..15);
    store.flush().await.unwrap();
    check(&store, 0..15);
    store.close().await.unwrap();
    let store = open(config(dir.path())).await;
    check(&store, 0..15);
    let files = listing(&dir.path().join("default"));
    let live: usize = [Table::Spans, Table::Scores].iter().map(|table| store.inner.snapshot(&Tenant::default(), *table).files.len()).sum();
    assert_eq!(files.keys().filter(|name| name.ends_with(".parquet")).count(), live, "no file is left without a commit");
}

#[tokio::test]
async fn before_the_commit() {
    crash_at(FailPoint::FilesWritten).await;
}

#[tokio::test]
async fn while_the_commit_is_in_doubt() {
    crash_at(FailPoint::CommitLinked).await;
}

#[tokio::test]
async fn after_the_commit() {
    crash_at(FailPoint::Committed).await;
}

#[tokio::test]
async fn before_the_log_is_shortened() {
    crash_at(FailPoint::Swapped).await;
}

#[tokio::test]
async fn straight_after_the_ack() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..5 {
        let store = open(config(dir.path())).await;
        send(&store, body(n)).await;
    }
    let store = open(config(dir.path())).await;
    check(&store, 0..5);
}

/// The disk failed between the commit and its sync: the store does not know whether it counts, must not write it twice, and must
/// not write over its files.
#[tokio::test]
async fn a_commit_in_doubt_is_cleared_up_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for n in 0..5 {
        send(&store, body(n)).await;
    }
    store.inner.fail.set(Some(FailPoint::CommitLinked));
    store.flush().await.unwrap_err();
    check(&store, 0..5);
    store.inner.fail.set(None);
    for n in 5..8 {
        send(&store, body(n)).await;
    }
    store.flush().await.unwrap();
    check(&store, 0..8);
    drop(store);
    check(&open(config(dir.path())).await, 0..8);
}

/// A log larger than what may be held is replayed in turns with commits.
#[tokio::test]
async fn a_replay_keeps_to_the_memory_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for n in 0..200 {
        send(&store, body(n)).await;
    }
    drop(store);
    let small = admitting(100_000, StoreConfig { flush_bytes: 20_000, ..config(dir.path()) });
    let store = open(small).await;
    check(&store, 0..200);
    // Nothing but the memory that they take makes rows go to files here; the last of them may still be on their way.
    let started = std::time::Instant::now();
    while !store.status().tables.iter().all(|table| table.rows > 0) {
        assert!(started.elapsed().as_secs() < 30, "{:?}", store.status());
        tokio::task::yield_now().await;
    }
}

/// Acks and commits go on while the process dies again and again; a sender repeats what was not acked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_crashes_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let busy = StoreConfig { flush_interval_ms: 1, commits_per_second: 1_000, compact_files: 4, checkpoint_commits: 7, ..config(dir.path()) };
    let mut next = 0;
    for round in 0..12_u64 {
        let store = open(busy.clone()).await;
        for _ in 0..=round % 4 {
            let sends = (next..next + 10).map(|n| send(&store, body(n)));
            futures::future::join_all(sends).await;
            next += 10;
        }
        let receipt = send(&store, body(next - 1)).await;
        assert!(receipt.duplicate);
    }
    let store = open(busy).await;
    check(&store, 0..next);
    store.flush().await.unwrap();
    check(&store, 0..next);
}
