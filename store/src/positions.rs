//! How far the tables have come in the streams that were ever read into them, as their own logs say.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::blocking::blocking;
use crate::error::Error;
use crate::source::Source;
use crate::store::Store;

/// How far one table has come in one stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamPosition {
    /// What the stream is called.
    pub stream: String,
    /// The tenant's name.
    pub tenant: String,
    /// The table's name.
    pub table: String,
    /// The offset behind the last record of which the table has rows.
    pub next: u64,
    /// The offset before which, as this table knows, every table has everything.
    pub complete: u64,
}

impl Store {
    /// Reads the positions in streams whose name begins with `prefix` out of the tables' logs, also where nobody reads the streams now.
    pub fn positions<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamPosition>, Error>> {
        Box::pin(async move {
            let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
            blocking(move || {
                let mut positions = Vec::new();
                for state in inner.tables.all() {
                    let mut log = state.log.blocking_lock();
                    let streams = log.streams()?;
                    let complete_of = |stream: &str| streams.get(&Source::complete_id(stream)).copied().unwrap_or_default();
                    let named = streams.iter().filter(|(stream, _)| stream.starts_with(&prefix) && !Source::is_complete_id(stream));
                    positions.extend(named.map(|(stream, next)| StreamPosition {
                        stream: stream.clone(),
                        tenant: state.tenant.to_string(),
                        table: state.table.name().to_owned(),
                        next: *next,
                        complete: complete_of(stream),
                    }));
                }
                positions.sort();
                Ok(positions)
            })
            .await
        })
    }
}
