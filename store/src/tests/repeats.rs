//! Spans that are sent again count once, as they were sent last, whatever happened to their rows; and what is known of them is kept.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::maintain::look_after;
use crate::{Param, QueryOptions, RetentionRule, Subject, follow};

/// Every eighth trace names this person.
const PERSON: &str = "ann";
/// Days that rows are kept.
const KEPT_DAYS: u32 = 3;

/// Sends of a span: `n` is the span, `version` the send.
fn sent(n: u64, version: u32, days_ago: i64, ingested_at: i64) -> Span {
    Span {
        trace_id: trace(n % 8),
        ingested_at: Micros(NOW.0 + ingested_at),
        operation: Some("execute_tool".to_owned()),
        tool_result: Some(version.to_string()),
        user_id: n.is_multiple_of(8).then(|| PERSON.to_owned()),
        ..span(n, days_ago, NOW)
    }
}

fn trace(n: u64) -> TraceId {
    span(n, 0, NOW).trace_id
}

/// Joins files as soon as there are two of a day, and looks as far as the test's days reach.
fn joining(dir: &Path) -> StoreConfig {
    let mut config = StoreConfig { compact_files: 2, ..config(dir) };
    config.query.reach_hours = 24 * 365;
    config
}

async fn add(store: &Store, spans: &[Span]) {
    store.append(&Tenant::default(), spans, NOW).await.unwrap();
}

async fn add_file(store: &Store, spans: &[Span]) {
    add(store, spans).await;
    store.flush().await.unwrap();
}

async fn tidy(store: &Store) {
    for state in store.inner.tables.all() {
        look_after(&store.inner, &state).await.unwrap();
    }
}

/// Returns the versions that a query sees, by span.
async fn seen(store: &Store, filter: &str, params: &[(&str, &str)]) -> Vec<(u64, u32)> {
    let params = params.iter().fold(QueryOptions::default(), |options, (name, value)| options.with(name, Param::Text((*value).to_owned())));
    let sql = format!("select span_id, tool_result from tool_calls where {filter}");
    let rows = store.query(&Tenant::default(), &sql, &params).await.unwrap().rows::<(String, String)>().unwrap();
    let mut rows: Vec<_> = rows.iter().map(|(span, version)| (u64::from_str_radix(span, 16).unwrap() - 1, version.parse().unwrap())).collect();
    rows.sort_unstable();
    rows
}

async fn all(store: &Store) -> Vec<(u64, u32)> {
    seen(store, "true", &[]).await
}

/// Returns how many spans and how many suspects are remembered.
async fn remembered(store: &Store) -> Option<(u64, usize)> {
    store.inner.snapshot(&Tenant::default(), Table::Spans).repeats.figures().await
}

#[tokio::test]
async fn what_is_known_grows_with_new_files_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(joining(dir.path())).await;
    add_file(&store, &[sent(1, 10, 0, 0), sent(2, 20, 0, 0)]).await;
    assert_eq!(all(&store).await, [(1, 10), (2, 20)]);
    assert_eq!(remembered(&store).await, Some((2, 0)));
    // One file that was read and one that was not become one: the second is still the only one with new rows.
    add_file(&store, &[sent(3, 30, 0, 0)]).await;
    tidy(&store).await;
    assert_eq!(store.inner.snapshot(&Tenant::default(), Table::Spans).files.len(), 1);
    assert_eq!(all(&store).await, [(1, 10), (2, 20), (3, 30)]);
    assert_eq!(remembered(&store).await, Some((3, 0)), "rows that were moved are not taken for repeated ones");
    // Sent again on another day, and joined with what came before and after.
    add_file(&store, &[sent(1, 11, 1, 5)]).await;
    assert_eq!(all(&store).await, [(1, 11), (2, 20), (3, 30)]);
    add_file(&store, &[sent(4, 40, 1, 0)]).await;
    tidy(&store).await;
    assert_eq!(all(&store).await, [(1, 11), (2, 20), (3, 30), (4, 40)]);
    assert_eq!(remembered(&store).await, Some((4, 1)));
    assert_eq!(seen(&store, "trace_id = $t", &[("t", &trace(1).to_string())]).await, [(1, 11)]);
    assert_eq!(seen(&store, "tool_result = '10'", &[]).await, []);
}

#[tokio::test]
async fn held_rows_meet_each_other_and_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(joining(dir.path())).await;
    add_file(&store, &[sent(1, 10, 0, 5), sent(2, 20, 0, 5)]).await;
    add(&store, &[sent(1, 9, 0, 4), sent(2, 21, 0, 6), sent(3, 30, 0, 1)]).await;
    add(&store, &[sent(3, 31, 0, 2), sent(4, 40, 0, 0), sent(4, 40, 0, 0)]).await;
    let expected = [(1, 10), (2, 21), (3, 31), (4, 40)];
    assert_eq!(all(&store).await, expected);
    assert_eq!(all(&store).await, expected);
    store.flush().await.unwrap();
    assert_eq!(all(&store).await, expected);
    add(&store, &[sent(4, 40, 0, 0)]).await;
    assert_eq!(all(&store).await, expected, "the third of three equal ones");
}

