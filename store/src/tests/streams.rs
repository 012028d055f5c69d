//! Rows of streams: each lands once, whoever reads the stream, and whatever ends the reading.

use super::*;
use crate::fail::FailPoint;
use crate::{Stream, StreamRecord};

const NAME: &str = "kafka:cluster/otlp_spans/0";

fn record(offset: u64, body: &str) -> Option<StreamRecord> {
    let (body, bytes) = (Bytes::from(body.to_owned()), body.to_owned());
    let prepared =
        move || Lines.decode(&Record { seq: 0, signal: Signal::Traces, tenant: &Tenant::default(), received_at: NOW, body: bytes.as_bytes() });
    Some(StreamRecord { offset, signal: Signal::Traces, tenant: Tenant::default(), received_at: NOW, body, prepared: Box::new(prepared) })
}

/// Two tables a record, so that they can be at odds.
fn body(number: u64) -> String {
    format!("{number} 0\nscore {number}")
}

/// Hands over every record from where the reading begins.
async fn read_to(stream: &Stream, end: u64) {
    for offset in stream.start()..end {
        stream.take(&mut record(offset, &body(offset))).unwrap();
    }
    stream.source().progress.reached(end).await;
}

fn check(store: &Store, numbers: std::ops::Range<u64>) {
    assert_eq!(count(store), once(numbers.clone()));
    let scores = rows(store, &Tenant::default(), Table::Scores);
    let mut ids: Vec<u64> = scores.iter().flat_map(|batch| Score::decode(batch).unwrap()).map(|score| score.id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, numbers.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reading_goes_on_where_the_tables_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let stream = store.open_stream(NAME).await.unwrap();
    assert_eq!(stream.start(), 0);
    read_to(&stream, 5).await;
    check(&store, 0..5);
    assert_eq!(stream.complete(), Some(0), "nothing is committed yet");
    store.flush().await.unwrap();
    assert_eq!(stream.complete(), Some(5));
    read_to(&stream, 8).await;
    drop((stream, store));

    let store = open(config(dir.path())).await;
    check(&store, 0..5);
    let stream = store.open_stream(NAME).await.unwrap();
    assert_eq!(stream.start(), 5, "what was only held is read again");
    read_to(&stream, 8).await;
    check(&store, 0..8);
    store.close().await.unwrap();
    let store = open(config(dir.path())).await;
    check(&store, 0..8);
    assert_eq!(store.open_stream(NAME).await.unwrap().start(), 8);
}

/// Who looks at tables at rest is told how far they have come in each stream, and nothing of the log's own positions.
#[tokio::test]
async fn positions_are_told_at_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "99 0").await;
    let stream = store.open_stream(NAME).await.unwrap();
    read_to(&stream, 5).await;
    store.close().await.unwrap();
    let reader = Store::open_read_only(config(dir.path()), Arc::new(Lines), clock()).await.unwrap();
    let positions = reader.positions("kafka:").await.unwrap();
    let told = |position: &crate::StreamPosition| (position.stream.clone(), position.table.clone(), position.next);
    let expected = ["scores", "spans"].map(|table| (NAME.to_owned(), table.to_owned(), 5));
    assert_eq!(positions.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(positions.iter().map(|position| position.complete).max(), Some(5));
}

/// Dies at `point` in a commit, with one of the two tables committed or none; then reads again.
async fn crash_at(point: FailPoint) {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..6 {
        let store = open(config(dir.path())).await;
        let stream = store.open_stream(NAME).await.unwrap();
        assert!(stream.start() <= (round - 1) * 10);
        read_to(&stream, round * 10).await;
        check(&store, 0..round * 10);
        if round % 2 == 0 {
            store.flush().await.unwrap();
        } else {
            store.inner.fail.set(Some(point));
            store.flush().await.unwrap_err();
        }
        drop((stream, store));
    }
    let store = open(config(dir.path())).await;
    read_to(&store.open_stream(NAME).await.unwrap(), 50).await;
    check(&store, 0..50);
    store.close().await.unwrap();
    let files = listing(&dir.path().join("default"));
    let live: usize = [Table::Spans, Table::Scores].iter().map(|table| store.inner.snapshot(&Tenant::default(), *table).files.len()).sum();
    assert_eq!(files.keys().filter(|name| name.ends_with(".parquet")).count(), live, "no file is left without a commit");
}

