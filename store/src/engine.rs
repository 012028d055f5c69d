//! Where queries run: threads of their own, a bounded number at once, each with a deadline.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use object_store::ObjectStore;
use schema::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
#[cfg(feature = "cluster")]
use tokio_util::task::AbortOnDropHandle;

use crate::answer::Answer;
use crate::catalog::Source;
use crate::error::Error;
use crate::expand::Views;
use crate::query::{Job, QueryOptions};
use crate::query_config::QueryConfig;
use crate::session;
use crate::threads::Threads;

/// Runs the queries of every tenant.
pub(crate) struct Engine {
    config: QueryConfig,
    data: PathBuf,
    clock: Clock,
    runtime: Arc<RuntimeEnv>,
    views: &'static Views,
    threads: Threads,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Makes the queries of a session run on other nodes, too.
pub(crate) type Share = Arc<dyn Fn(SessionState) -> Result<SessionState, Error> + Send + Sync>;

impl Engine {
    /// Starts the threads; the files of every table stand under `data`, and are read through `files`.
    pub(crate) fn open(config: QueryConfig, data: &Path, files: Arc<dyn ObjectStore>, clock: Clock) -> Result<Engine, Error> {
        let data = std::fs::canonicalize(data).map_err(|source| Error::io("open", data, source))?;
        let threads = Threads::start(config.threads()).map_err(|source| Error::io("start threads for", &data, source))?;
        Ok(Engine {
            runtime: session::runtime(&config, files)?,
            views: Views::planned()?,
            threads,
            places: Arc::new(Semaphore::new(config.running_max)),
            waiting: AtomicUsize::new(0),
            config,
            data,
            clock,
        })
    }

    /// Answers one query over the tables of `source`.
    ///
    /// A file that a compaction replaced and deleted in the meantime is no reason to fail: the query begins again, once, with the
    /// files that took its place.
    pub(crate) async fn query(&self, source: &Source, share: Option<&Share>, sql: &str, options: &QueryOptions) -> Result<Answer, Error> {
        let deadline = Instant::now() + options.deadline;
        let place = Arc::new(self.place(deadline, options.deadline).await?);
        let job = || Job {
            place: Arc::clone(&place),
            sql: sql.to_owned(),
            options: options.clone(),
            source: Arc::clone(source),
            share: share.map(Arc::clone),
            config: self.config.clone(),
            data: self.data.clone(),
            views: self.views,
            runtime: Arc::clone(&self.runtime),
            now: (self.clock)(),
        };
        match self.run(job(), deadline).await {
            Err(Error::Engine(error)) if is_vanished_file(error.as_ref()) => self.run(job(), deadline).await,
            answer => answer,
        }
    }

    /// Returns the memory, disk and caches that queries share.
    #[cfg(feature = "cluster")]
    pub(crate) fn runtime(&self) -> Arc<RuntimeEnv> {
        Arc::clone(&self.runtime)
    }

    /// Runs something on the threads of queries, until it ends or is dropped.
    #[cfg(feature = "cluster")]
    pub(crate) fn spawn<F>(&self, task: F) -> Result<AbortOnDropHandle<F::Output>, Error>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.threads.spawn(task)
    }

    async fn run(&self, job: Job, deadline: Instant) -> Result<Answer, Error> {
        let limit = job.options.deadline;
        self.threads.run(job.run(), deadline, limit).await
    }

    /// Waits for a place among the running queries.
    async fn place(&self, deadline: Instant, limit: Duration) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let waiting = Waiting::enter(&self.waiting);
        if waiting.others >= self.config.waiting_max {
            return Err(Error::Queries { waiting: waiting.others });
        }
        match timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await {
            Ok(place) => place.map_err(|_| Error::Closed),
            Err(_) => Err(Error::Deadline { limit }),
        }
    }
}

/// Counts a query among those that wait, until it is dropped.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    others: usize,
}

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        Self { count, others: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells whether a file was gone when the query came to read it; the reader of footers hands on what it was told as text.
fn is_vanished_file(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let is_not_found = matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. }));
        if is_not_found || error.to_string().contains("Object Store error: Object at location") {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use schema::{Day, Micros, Row, Score, Table};
    use tempfile::TempDir;

    use super::*;
    use crate::snapshot::{Bounds, DataFile, TableSnapshot};

    /// Gives a table with a file that is not there as often as it is told to, then one with a held row.
    fn source(directory: &TempDir, vanished: usize) -> (Source, Arc<AtomicUsize>) {
        let looks = Arc::new(AtomicUsize::new(0));
        let (counter, root) = (Arc::clone(&looks), directory.path().canonicalize().unwrap().join("default/scores"));
        let score = Score { id: "a".to_owned(), ..Score::default() };
        let held = Score::encode(&[score]).unwrap();
        let file = DataFile {
            path: "date=1970-01-01/gone.parquet".to_owned(),
            bytes: 100,
            rows: 1,
            date: Day(0),
            time: Bounds::default(),
            ingested: Bounds::default(),
            ids: None,
        };
        let source: Source = Arc::new(move |table: Table| {
            let is_gone = counter.fetch_add(1, Ordering::Relaxed) < vanished;
            let files = if is_gone { vec![Arc::new(file.clone())] } else { Vec::new() };
            TableSnapshot { files: files.into(), held: Arc::from([held.clone()]), ..TableSnapshot::empty(table, root.clone()) }
        });
        (source, looks)
    }

    /// A compaction may delete a file between the moment a query looked and the moment it reads.
    #[tokio::test]
    async fn a_vanished_file_makes_a_query_look_again() {
        let directory = TempDir::new().unwrap();
        let files = Arc::new(object_store::local::LocalFileSystem::new_with_prefix(directory.path()).unwrap());
        let engine = Engine::open(QueryConfig::default(), directory.path(), files, Arc::new(|| Micros(0))).unwrap();
        let options = QueryOptions::default();
        let (once, looks) = source(&directory, 1);
        let answer = engine.query(&once, None, "select id, reason from scores", &options).await.unwrap();
        assert_eq!((answer.n_rows(), looks.load(Ordering::Relaxed)), (1, 2));
        let (always, looks) = source(&directory, usize::MAX);
        assert!(engine.query(&always, None, "select id, reason from scores", &options).await.is_err());
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }
}
