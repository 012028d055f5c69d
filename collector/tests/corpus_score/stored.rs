//! The real way of a scenario's requests: through the decoder into the store, and out of it by SQL.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use collector::price::PriceTable;
use collector::{DecodeConfig, Decoder};
use schema::{Micros, Tenant};
use serde::de::DeserializeOwned;
use store::{QueryOptions, Signal, Store, StoreConfig};

use crate::expected::Scenario;
use crate::rows::{Rows, raw};

/// When every request arrives: after the corpus was captured.
const NOW: Micros = Micros(1_795_300_000_000_000);

/// A store of its own, where every scenario is a tenant.
pub struct Stored {
    store: Store,
    n_tenants: u32,
    _data: tempfile::TempDir,
}

impl Stored {
    pub async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = StoreConfig { data: data.path().to_path_buf(), ..StoreConfig::default() };
        let decoder = Arc::new(Decoder::new(Arc::new(PriceTable::shipped()), DecodeConfig::default()));
        let store = Store::open(config, decoder as _, Arc::new(|| NOW)).await.unwrap();
        Self { store, n_tenants: 0, _data: data }
    }

    /// Sends the requests of a scenario in the order in which they came, and reads what the tables and views then hold.
    pub async fn rows(&mut self, folder: &Path, scenario: &Scenario) -> Rows {
        self.n_tenants += 1;
        let tenant = Tenant::new(&format!("scenario-{}", self.n_tenants)).unwrap();
        for file in scenario.requests() {
            let body = Bytes::from(std::fs::read(folder.join(file)).unwrap());
            let signal = match file {
                file if file.contains(".traces.") => Signal::Traces,
                file if file.contains(".logs.") => Signal::Logs,
                _ => Signal::Metrics,
            };
            self.store.ingest(&tenant, signal, body, NOW, None).await.unwrap();
        }
        self.store.settle().await.unwrap();
        let rows = Rows {
            calls: self.read(&tenant, "select * from llm_calls order by start_unix_nano").await,
            spans: self.read(&tenant, "select * from spans order by start_unix_nano").await,
            scores: self.read(&tenant, "select * from scores").await,
            raw: raw(folder, scenario),
        };
        rows.without_repeated_scores()
    }

    async fn read<T: DeserializeOwned>(&self, tenant: &Tenant, sql: &str) -> Vec<T> {
        self.store.query(tenant, sql, &QueryOptions::default()).await.unwrap().rows().unwrap()
    }
}