#[tokio::test]
async fn a_crash_before_the_commit() {
    crash_at(FailPoint::FilesWritten).await;
}

#[tokio::test]
async fn a_crash_while_the_commit_is_in_doubt() {
    crash_at(FailPoint::CommitLinked).await;
}

#[tokio::test]
async fn a_crash_after_the_commit() {
    crash_at(FailPoint::Committed).await;
}

/// One table is committed and the other is not: the reading begins where the slower is, and the faster one skips.
#[tokio::test]
async fn tables_may_be_at_odds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let stream = store.open_stream(NAME).await.unwrap();
    read_to(&stream, 5).await;
    let spans = store.inner.tables.find(&Tenant::default(), Table::Spans).unwrap();
    crate::writer::flush_table(&store.inner, &spans).await.unwrap();
    assert_eq!(stream.complete(), Some(0));
    drop((stream, store));

    let store = open(config(dir.path())).await;
    assert_eq!((count(&store), rows(&store, &Tenant::default(), Table::Scores).len()), (once(0..5), 0));
    let stream = store.open_stream(NAME).await.unwrap();
    assert_eq!(stream.start(), 0);
    read_to(&stream, 6).await;
    check(&store, 0..6);
    store.close().await.unwrap();
}

/// The next one in charge has committed what this one holds: its rows are dropped, its commit is not made, and its reading ends.
#[tokio::test]
async fn a_zombie_is_fenced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let stream = store.open_stream(NAME).await.unwrap();
    read_to(&stream, 3).await;
    store.flush().await.unwrap();
    read_to_from(&stream, 3, 6).await;
    let log = dir.path().join("default/spans/_delta_log");
    let version = std::fs::read_dir(&log).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "json")).count();
    let other = format!(r#"{{"txn":{{"appId":"{NAME}","version":4}}}}"#);
    std::fs::write(log.join(format!("{version:020}.json")), other).unwrap();

    store.flush().await.unwrap();
    assert!(!stream.is_open(), "the reading has ended");
    assert_eq!(stream.complete(), None);
    assert_eq!(count(&store), once(0..3), "what it held is dropped");
    stream.take(&mut record(6, &body(6))).unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store), once(0..3), "what it is handed is not held");

    let again = store.open_stream(NAME).await.unwrap();
    assert_eq!(again.start(), 3, "the other one said nothing about the scores");
    read_to(&again, 6).await;
    assert_eq!(count(&store), once([0, 1, 2, 5]), "the other one's rows, which are not here in this test, are not made again");
    store.close().await.unwrap();
}

async fn read_to_from(stream: &Stream, from: u64, end: u64) {
    for offset in from..end {
        stream.take(&mut record(offset, &body(offset))).unwrap();
    }
    stream.source().progress.reached(end).await;
}

/// Given up and taken on again: what was held goes with the first reading, and comes with the second.
#[tokio::test]
async fn a_reading_that_ends_takes_what_it_holds_along() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let (first, other) = (store.open_stream(NAME).await.unwrap(), store.open_stream("kafka:cluster/otlp_spans/1").await.unwrap());
    read_to(&first, 4).await;
    other.take(&mut record(0, "100 0")).unwrap();
    other.source().progress.reached(1).await;
    first.close();
    assert_eq!(count(&store), once([100]));
    let second = store.open_stream(NAME).await.unwrap();
    read_to(&second, 4).await;
    assert_eq!(count(&store), once([0, 1, 2, 3, 100]));
    let third = store.open_stream(NAME).await.unwrap();
    assert!(!second.is_open() && third.is_open());
    store.close().await.unwrap();
    assert_eq!(count(&store), once([100]));
}

