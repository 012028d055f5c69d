//! Where one trace is on its way from the door to the tables.

use std::sync::Arc;

use futures::future::BoxFuture;
use schema::{Table, Tenant, TraceId};
use serde::Serialize;

use crate::blocking::blocking;
use crate::error::Error;
use crate::param::Param;
use crate::place::names_in;
use crate::store::{Inner, Store};
use crate::wal::{self, Tail};

/// Where a trace was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Whereabouts {
    /// Records of the log that hold its id: acked. They go from the log some time after their rows are committed.
    pub log_records: Vec<u64>,
    /// Records that were put aside because they cannot be decoded, and hold its id.
    pub quarantined: Vec<String>,
    /// Spans that queries see.
    pub visible_spans: u64,
    /// Log records that queries see.
    pub visible_logs: u64,
    /// Scores of it.
    pub scores: u64,
    /// Files of the table of spans that may hold it.
    pub files: Vec<String>,
}

impl Store {
    /// Looks for a trace in the log, among the records put aside, and in the tables.
    pub fn whereabouts<'a>(&'a self, tenant: &'a Tenant, trace_id: TraceId) -> BoxFuture<'a, Result<Whereabouts, Error>> {
        Box::pin(async move {
            let text = trace_id.to_string();
            let options = crate::QueryOptions { params: vec![("id".to_owned(), Param::Text(text.clone()))], ..self.query_options() };
            let counts = self.query(tenant, include_str!("whereabouts.sql"), &options).await?.rows::<(i64, i64, i64)>()?;
            let [spans, logs, scores] = counts.first().map_or([0; 3], |(spans, logs, scores)| [*spans, *logs, *scores].map(i64::unsigned_abs));
            let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
            let (log_records, quarantined, files) = blocking(move || {
                let needles = [trace_id.0.to_vec(), text.clone().into_bytes()];
                let holds = |bytes: &[u8]| needles.iter().any(|needle| bytes.windows(needle.len()).any(|part| part == needle));
                Ok((records(&inner, &holds)?, put_aside(&inner, &holds)?, files(&inner, &tenant, &text)?))
            })
            .await?;
            Ok(Whereabouts { log_records, quarantined, visible_spans: spans, visible_logs: logs, scores, files })
        })
    }
}

fn records(inner: &Inner, holds: &impl Fn(&[u8]) -> bool) -> Result<Vec<u64>, Error> {
    let mut found = Vec::new();
    let dir = inner.wal_dir();
    if let Some(id) = wal::read_id(inner.disk.as_ref(), &dir)? {
        wal::scan(inner.disk.as_ref(), &dir, id, 0, Tail::Leave, |frame| {
            if holds(&frame.body) {
                found.push(frame.seq);
            }
            Ok(())
        })?;
    }
    Ok(found)
}

fn put_aside(inner: &Inner, holds: &impl Fn(&[u8]) -> bool) -> Result<Vec<String>, Error> {
    let dir = inner.wal_dir().join("quarantine");
    Ok(names_in(&dir)?.into_iter().filter(|name| std::fs::read(dir.join(name)).is_ok_and(|bytes| holds(&bytes))).collect())
}

/// Asks the filters over trace ids; those that are not in memory are read from the files.
fn files(inner: &Inner, tenant: &Tenant, trace_id: &str) -> Result<Vec<String>, Error> {
    let Some(state) = inner.tables.find(tenant, Table::Spans) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for file in state.files().iter() {
        let ids = match &file.ids {
            Some(ids) => Some(Arc::clone(ids)),
            None => state.place.bloom(&file.path, &inner.blooms)?.map(Arc::new),
        };
        if ids.is_none_or(|ids| ids.may_contain(trace_id)) {
            found.push(file.path.clone());
        }
    }
    Ok(found)
}
