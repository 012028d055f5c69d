//! Removing what is kept of one person or one session, because the law says so.
//!
//! A trace goes whole, with its log records, scores and labels, where any span or record of it names the person: the prompts often
//! stand in spans that do not. A data point of a metric goes where its attributes name the person. A request is a file in `_forget` first, so that a crash does not lose it, and a program beside a
//! running karat can ask. Files without the rows take the place of those with them; the old ones are deleted as after any other
//! replacement, when no reader needs them (`deleted_file_retention_hours`), and the log's files that held the bytes go at once.
//! Each removal leaves a line in `_audit.jsonl`, with a hash in the place of the id. Backups are not touched; one that
//! is made while a request waits holds the request, too.

mod audit;
mod request;
mod rewrite;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
pub(crate) use request::DIR as REQUESTS;
pub use request::Subject;
use request::{Request, pending};
use schema::{Micros, Table, Tenant};
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::error::Error;
use crate::param::Param;
use crate::query::QueryOptions;
use crate::store::{Inner, Store};
use crate::wal;
use crate::writer::flush_all;

/// Traces that one request can name.
const TRACES_MAX: usize = 10_000_000;

/// What was removed for one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Traces that named the person or the session.
    pub traces: usize,
    /// Rows that went, over all tables.
    pub rows: u64,
    /// Files that were written again, or went.
    pub files: usize,
}

/// The rows to remove.
struct Doomed {
    subject: Subject,
    traces: HashSet<String>,
}

impl Store {
    /// Removes what is kept of a person or a session and was acked before the call, physically; nothing of it is found afterwards.
    pub fn forget<'a>(&'a self, tenant: &'a Tenant, subject: Subject, now: Micros) -> BoxFuture<'a, Result<Forgotten, Error>> {
        Box::pin(async move {
            self.inner.check_open()?;
            let request = Request::new(tenant, subject, now);
            let _forgetting = self.inner.work.forgetting.lock().await;
            request.save(&self.inner.config.data)?;
            carry_out(&self.inner, &request).await
        })
    }

    /// Leaves the request to the karat that runs on a data directory; it carries it out within seconds, or at its next start.
    pub fn leave_forget_request(data: &Path, tenant: &Tenant, subject: Subject, now: Micros) -> Result<(), Error> {
        Request::new(tenant, subject, now).save(data)
    }
}

/// Carries out the requests that wait.
pub(super) async fn requested(inner: &Arc<Inner>) -> Result<(), Error> {
    let _forgetting = inner.work.forgetting.lock().await;
    for request in pending(&inner.config.data)? {
        carry_out(inner, &request).await?;
    }
    Ok(())
}

async fn carry_out(inner: &Arc<Inner>, request: &Request) -> Result<Forgotten, Error> {
    let seq = inner.check_open()?.durable();
    inner.progress.reached(seq).await;
    flush_all(inner).await?;
    let doomed = Arc::new(find(inner, request).await?);
    let mut forgotten = Forgotten { traces: doomed.traces.len(), ..Forgotten::default() };
    for table in Table::ALL {
        let Some(state) = inner.tables.find(&request.tenant, *table) else { continue };
        let _tidying = state.tidying.lock().await;
        let doomed = Arc::clone(&doomed);
        let (rows, files) = super::step(inner, &state, "removal", move |inner, state| rewrite::without(inner, state, &doomed)).await?;
        forgotten.rows += rows;
        forgotten.files += files;
    }
    shorten_log(inner).await?;
    let (inner, request) = (Arc::clone(inner), request.clone());
    blocking(move || {
        inner.quarantine.forget(&request.tenant, request.subject.id())?;
        inner.work.forgot(forgotten.rows);
        audit::note(&inner.config.data, &request, forgotten, (inner.clock)())?;
        request.done(&inner.config.data)?;
        Ok(forgotten)
    })
    .await
}

/// Finds the traces that name the subject.
async fn find(inner: &Arc<Inner>, request: &Request) -> Result<Doomed, Error> {
    let sql = match &request.subject {
        Subject::User(_) => include_str!("traces_of_user.sql"),
        Subject::Session(_) => include_str!("traces_of_session.sql"),
    };
    let params = vec![("id".to_owned(), Param::Text(request.subject.id().to_owned()))];
    let options = QueryOptions { params, max_rows: TRACES_MAX, ..QueryOptions::from(&inner.config.query) };
    let answer = inner.query(&request.tenant, sql, &options).await?;
    if answer.truncated {
        return Err(Error::Task("the traces of the request do not fit into store.query.answer_bytes_max; raise it".to_owned()));
    }
    let traces = answer.rows::<(String,)>()?.into_iter().map(|(trace_id,)| trace_id).collect();
    Ok(Doomed { subject: request.subject.clone(), traces })
}

/// Lets go of the log's files, in which the bytes still are, as far as their rows are committed.
async fn shorten_log(inner: &Arc<Inner>) -> Result<(), Error> {
    inner.check_open()?.rotate().await;
    let inner = Arc::clone(inner);
    blocking(move || {
        let applied = inner.tables.applied(inner.progress.watermark());
        let _retiring = inner.retired.lock();
        wal::retire(inner.disk.as_ref(), &inner.wal_dir(), inner.check_open()?.segments(), &inner.window, applied)
    })
    .await
}
