//! `tests/sql/*.slt`: SQL and what it gives, file by file.

use std::path::Path;

use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use store::{Error, QueryOptions, Store};

use crate::fixture::{Fixture, text_rows};

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

#[tokio::test]
async fn every_file_holds() {
    let fixture = Fixture::open().await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let mut files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    assert!(files.len() >= 3);
    for file in files {
        let store = fixture.store.clone();
        let mut runner = Runner::new(move || {
            let store = store.clone();
            async move { Ok(Karat { store }) }
        });
        runner.run_file_async(&file).await.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}
