//! What maintenance does to the tables: the rows stay the same, or go for good where they should.

use std::sync::atomic::{AtomicI64, Ordering};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::fail::FailPoint;
use crate::maintain::look_after;
use crate::{RetentionRule, Subject};

const HOUR_MICROS: i64 = 3_600_000_000;

/// A clock that a test moves on.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn new() -> Time {
        Time(Arc::new(AtomicI64::new(NOW.0)))
    }

    fn pass(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::Relaxed);
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || Micros(now.load(Ordering::Relaxed)))
    }
}

async fn open_at(config: StoreConfig, time: &Time) -> Store {
    Store::open(config, Arc::new(Lines), time.clock()).await.unwrap()
}

async fn tidy(store: &Store) {
    for state in store.inner.tables.all() {
        look_after(&store.inner, &state).await.unwrap();
    }
}

fn data_files(dir: &Path) -> Vec<String> {
    listing(dir).into_keys().filter(|name| name.contains("date=") && name.ends_with(".parquet")).collect()
}

/// Files of many sizes, whose times overlap, become one that is sorted; what does not fit in memory at once is read piece by piece.
#[tokio::test]
async fn joined_files_are_sorted_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { compact_files: 6, compact_bytes: 16_000_000, ..config(dir.path()) }).await;
    fill_six_files(&store).await;
    let before = count(&store);
    tidy(&store).await;
    let state = store.inner.tables.find(&Tenant::default(), Table::Spans).unwrap();
    let files = state.files();
    assert_eq!((files.len(), files[0].rows), (1, 3_150));
    assert_eq!(count(&store), before);
    let times: Vec<i64> = spans_of(&store, &Tenant::default()).iter().map(|span| span.start_time.0).collect();
    assert!(times.is_sorted());
    assert!((0..900).all(|n| files[0].ids.as_ref().unwrap().may_contain(&span(n, 0, NOW).trace_id.to_string())));
    assert!((10_000..12_000).filter(|n| files[0].ids.as_ref().unwrap().may_contain(&span(*n, 0, NOW).trace_id.to_string())).count() < 10);
    let done = store.status().maintenance;
    assert_eq!((done.compactions, done.compacted_files, done.at_work), (1, 6, None));
}

async fn fill_six_files(store: &Store) {
    for part in 0..6 {
        let lines: String = (0..(part + 1) * 150).map(|n| format!("{} 0\n", n * 6 + part)).collect();
        send(store, lines).await;
        store.flush().await.unwrap();
    }
}

/// A row group ends in the middle of any file; each row keeps all its columns, and columns without values stay without.
#[tokio::test]
async fn rows_stay_whole_over_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { compact_files: 6, row_group_bytes: 4_096, ..config(dir.path()) }).await;
    fill_six_files(&store).await;
    let rows = || {
        let mut spans = spans_of(&store, &Tenant::default());
        spans.sort_by_key(|span| (span.trace_id, span.span_id));
        spans
    };
    let before = rows();
    tidy(&store).await;
    assert_eq!(rows(), before);
    let state = store.inner.tables.find(&Tenant::default(), Table::Spans).unwrap();
    let file = std::fs::File::open(state.root.join(&state.files()[0].path)).unwrap();
    let groups = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().metadata().num_row_groups();
    assert!(groups > 1, "{groups} row groups");
}

/// What a compaction reads at once is part of the memory of ingest: where that is short, fewer files are joined, row by row if need be.
#[tokio::test]
async fn no_more_files_are_joined_than_there_is_memory_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { compact_files: 6, compact_bytes: 1, ..config(dir.path()) }).await;
    fill_six_files(&store).await;
    let before = count(&store);
    tidy(&store).await;
    let done = store.status().maintenance;
    assert_eq!((done.compactions, done.compacted_files), (1, 2), "five are left, which are too few to go on");
    assert_eq!(count(&store), before);
}

