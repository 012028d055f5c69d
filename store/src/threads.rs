//! Threads of their own for queries: deep stacks, a deadline for each task, and panics that stay with it.

use std::any::Any;
use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;

/// Stack of a thread that runs queries: a deep expression is walked by recursion, and freed by it.
pub(crate) const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Threads that read files for queries at most.
const READERS_MAX: usize = 64;

/// The threads; they end without waiting for what they do, because the last handle of them may go in an async task.
pub(crate) struct Threads {
    /// Nothing once they are dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    /// Starts so many.
    pub(crate) fn start(n: usize) -> io::Result<Threads> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(n)
            .thread_name("karat-query")
            .thread_stack_size(STACK_BYTES)
            .max_blocking_threads(READERS_MAX)
            .enable_all()
            .build()?;
        Ok(Threads { runtime: Some(runtime) })
    }

    /// Runs a task here, until it ends or is dropped.
    pub(crate) fn spawn<F>(&self, task: F) -> Result<AbortOnDropHandle<F::Output>, Error>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let Some(runtime) = &self.runtime else { return Err(Error::Closed) };
        Ok(AbortOnDropHandle::new(runtime.spawn(task)))
    }

    /// Runs a query here up to its deadline, which is `limit` after it was asked.
    pub(crate) async fn run<T, F>(&self, query: F, deadline: Instant, limit: Duration) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        match timeout_at(deadline, self.spawn(query)?).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_panic() => Err(Error::Task(format!("a query panicked: {}", panic_message(error.into_panic().as_ref())))),
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => Err(Error::Deadline { limit }),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").chars().take(200).collect()
}