/// The later row goes with its day, or with its person; the earlier one is there again.
#[tokio::test]
async fn a_row_that_is_gone_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(NOW.0));
    let time = Arc::clone(&now);
    let retention = vec![RetentionRule { table: Some("spans".to_owned()), tenant: None, days: KEPT_DAYS }];
    let config = StoreConfig { retention, ..joining(dir.path()) };
    let store = Store::open(config, Arc::new(Lines), Arc::new(move || Micros(time.load(Ordering::Relaxed)))).await.unwrap();
    add_file(&store, &[sent(1, 10, 0, 0), sent(8, 80, 0, 0), sent(2, 20, 0, 0)]).await;
    add_file(&store, &[sent(1, 11, 2, 7), sent(8, 81, 0, 7)]).await;
    assert_eq!(all(&store).await, [(1, 11), (2, 20), (8, 81)]);
    now.fetch_add(2 * DAY_MICROS, Ordering::Relaxed);
    tidy(&store).await;
    assert_eq!(all(&store).await, [(1, 10), (2, 20), (8, 81)]);
    store.forget(&Tenant::default(), Subject::User(PERSON.to_owned()), NOW).await.unwrap();
    assert_eq!(all(&store).await, [(1, 10), (2, 20)]);
    add(&store, &[sent(8, 82, 0, 1)]).await;
    assert_eq!(all(&store).await, [(1, 10), (2, 20), (8, 82)], "what is sent after it was forgotten is new");
}

#[tokio::test]
async fn readers_know_as_much_as_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(joining(dir.path())).await;
    add_file(&store, &[sent(1, 10, 0, 0), sent(2, 20, 0, 0), sent(8, 80, 0, 0)]).await;
    let follower = Store::open_follower(joining(dir.path()), clock()).await.unwrap();
    assert_eq!(all(&follower).await, [(1, 10), (2, 20), (8, 80)]);
    // Files come, are joined, and joined again before the follower looks: what it knows of is part of what it finds.
    for n in 3..7 {
        add_file(&store, &[sent(n, 1, 0, 0)]).await;
        tidy(&store).await;
    }
    add_file(&store, &[sent(2, 21, 0, 3), sent(8, 81, 0, 3)]).await;
    follow::once(&follower.inner).await.unwrap();
    let mut expected = vec![(1, 10), (2, 21), (3, 1), (4, 1), (5, 1), (6, 1), (8, 81)];
    assert_eq!(all(&follower).await, expected);
    assert_eq!(remembered(&follower).await, Some((7, 2)), "nothing was taken for repeated that was only moved");
    store.forget(&Tenant::default(), Subject::User(PERSON.to_owned()), NOW).await.unwrap();
    follow::once(&follower.inner).await.unwrap();
    expected.pop();
    assert_eq!(all(&follower).await, expected);
    assert_eq!(remembered(&follower).await, Some((7, 2)), "files without a person's rows hold no new ones");
    add(&store, &[sent(1, 11, 0, 1)]).await;
    store.settle().await.unwrap();
    assert_eq!(all(&store).await[0], (1, 11));
    drop((follower, store));
    let path = dir.path().to_owned();
    let free = tokio::task::spawn_blocking(move || crate::lock::DirLock::exclusive(&path, std::time::Duration::from_secs(5)).map(drop));
    free.await.unwrap().unwrap();
    let reader = Store::open_read_only(joining(dir.path()), Arc::new(Lines), clock()).await.unwrap();
    assert_eq!(all(&reader).await[..2], [(1, 11), (2, 21)]);
    drop(reader);
    assert_eq!(all(&open(joining(dir.path())).await).await[..2], [(1, 11), (2, 21)], "after a restart");
}

/// Without memory for it every query looks by itself, and finds the same.
#[tokio::test]
async fn without_memory_nothing_is_remembered_and_nothing_missed() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = joining(dir.path());
    config.query.repeats_bytes = 0;
    let store = open(config).await;
    add_file(&store, &[sent(1, 10, 0, 0), sent(2, 20, 0, 0)]).await;
    add(&store, &[sent(1, 11, 0, 1)]).await;
    for _ in 0..2 {
        assert_eq!(all(&store).await, [(1, 11), (2, 20)]);
    }
    assert_eq!(remembered(&store).await, None);
}

