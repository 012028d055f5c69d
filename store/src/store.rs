//! The store's front door: what the other crates call.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use schema::{Clock, Micros, Row, Table, Tenant};

use crate::config::StoreConfig;
use crate::decode::{Decode, Prepared, Signal};
use crate::engine::Engine;
use crate::error::Error;
use crate::snapshot::TableSnapshot;
use crate::status::Status;

/// The tables of every tenant, and the log in front of them; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the clones of a [`Store`] share.
pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) clock: Clock,
    /// Where queries run, once there was one.
    pub(crate) engine: OnceLock<Engine>,
}

/// What became of an ingested body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its position in the log; for a duplicate, the position of the body that was stored.
    pub seq: u64,
    /// True where the same body was stored before, so that this one was not.
    pub duplicate: bool,
}

impl Store {
    /// Opens the data directory to write: takes its lock, replays the log and starts the background tasks.
    pub async fn open(_config: StoreConfig, _decode: Arc<dyn Decode>, _clock: Clock) -> Result<Store, Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Opens the data directory to read: at rest with the log's tail, beside a running karat with what is committed.
    pub async fn open_read_only(_config: StoreConfig, _decode: Arc<dyn Decode>, _clock: Clock) -> Result<Store, Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Returns what a reader should know about this view of the data, such as that it lacks what is not committed.
    pub fn notice(&self) -> Option<&str> {
        None
    }

    /// Stores a body durably; it is on disk when this returns `Ok`.
    ///
    /// `prepared` makes the rows of a request that was parsed already; without it the body is decoded.
    pub async fn ingest(
        &self,
        _tenant: &Tenant,
        _signal: Signal,
        _body: Bytes,
        _received_at: Micros,
        _prepared: Option<Prepared>,
    ) -> Result<Receipt, Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Appends rows of one of karat's own tables; durable and visible to queries when this returns `Ok`.
    pub async fn append<R: Row>(&self, _tenant: &Tenant, _rows: &[R], _now: Micros) -> Result<(), Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Commits every row that is held.
    pub async fn flush(&self) -> Result<(), Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Waits until everything that was acked before the call is visible to queries.
    pub async fn settle(&self) -> Result<(), Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Commits every row, stops the background tasks and releases the lock.
    pub async fn close(&self) -> Result<(), Error> {
        std::future::ready(Err(Error::Closed)).await
    }

    /// Lists the tenants that have data.
    pub fn tenants(&self) -> Vec<Tenant> {
        Vec::new()
    }

    /// Reports sizes and times, for people and for the dashboard.
    pub fn status(&self) -> Status {
        Status::default()
    }
}

impl Inner {
    /// Returns what the table holds now; cheap, and consistent in itself.
    pub(crate) fn snapshot(&self, tenant: &Tenant, table: Table) -> TableSnapshot {
        let root = self.config.data.join(tenant.as_str()).join(table.name());
        TableSnapshot { table, root, files: Arc::from([]), held: Arc::from([]) }
    }
}
