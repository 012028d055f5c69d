//! Bodies in, rows out.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use schema::{Score, Span, Table, TraceId};

use super::*;
use crate::{Error, ErrorKind};

#[tokio::test]
async fn what_is_acked_is_visible_at_once_and_after_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let receipt = send(&store, "1 0\n2 1").await;
    assert!(!receipt.duplicate);
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([1, 2]));
    assert!(store.inner.snapshot(&Tenant::default(), Table::Spans).files.is_empty());

    store.flush().await.unwrap();
    let snapshot = store.inner.snapshot(&Tenant::default(), Table::Spans);
    assert_eq!((snapshot.files.len(), snapshot.held.len()), (2, 0));
    assert_eq!(count(&store), once([1, 2]));
    let id = TraceId([[0, 0, 0, 0, 0, 0, 0, 3]; 2].concat().try_into().unwrap()).to_string();
    let with_id = snapshot.files.iter().filter(|file| file.ids.as_ref().unwrap().may_contain(&id)).count();
    assert_eq!(with_id, 1);
    store.close().await.unwrap();
    assert!(matches!(store.ingest(&Tenant::default(), Signal::Traces, "9 0".into(), NOW, None).await, Err(Error::Closed)));
}

/// The bar is a second; on the way are a group commit and a decoding.
#[tokio::test]
async fn rows_are_visible_soon_after_the_ack() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let sent = Instant::now();
    send(&store, "1 0").await;
    while count(&store).is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(sent.elapsed().as_millis() < 1_000, "{:?}", sent.elapsed());
}

#[tokio::test]
async fn scores_are_durable_and_visible_when_append_returns() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let tenant = Tenant::new("team-7").unwrap();
    let scores: Vec<Score> = (0..3).map(|n| score(&n.to_string(), NOW)).collect();
    let read = |store: &Store| -> Vec<Score> { rows(store, &tenant, Table::Scores).iter().flat_map(|batch| Score::decode(batch).unwrap()).collect() };
    store.append(&tenant, &scores, NOW).await.unwrap();
    assert_eq!(read(&store), scores);
    store.append(&tenant, &scores[..1], NOW).await.unwrap();
    assert_eq!(read(&store).len(), 4, "rows that are appended twice are the caller's affair");
    store.append::<Score>(&tenant, &[], NOW).await.unwrap();
    drop(store);

    let store = open(config(dir.path())).await;
    assert_eq!(read(&store).len(), 4);
    assert_eq!(store.tenants(), [tenant]);
}

#[tokio::test]
async fn a_body_sent_again_is_not_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let first = send(&store, "1 0").await;
    assert_eq!(send(&store, "1 0").await, Receipt { seq: first.seq, duplicate: true });
    let late = Micros(NOW.0 + 901_000_000);
    let again = store.ingest(&Tenant::default(), Signal::Traces, "1 0".into(), late, None).await.unwrap();
    assert!(!again.duplicate, "the window is over");
    store.settle().await.unwrap();
    assert_eq!(count(&store), [(1, 2)].into());
}

/// Fifty senders of one body at once: it is stored once, and none is told so before it is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_body_at_the_same_time_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = store.clone();
        senders.spawn(async move { (send(&store, "1 0").await, store.status().last_seq) });
    }
    let receipts = senders.join_all().await;
    assert_eq!(receipts.iter().filter(|(receipt, _)| !receipt.duplicate).count(), 1);
    assert!(receipts.iter().all(|(receipt, durable)| receipt.seq <= *durable));
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([1]));
}

#[tokio::test]
async fn duplicates_are_known_after_a_restart_and_after_their_segment_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let first = send(&store, "1 0").await;
    drop(store);
    let store = open(config(dir.path())).await;
    assert_eq!(send(&store, "1 0").await, Receipt { seq: first.seq, duplicate: true });
    store.close().await.unwrap();
    for _ in 0..2 {
        let store = open(config(dir.path())).await;
        store.flush().await.unwrap();
        let segments = listing(&dir.path().join("_wal")).into_keys().filter(|name| name.ends_with(".wal")).count();
        assert_eq!(segments, 0);
        assert_eq!(send(&store, "1 0").await, Receipt { seq: first.seq, duplicate: true });
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_is_put_aside_and_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for body in ["1 0", "bad", "2 0", "panic", "3 0", "no number"] {
        send(&store, body).await;
    }
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([1, 2, 3]));
    assert_eq!(store.status().quarantined, 3);
    let kept = listing(&dir.path().join("_wal/quarantine"));
    assert_eq!(kept.len(), 3);
    let text = std::fs::read_to_string(dir.path().join("_wal/quarantine").join(kept.keys().next().unwrap())).unwrap();
    assert!(text.ends_with("\nbad") && text.contains("\"signal\":\"traces\""), "{text}");
    store.flush().await.unwrap();
    drop(store);

    let store = open(config(dir.path())).await;
    assert_eq!(store.status().quarantined, 0, "a replay does not try them again");
    assert_eq!(count(&store), once([1, 2, 3]));
}