#[tokio::test]
async fn days_beyond_the_retention_go() {
    let dir = tempfile::tempdir().unwrap();
    let time = Time::new();
    let rule = |table: &str, days| RetentionRule { table: Some(table.to_owned()), tenant: None, days };
    let retention = vec![rule("logs", 1), rule("spans", 3)];
    let store = open_at(StoreConfig { retention, ..config(dir.path()) }, &time).await;
    send(&store, "1 0\n2 3\n3 4\n4 80\nscore a").await;
    store.flush().await.unwrap();
    tidy(&store).await;
    assert_eq!(count(&store), once([1, 2]));
    assert_eq!(store.status().maintenance.expired_rows, 2);
    assert_eq!(data_files(dir.path()).len(), 5, "a reader that began before can go on");
    time.pass(DAY_MICROS);
    tidy(&store).await;
    assert_eq!(count(&store), once([1]));
    tidy(&store).await;
    assert_eq!(data_files(dir.path()).len(), 3, "the last day stays for its readers, scores stay for good");
    drop(store);
    assert_eq!(count(&open_at(config(dir.path()), &time).await), once([1]));
}

/// The first rule that fits counts, and a rule of one tenant leaves the others alone.
#[tokio::test]
async fn retention_goes_by_tenant() {
    let dir = tempfile::tempdir().unwrap();
    let trial = Tenant::new("trial").unwrap();
    let rule = |tenant: Option<&str>, days| RetentionRule { table: None, tenant: tenant.map(str::to_owned), days };
    let store = open(StoreConfig { retention: vec![rule(Some("trial"), 2), rule(None, 10)], ..config(dir.path()) }).await;
    for tenant in [&trial, &Tenant::default()] {
        store.ingest(tenant, Signal::Traces, "1 0\n2 5\n3 20".into(), NOW, None).await.unwrap();
    }
    store.flush().await.unwrap();
    tidy(&store).await;
    let names = |tenant: &Tenant| {
        let mut names: Vec<String> = spans_of(&store, tenant).into_iter().map(|span| span.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&trial), ["span 1"]);
    assert_eq!(names(&Tenant::default()), ["span 1", "span 2"]);
}

/// Entries of a table's log go once they are old and a checkpoint covers them; what they said stays.
#[tokio::test]
async fn old_entries_of_the_log_go() {
    let dir = tempfile::tempdir().unwrap();
    let with = |log_retention_hours| StoreConfig { checkpoint_commits: 4, log_retention_hours, ..config(dir.path()) };
    for (hours, kept) in [(6, 10), (0, 5)] {
        let tenant = Tenant::new(&format!("kept-{hours}h")).unwrap();
        let store = open(with(hours)).await;
        for number in 0..9 {
            store.ingest(&tenant, Signal::Traces, body_of(number), NOW, None).await.unwrap();
            store.flush().await.unwrap();
            tidy(&store).await;
        }
        store.close().await.unwrap();
        let log = dir.path().join(tenant.as_str()).join("spans/_delta_log");
        let entries = listing(&log).into_keys().filter(|name| name.ends_with(".json")).count();
        assert!(if hours == 0 { entries <= kept } else { entries == kept }, "{hours} h: {:?}", listing(&log));
        let store = open(with(hours)).await;
        assert_eq!(spans_of(&store, &tenant).len(), 9);
        store.close().await.unwrap();
    }
}

fn body_of(number: u64) -> Bytes {
    format!("{number} 0").into()
}

#[test]
fn rules_that_cannot_be_are_refused() {
    for (table, days) in [("spams", 3), ("spans", 0)] {
        let rule = RetentionRule { table: Some(table.to_owned()), tenant: None, days };
        let config = StoreConfig { retention: vec![rule], ..StoreConfig::default() };
        assert!(config.check().unwrap_err().to_string().starts_with("the setting retention"));
    }
}

fn of_user(number: u64, trace: u64, user: Option<&str>) -> Span {
    let named = span(number, 0, NOW);
    Span { trace_id: span(trace, 0, NOW).trace_id, user_id: user.map(str::to_owned), output_text: Some("the secret of ann".to_owned()), ..named }
}

