//! Where runs are kept: baselines and production spans are read there, traces are looked up.

use std::path::Path;
use std::time::Duration;

use schema::{Micros, Tenant};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use store::{Answer, Param, QueryOptions, Store};

use crate::error::Error;
use crate::judge::Call;
use crate::lineage;
use crate::report::Report;
use crate::server::Server;

/// How long a server may take to answer a query.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to send a run, and to have it written.
const SENDING: Duration = Duration::from_secs(300);

/// Where runs are kept.
#[derive(Clone, Copy, Default)]
pub enum Archive<'a> {
    /// They are not kept.
    #[default]
    Nowhere,
    /// In the tables of a tenant.
    Tables(&'a Store, &'a Tenant),
    /// In a running karat.
    Server(&'a Server),
}

/// A run with what its judges were asked: what `POST /api/v1/runs` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The run.
    pub report: Report,
    /// What its judges were asked, and what that cost.
    #[serde(default)]
    pub(crate) calls: Vec<Call>,
}

/// What became of a run that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The run's id.
    pub id: String,
    /// Whether it was written; one that is there already is not written twice.
    pub kept: bool,
}

impl RunRecord {
    /// Reads a run out of a file: one that could not be kept, or a report in JSON, which does not say what judges were asked.
    pub fn read(path: &Path) -> Result<Self, Error> {
        /// What tells the two apart.
        #[derive(Deserialize)]
        struct Shape {
            report: Option<IgnoredAny>,
        }
        let bytes = std::fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
        let broken = |error: serde_json::Error| Error::config(format!("{}: this is no run: {error}", path.display()));
        match serde_json::from_slice::<Shape>(&bytes).map_err(broken)?.report {
            Some(_) => serde_json::from_slice(&bytes).map_err(broken),
            None => Ok(Self { report: serde_json::from_slice(&bytes).map_err(broken)?, calls: Vec::new() }),
        }
    }
}

impl Archive<'_> {
    /// Whether runs are kept at all.
    pub(crate) fn is_somewhere(&self) -> bool {
        !matches!(self, Archive::Nowhere)
    }

    /// Answers one SQL query over the tables; `used_by` is who says that there are none.
    pub(crate) async fn query(&self, used_by: &str, sql: &str, params: Vec<(String, Param)>, max_rows: usize) -> Result<Answer, Error> {
        match self {
            Archive::Nowhere => Err(nowhere(used_by)),
            Archive::Tables(store, tenant) => {
                let options = QueryOptions { params, max_rows, ..store.query_options() };
                Ok(store.query(tenant, sql, &options).await?)
            }
            Archive::Server(server) => server.query(sql, &params, max_rows, PATIENCE).await,
        }
    }

    /// Keeps a run; rows bear the time at which it began, or `now` where that is earlier.
    pub async fn keep(&self, record: &RunRecord, now: Micros) -> Result<Kept, Error> {
        match self {
            Archive::Nowhere => Ok(Kept { id: record.report.run.id.clone(), kept: false }),
            Archive::Tables(store, tenant) => lineage::keep(store, tenant, record, now).await,
            Archive::Server(server) => {
                let answer = server.post("/api/v1/runs", record, SENDING).await?;
                answer.json().await.map_err(|source| server.unreachable(source))
            }
        }
    }
}

/// What those are told who need tables where there are none.
pub(crate) fn nowhere(used_by: &str) -> Error {
    Error::config(format!("{used_by} is read from the tables; say where they are: --data <directory>, or --push for a running karat"))
}
