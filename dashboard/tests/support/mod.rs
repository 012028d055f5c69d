//! What the tests and the example share: sample data, and a store to put it in.

#![allow(dead_code, reason = "the tests and the example each use a part")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "test support"
)]

pub mod hostile;
pub mod sample;

use std::path::Path;
use std::sync::Arc;

use schema::{Micros, Tenant};
use store::{Decode, Record, Rows, Store, StoreConfig};

/// The moment at which the sample ends: Friday, 20 November 2026, 15:00 UTC.
pub const NOW: Micros = Micros(1_795_186_800_000_000);

/// The sample has no OTLP in it.
struct NoOtlp;

impl Decode for NoOtlp {
    fn decode(&self, _: &Record<'_>) -> Result<Rows, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Rows::new())
    }
}

/// Opens an empty store in a directory.
pub async fn open(data: &Path, now: Micros) -> Store {
    let config = StoreConfig { data: data.to_owned(), ..StoreConfig::default() };
    Store::open(config, Arc::new(NoOtlp), Arc::new(move || now)).await.unwrap()
}

/// Names a tenant.
pub fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}