/// Offsets that the stream leaves out, bodies that cannot be read, and rows of the log beside them.
#[tokio::test]
async fn gaps_and_poison_hold_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let stream = store.open_stream(NAME).await.unwrap();
    for (offset, body) in [(3, "1 0"), (4, "bad"), (9, "2 0"), (9, "2 0"), (10, "2 0"), (11, "panic")] {
        stream.take(&mut record(offset, body)).unwrap();
    }
    send(&store, "50 0").await;
    stream.source().progress.reached(12).await;
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([1, 2, 50]), "what was sent twice is there once");
    store.flush().await.unwrap();
    assert_eq!(stream.complete(), Some(12));
    assert_eq!(store.status().quarantined, 2);
    let kept = listing(&dir.path().join("_wal/quarantine"));
    assert_eq!(
        kept.keys().collect::<Vec<_>>(),
        ["kafka_cluster_otlp_spans_0-00000000000000000004", "kafka_cluster_otlp_spans_0-00000000000000000011"]
    );
    drop((stream, store));
    let store = open(config(dir.path())).await;
    assert_eq!(count(&store), once([1, 2, 50]));
    assert_eq!(store.open_stream(NAME).await.unwrap().start(), 12, "what has no rows counts, too");
    assert_eq!(send(&store, "51 0").await.seq, 2, "the log of the node has its own positions");
    store.close().await.unwrap();
}

/// A sender that never heard the answer sends again: the next reading knows what the last one stored.
#[tokio::test]
async fn a_body_is_known_to_the_next_reading() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    read_to(&store.open_stream(NAME).await.unwrap(), 3).await;
    store.close().await.unwrap();
    let store = open(config(dir.path())).await;
    let stream = store.open_stream(NAME).await.unwrap();
    assert_eq!(stream.start(), 3);
    for (offset, number) in [(1, 1), (2, 2), (3, 2), (4, 4)] {
        stream.take(&mut record(offset, &body(number))).unwrap();
    }
    stream.source().progress.reached(5).await;
    assert_eq!(count(&store), once([0, 1, 2, 4]));
    store.close().await.unwrap();
}

/// Positions are found again behind a checkpoint, too.
#[tokio::test]
async fn positions_outlive_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { checkpoint_commits: 3, ..config(dir.path()) }).await;
    let stream = store.open_stream(NAME).await.unwrap();
    for end in 1..9 {
        read_to_from(&stream, end - 1, end).await;
        store.flush().await.unwrap();
        for state in store.inner.tables.all() {
            crate::maintain::look_after(&store.inner, &state).await.unwrap();
        }
    }
    store.close().await.unwrap();
    assert!(listing(&dir.path().join("default/spans")).keys().any(|name| name.ends_with(".checkpoint.parquet")));
    let store = open(config(dir.path())).await;
    let stream = store.open_stream(NAME).await.unwrap();
    assert_eq!(stream.start(), 8);
    read_to(&stream, 9).await;
    check(&store, 0..9);
    store.close().await.unwrap();
}

/// A stream is read no faster than memory allows, and goes on when rows are committed.
#[tokio::test]
async fn a_stream_waits_for_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(admitting(1_000_000, config(dir.path()))).await;
    let stream = store.open_stream(NAME).await.unwrap();
    let mut n_waits = 0;
    for offset in 0..30 {
        let mut large = record(offset, &format!("large {offset}\nscore {}{offset}", "x".repeat(100_000)));
        while stream.take(&mut large).is_err() {
            n_waits += 1;
            assert!(large.is_some() && n_waits < 100_000, "the record comes back, and its turn comes");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    stream.source().progress.reached(30).await;
    store.close().await.unwrap();
    assert!(n_waits > 0, "there was never too little room");
    assert_eq!(count(&store), once(0..30));
}