/// A span that does not name the person goes with its trace, also from a file that holds other people's; so do scores of it.
#[tokio::test]
async fn a_person_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let time = Time::new();
    let store = open_at(config(dir.path()), &time).await;
    let tenant = Tenant::default();
    let of_trace = |id: &str, trace| Score { trace_id: Some(span(trace, 0, NOW).trace_id), ..score(id, NOW) };
    store.append(&tenant, &[of_user(1, 100, Some("ann")), of_user(2, 100, None), of_user(3, 200, Some("bob"))], NOW).await.unwrap();
    store.append(&tenant, &[of_trace("of ann", 100), of_trace("of bob", 200)], NOW).await.unwrap();
    store.flush().await.unwrap();
    // These are held, and in the log alone.
    store.append(&tenant, &[of_user(4, 300, Some("ann")), of_user(5, 300, None)], NOW).await.unwrap();
    assert!(holds(dir.path(), "the secret of ann"), "the log has the text");

    let gone = store.forget(&tenant, Subject::User("ann".to_owned()), NOW).await.unwrap();
    assert_eq!((gone.traces, gone.rows), (2, 5));
    assert_eq!(count(&store), once([3]));
    let scores: Vec<String> = rows(&store, &tenant, Table::Scores).iter().flat_map(|batch| Score::decode(batch).unwrap()).map(|s| s.id).collect();
    assert_eq!(scores, ["of bob"]);
    time.pass(3 * HOUR_MICROS);
    tidy(&store).await;
    assert_eq!(data_files(dir.path()).len(), 2, "one file of spans and one of scores");
    assert!(!listing(&dir.path().join("_wal")).keys().any(|name| name.ends_with(".wal")), "the log's files are gone");
    let audit = std::fs::read_to_string(dir.path().join("_audit.jsonl")).unwrap();
    assert!(audit.contains("\"rows\":5") && !audit.contains("ann"), "{audit}");
    drop(store);
    assert_eq!(count(&open_at(config(dir.path()), &time).await), once([3]));
}

/// The disk failed between the commit and its sync: who is forgotten is forgotten, and everybody else's rows stay.
#[tokio::test]
async fn a_removal_in_doubt_takes_no_others_along() {
    let dir = tempfile::tempdir().unwrap();
    let time = Time::new();
    let store = open_at(config(dir.path()), &time).await;
    let tenant = Tenant::default();
    store.append(&tenant, &[of_user(1, 100, Some("ann")), of_user(2, 200, Some("bob")), of_user(3, 300, Some("eve"))], NOW).await.unwrap();
    store.flush().await.unwrap();
    store.inner.fail.set(Some(FailPoint::CommitLinked));
    store.forget(&tenant, Subject::User("ann".to_owned()), NOW).await.unwrap_err();
    store.inner.fail.set(None);
    store.forget(&tenant, Subject::User("ann".to_owned()), NOW).await.unwrap();
    assert_eq!(count(&store), once([2, 3]));
    time.pass(3 * HOUR_MICROS);
    tidy(&store).await;
    assert_eq!(count(&store), once([2, 3]));
    drop(store);
    assert_eq!(count(&open_at(config(dir.path()), &time).await), once([2, 3]));
}