#[tokio::test]
async fn prepared_rows_are_taken_without_decoding() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let batch = Span::encode(&[span(7, 0, NOW)]).unwrap();
    let prepared = Box::new(move || Ok(vec![(Table::Spans, batch)]));
    store.ingest(&Tenant::default(), Signal::Traces, "bad".into(), NOW, Some(prepared)).await.unwrap();
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([7]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tenants_at_once_keep_to_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let mut senders = tokio::task::JoinSet::new();
    for tenant in 0..8 {
        let store = store.clone();
        senders.spawn(async move {
            let tenant = Tenant::new(&format!("tenant-{tenant}")).unwrap();
            for n in 0..20 {
                store.ingest(&tenant, Signal::Traces, format!("{n} {}", n % 2).into(), NOW, None).await.unwrap();
                store.append(&tenant, &[score(&n.to_string(), NOW)], NOW).await.unwrap();
            }
            tenant
        });
    }
    let tenants = senders.join_all().await;
    let check = |store: &Store| {
        for tenant in &tenants {
            let mut ids: Vec<_> = spans_of(store, tenant).iter().map(|span| span.name.clone()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!((spans_of(store, tenant).len(), ids.len()), (20, 20), "{tenant}");
            assert_eq!(rows(store, tenant, Table::Scores).iter().map(RecordBatch::num_rows).sum::<usize>(), 20, "{tenant}");
        }
    };
    store.settle().await.unwrap();
    check(&store);
    store.flush().await.unwrap();
    check(&store);
    store.close().await.unwrap();
    let store = open(config(dir.path())).await;
    check(&store);
    assert_eq!(store.tenants().len(), 8);
}

/// A decoder that waits for a gate, so that a test can hold records between the log and the tables.
struct Gate(Arc<Mutex<()>>);

impl Decode for Gate {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        drop(self.0.lock());
        Lines.decode(record)
    }
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "the gate is for the thread that decodes; no task waits for it")]
async fn what_waits_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let limits = admitting(100_000, StoreConfig { decode_threads: 1, ..config(dir.path()) });
    let store = Store::open(limits, Arc::new(Gate(Arc::clone(&gate))), clock()).await.unwrap();
    let body = |number: u64| Bytes::from((0..10).map(|n| format!("{} 0", number * 10 + n)).collect::<Vec<_>>().join("\n"));
    let large = |number: u64| Bytes::from(format!("{number} 0{}", " ".repeat(60_000)));
    let closed = gate.lock();
    store.ingest(&Tenant::default(), Signal::Traces, large(11), NOW, None).await.unwrap();
    let refused = store.ingest(&Tenant::default(), Signal::Traces, large(12), NOW, None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
    drop(closed);
    store.settle().await.unwrap();
    let mut number = 12;
    let refused = loop {
        match store.ingest(&Tenant::default(), Signal::Traces, body(number), NOW, None).await {
            Ok(_) => store.settle().await.unwrap(),
            Err(refused) => break refused,
        }
        number += 1;
        assert!(number < 1_000);
    };
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
    assert!(number > 13);
    store.flush().await.unwrap();
    store.ingest(&Tenant::default(), Signal::Traces, body(number), NOW, None).await.unwrap();
    store.settle().await.unwrap();
    assert_eq!(count(&store), once(std::iter::once(11).chain(120..(number + 1) * 10)));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { body_bytes_max: 3, ..config(dir.path()) }).await;
    send(&store, "1 0").await;
    let error = store.ingest(&Tenant::default(), Signal::Traces, "10 0".into(), NOW, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
}

/// A thousand requests must not become a thousand batches for every query to walk over.
#[tokio::test]
async fn small_requests_become_few_batches() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { wal_group_wait_ms: 0, ..config(dir.path()) }).await;
    for chunk in 0..10 {
        let sends = (0..100).map(|n| send(&store, format!("{} 0", chunk * 100 + n)));
        futures::future::join_all(sends).await;
    }
    store.settle().await.unwrap();
    assert_eq!(count(&store), once(0..1000));
    let n_batches = store.inner.snapshot(&Tenant::default(), Table::Spans).held.len();
    assert!(n_batches < 60, "{n_batches}");
}

#[tokio::test]
async fn the_writer_commits_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { flush_interval_ms: 10, ..config(dir.path()) }).await;
    send(&store, "1 0\n2 0").await;
    let started = Instant::now();
    while store.inner.snapshot(&Tenant::default(), Table::Spans).files.is_empty() {
        assert!(started.elapsed().as_secs() < 20);
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&store), once([1, 2]));
    let status = store.status();
    assert_eq!((status.tables[0].rows, status.tables[0].held_rows, status.tables[0].last_commit), (2, 0, Some(NOW)));
}

#[tokio::test]
async fn a_second_karat_is_told_that_the_directory_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let second = Store::open(StoreConfig { lock_wait_ms: 0, ..config(dir.path()) }, Arc::new(Lines), clock()).await;
    let error = second.err().unwrap();
    assert!(matches!(error, Error::Held { .. }) && error.to_string().contains("another karat"), "{error}");
    store.close().await.unwrap();
    open(StoreConfig { lock_wait_ms: 0, ..config(dir.path()) }).await;
}
