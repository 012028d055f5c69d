//! `tests/sql/*.slt`: SQL and what it gives, file by file.

use std::path::Path;

use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use store::{Error, QueryOptions, Store};

use crate::fixture::{Fixture, NOON, SECOND, call, text_rows, trace};

struct Karat {
    store: Store,
}

#[async_trait]
impl AsyncDB for Karat {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let answer = self.store.query(&schema::Tenant::default(), sql, &QueryOptions::default()).await?;
        let types = vec![DefaultColumnType::Any; answer.schema.fields().len()];
        Ok(DBOutput::Rows { types, rows: text_rows(&answer) })
    }

    async fn shutdown(&mut self) {}
}

/// The calls that the files may ask about: forty, a second apart, that take half a second longer from the 21st on.
fn slow_after_twenty(n: u8) -> schema::Span {
    let millis = i64::from(n % 7) * 10 + if n > 20 { 500 } else { 0 };
    schema::Span { duration_ns: millis * 1_000_000, ..call(n, 1, i64::from(n) * SECOND) }
}

/// A verdict on each of these calls.
fn polite(n: u8) -> schema::Score {
    let target_time = schema::Micros(NOON.0 + i64::from(n) * SECOND);
    schema::Score {
        id: format!("score {n}"),
        time: target_time,
        date: target_time.day(),
        target_time,
        evaluator: "polite".to_owned(),
        evaluator_version: "1".to_owned(),
        trace_id: Some(trace(n)),
        outcome: "value".to_owned(),
        value: Some(f64::from(n % 13) / 13.0),
        passed: Some(!n.is_multiple_of(4)),
        source: "check".to_owned(),
        ..schema::Score::default()
    }
}

#[tokio::test]
async fn every_file_holds() {
    let fixture = Fixture::open().await;
    fixture.add_file(&(1..=20).map(slow_after_twenty).collect::<Vec<_>>()).await;
    fixture.add(&(21..=40).map(slow_after_twenty).collect::<Vec<_>>()).await;
    fixture.add(&(1..=40).map(polite).collect::<Vec<_>>()).await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let mut files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    assert!(files.len() >= 9);
    for file in files {
        let store = fixture.store.clone();
        let mut runner = Runner::new(move || {
            let store = store.clone();
            async move { Ok(Karat { store }) }
        });
        runner.run_file_async(&file).await.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}