/// A data point has no trace and no column of a person: its attributes name her, or its resource does.
#[tokio::test]
async fn data_points_of_a_person_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let tenant = Tenant::default();
    let point = |name: &str, attributes: &str, resource: &str| MetricPoint {
        time: NOW,
        date: NOW.day(),
        ingested_at: NOW,
        name: name.to_owned(),
        kind: "gauge".to_owned(),
        attributes: Some(attributes.to_owned()),
        resource: Some(resource.to_owned()),
        ..MetricPoint::default()
    };
    let points = [
        point("hers", r#"{"model":"gpt-5","user.id":"ann"}"#, "{}"),
        point("her machine's", "{}", r#"{"enduser.id":"ann"}"#),
        point("of another", r#"{"user.id":"annabel"}"#, "{}"),
        point("of a session of that name", r#"{"session.id":"ann"}"#, "{}"),
        point("of a model of that name", r#"{"model":"ann","note":"\"user.id\":\"ann\""}"#, "{}"),
    ];
    store.append(&tenant, &points, NOW).await.unwrap();
    let gone = store.forget(&tenant, Subject::User("ann".to_owned()), NOW).await.unwrap();
    assert_eq!((gone.traces, gone.rows, gone.files), (0, 2, 1));
    let left = rows(&store, &tenant, Table::Metrics);
    let left: Vec<String> = left.iter().flat_map(|batch| MetricPoint::decode(batch).unwrap()).map(|point| point.name).collect();
    assert_eq!(left, ["of another", "of a session of that name", "of a model of that name"]);
}

/// Tells whether a file of the log holds a text.
fn holds(dir: &Path, text: &str) -> bool {
    let names = listing(&dir.join("_wal")).into_keys();
    names.map(|name| std::fs::read(dir.join("_wal").join(name)).unwrap()).any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

/// What another program asks for is done by the karat that runs; what a crash cut off is done at the next start.
#[tokio::test]
async fn a_request_that_waits_is_carried_out() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = Tenant::default();
    let store = open(config(dir.path())).await;
    let in_session = |number, session: &str| Span { session_id: Some(session.to_owned()), ..of_user(number, number, None) };
    store.append(&tenant, &[in_session(1, "s1"), in_session(2, "s2")], NOW).await.unwrap();
    store.close().await.unwrap();
    Store::leave_forget_request(dir.path(), &tenant, Subject::Session("s1".to_owned()), NOW).unwrap();
    let store = open(config(dir.path())).await;
    let started = std::time::Instant::now();
    // The request names the session, so it goes, too.
    while store.status().maintenance.forgotten_rows == 0 || !listing(&dir.path().join("_forget")).is_empty() {
        assert!(started.elapsed().as_secs() < 30);
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&store), once([2]));
}

/// Acked, visible and committed are counted apart, and come to the same in the end.
#[tokio::test]
async fn the_counters_agree() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0\n2 0").await;
    send(&store, "1 0\n2 0").await;
    send(&store, "3 1").await;
    store.settle().await.unwrap();
    let too_large = vec![b'x'; config(dir.path()).body_bytes_max + 1];
    assert!(store.ingest(&Tenant::default(), Signal::Traces, too_large.into(), NOW, None).await.is_err());
    let traces = || store.status().signals["traces"].clone();
    assert_eq!((traces().received, traces().acked, traces().duplicates, traces().visible), (4, 2, 1, 2));
    assert_eq!(traces().rejected.into_iter().collect::<Vec<_>>(), [("too_large".to_owned(), 1)]);
    let of_spans = || store.status().tables.into_iter().find(|table| table.table == "spans").unwrap();
    assert_eq!((of_spans().made_rows, of_spans().committed_rows, of_spans().held_rows), (3, 0, 3));
    assert_eq!((store.status().visible_seq, store.status().committed_seq), (2, 0));
    store.flush().await.unwrap();
    assert_eq!((of_spans().made_rows, of_spans().committed_rows, of_spans().held_rows), (3, 3, 0));
    assert_eq!((store.status().visible_seq, store.status().committed_seq), (2, 2));
}

/// Under `durability = "commit"` the answer waits for the table: nothing but the table is needed to find the rows.
#[tokio::test]
async fn an_answer_can_wait_for_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { durability: crate::Durability::Commit, ..config(dir.path()) }).await;
    let receipt = send(&store, "1 0").await;
    assert_eq!(store.status().committed_seq, receipt.seq);
    assert!(send(&store, "1 0").await.duplicate);
    store.close().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("_wal")).unwrap();
    assert_eq!(count(&open(config(dir.path())).await), once([1]));
}