/// A query that opens one trace does not pay for the whole table, until many of them have read as much.
#[tokio::test]
async fn a_narrow_query_looks_by_itself_at_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for n in 0..4 {
        add_file(&store, &[sent(n, 1, 0, 0), sent(n, 2, 0, 1)]).await;
    }
    let one = async || seen(&store, "trace_id = $t", &[("t", &trace(2).to_string())]).await;
    for _ in 0..3 {
        assert_eq!(one().await, [(2, 2)]);
        assert_eq!(remembered(&store).await, None);
    }
    assert_eq!(one().await, [(2, 2)]);
    assert_eq!(remembered(&store).await, Some((4, 4)));
}

/// One row as it was sent.
#[derive(Debug, Clone)]
struct Copy {
    n: u64,
    version: u32,
    ingested_at: i64,
    at: i64,
}

/// Checks an answer against rows of which it may hold those that `fits`.
fn check(found: &[(u64, u32)], copies: &[Copy], fits: impl Fn(&Copy) -> bool, context: &str) {
    let spans: BTreeSet<u64> = copies.iter().map(|copy| copy.n).collect();
    let mut open = found.to_vec();
    for n in spans {
        let last = copies.iter().filter(|copy| copy.n == n).map(|copy| copy.ingested_at).max();
        let ties: Vec<&Copy> = copies.iter().filter(|copy| copy.n == n && Some(copy.ingested_at) == last).collect();
        let here: Vec<u32> = open.extract_if(.., |(span, _)| *span == n).map(|(_, version)| version).collect();
        let may: Vec<u32> = ties.iter().filter(|copy| fits(copy)).map(|copy| copy.version).collect();
        let n_least = usize::from(may.len() == ties.len());
        assert!(
            (n_least..=1).contains(&here.len()) && here.iter().all(|version| may.contains(version)),
            "{context}: span {n} is {here:?}, of {ties:?}"
        );
    }
    assert!(open.is_empty(), "{context}: {open:?} are not there");
}

/// Whatever order rows come, files are joined, days and people go, and the store starts again: a query sees what a list would tell.
#[tokio::test]
async fn any_order_of_things_gives_what_a_list_would_tell() {
    for seed in 0..6 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let dir = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(NOW.0));
        let retention = vec![RetentionRule { table: Some("spans".to_owned()), tenant: None, days: KEPT_DAYS }];
        let start = || {
            let (config, time) = (StoreConfig { retention: retention.clone(), ..joining(dir.path()) }, Arc::clone(&now));
            Store::open(config, Arc::new(Lines), Arc::new(move || Micros(time.load(Ordering::Relaxed))))
        };
        let mut store = start().await.unwrap();
        let mut copies: Vec<Copy> = Vec::new();
        for step in 0..70 {
            let context = format!("seed {seed}, step {step}");
            match random.random_range(0..20) {
                0..8 => {
                    let days_passed = (now.load(Ordering::Relaxed) - NOW.0) / DAY_MICROS;
                    let spans: Vec<Span> = (0..random.random_range(1..6))
                        .map(|index| {
                            sent(random.random_range(0..40), step * 10 + index, random.random_range(0..3) - days_passed, random.random_range(0..30))
                        })
                        .collect();
                    add(&store, &spans).await;
                    copies.extend(spans.iter().map(|span| Copy {
                        n: u64::from_be_bytes(span.span_id.0) - 1,
                        version: span.tool_result.as_deref().unwrap().parse().unwrap(),
                        ingested_at: span.ingested_at.0,
                        at: span.start_time.0,
                    }));
                }
                8..11 => store.flush().await.unwrap(),
                11..13 => tidy(&store).await,
                13 => {
                    store.flush().await.unwrap();
                    let day = Micros(now.fetch_add(DAY_MICROS, Ordering::Relaxed) + DAY_MICROS).day().0;
                    tidy(&store).await;
                    copies.retain(|copy| Micros(copy.at).day().0 >= day - i32::try_from(KEPT_DAYS).unwrap());
                }
                14 if step % 3 == 0 => {
                    store.forget(&Tenant::default(), Subject::User(PERSON.to_owned()), NOW).await.unwrap();
                    copies.retain(|copy| copy.n % 8 != 0);
                }
                15 if step % 2 == 0 => {
                    store.close().await.unwrap();
                    store = start().await.unwrap();
                }
                16 => {
                    let n = random.random_range(0..8);
                    let found = seen(&store, "trace_id = $t", &[("t", &trace(n).to_string())]).await;
                    let of_trace: Vec<Copy> = copies.iter().filter(|copy| copy.n % 8 == n).cloned().collect();
                    check(&found, &of_trace, |_| true, &context);
                }
                17 => {
                    let from = now.load(Ordering::Relaxed) - random.random_range(0..3) * DAY_MICROS;
                    let found = seen(&store, &format!("start_time >= to_timestamp_micros({from})"), &[]).await;
                    check(&found, &copies, |copy| copy.at >= from, &context);
                }
                _ => check(&all(&store).await, &copies, |_| true, &context),
            }
        }
        check(&all(&store).await, &copies, |_| true, &format!("seed {seed}, at the end"));
    }
}
