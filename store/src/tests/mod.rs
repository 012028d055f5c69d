//! The store as its callers meet it: what is acked is kept, visible, and there exactly once, whatever happens in between.

mod backup;
mod crash;
mod delta;
mod disk_full;
mod ingest;
mod kill;
mod maintain;
mod outage;
mod read_only;
mod repeats;
mod streams;
mod wal;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schema::{Clock, MetricPoint, Micros, Row, Score, Span, SpanId, Table, Tenant, TraceId};

use crate::conform::conform;
use crate::decode::{Decode, DecodeError, Record, Rows};
use crate::{Receipt, Signal, Store, StoreConfig};

/// 2100: what delta-rs keeps for some hours by the clock of the machine is kept through every test.
const NOW: Micros = Micros(4_102_444_800_000_000);
const DAY_MICROS: i64 = 86_400_000_000;

/// Reads a body as lines `<span number> <days before now>`, one span each; `large <n>` is one that fills a disk, `score <n>` a score,
/// `bad` fails and `panic` panics.
struct Lines;

impl Decode for Lines {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        let (mut spans, mut scores) = (Vec::new(), Vec::new());
        for line in std::str::from_utf8(record.body)?.lines() {
            match line.split_once(' ').unwrap_or((line, "0")) {
                ("bad", _) => return Err("a body that cannot be decoded".into()),
                ("panic", _) => panic!("a body that panics"),
                ("large", number) => spans.push(Span { output_text: Some(noise(200_000)), ..span(number.parse()?, 0, record.received_at) }),
                ("score", id) => scores.push(score(id, record.received_at)),
                (number, days) => spans.push(span(number.parse()?, days.trim().parse()?, record.received_at)),
            }
        }
        Ok(vec![(Table::Spans, Span::encode(&spans)?), (Table::Scores, Score::encode(&scores)?)])
    }
}

fn span(number: u64, days_ago: i64, received_at: Micros) -> Span {
    let start_time = Micros(received_at.0 - days_ago * DAY_MICROS + i64::try_from(number % 1_000).unwrap());
    let id = SpanId((number + 1).to_be_bytes());
    Span {
        trace_id: TraceId([id.0, id.0].concat().try_into().unwrap()),
        span_id: id,
        start_time,
        start_unix_nano: start_time.0 * 1_000,
        date: start_time.day(),
        ingested_at: received_at,
        service_name: Some("shop".to_owned()),
        name: format!("span {number}"),
        output_text: Some(format!("the answer of span {number}: {}", "word ".repeat(20))),
        ..Span::default()
    }
}

/// Returns text that does not compress.
fn noise(bytes: usize) -> String {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b' ' + u8::try_from(state >> 33 & 63).unwrap())
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn score(id: &str, at: Micros) -> Score {
    Score { id: id.to_owned(), time: at, date: at.day(), evaluator: "exact".to_owned(), value: Some(1.0), ..Score::default() }
}

/// Small files and groups; nothing is committed unless a test asks for it.
fn config(data: &Path) -> StoreConfig {
    StoreConfig {
        data: data.to_owned(),
        lock_wait_ms: 5_000,
        wal_segment_bytes: 64 * 1024,
        wal_group_wait_ms: 1,
        flush_interval_ms: 3_600_000,
        compact_files: 1_000,
        ..StoreConfig::default()
    }
}

/// Leaves so many bytes for requests and rows.
fn admitting(bytes: usize, config: StoreConfig) -> StoreConfig {
    StoreConfig { ingest_bytes_max: config.overhead_bytes() + bytes, body_bytes_max: bytes, ..config }
}

fn clock() -> Clock {
    Arc::new(|| NOW)
}

async fn open(config: StoreConfig) -> Store {
    Store::open(config, Arc::new(Lines), clock()).await.unwrap()
}

async fn send(store: &Store, body: impl Into<Bytes>) -> Receipt {
    store.ingest(&Tenant::default(), Signal::Traces, body.into(), NOW, None).await.unwrap()
}

/// Returns the rows that a query sees, each batch with the whole schema.
fn rows(store: &Store, tenant: &Tenant, table: Table) -> Vec<RecordBatch> {
    let snapshot = store.inner.snapshot(tenant, table);
    let mut batches: Vec<RecordBatch> = snapshot.held.to_vec();
    for file in snapshot.files.iter() {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(snapshot.root.join(&file.path)).unwrap()).unwrap();
        let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(read.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), file.rows);
        batches.extend(read.iter().map(|batch| with_date(batch, table, file.date)));
    }
    batches
}

fn with_date(batch: &RecordBatch, table: Table, date: schema::Day) -> RecordBatch {
    let dates: arrow::array::ArrayRef = Arc::new(arrow::array::Date32Array::from(vec![date.0; batch.num_rows()]));
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|field| field.name().clone()).zip(batch.columns().to_vec());
    let all = RecordBatch::try_from_iter(columns.chain([("date".to_owned(), dates)])).unwrap();
    conform(all, table, &table.arrow_schema()).unwrap()
}

fn spans_of(store: &Store, tenant: &Tenant) -> Vec<Span> {
    rows(store, tenant, Table::Spans).iter().flat_map(|batch| Span::decode(batch).unwrap()).collect()
}

/// Returns how often each span is there, by its number.
fn count(store: &Store) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for span in spans_of(store, &Tenant::default()) {
        *counts.entry(u64::from_be_bytes(span.span_id.0) - 1).or_default() += 1;
    }
    counts
}

fn once(numbers: impl IntoIterator<Item = u64>) -> BTreeMap<u64, usize> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

/// Lists the files below a directory, with their sizes.
fn listing(dir: &Path) -> BTreeMap<String, u64> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(Result::unwrap) {
            let name = entry.path().strip_prefix(dir).unwrap().display().to_string();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => dirs.push(entry.path()),
                Ok(metadata) => drop(files.insert(name, metadata.len())),
                // The store may take a file away between the two looks.
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
            }
        }
    }
    files
}
